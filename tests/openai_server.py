"""An OpenAI-compatible server on loopback that answers, counts,
and makes every kind of trouble when told to.
"""

import gzip
import json
import re
import threading
from collections import deque
from collections.abc import Callable
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

HEADER = ["<|im_start|>"]


class FakeServer(ThreadingHTTPServer):
    """`troubles` are made first, one per request; then `say(body)` is
    answered. `asked` holds every body, `keys` every key.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/v1"
        self.troubles: deque[str] = deque()
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.say: Callable[[dict[str, Any]], Any] = lambda body: "4"
        self.model = "fake"
        self.offers: list[str] = []
        """What it lists as its models; nothing: `model`."""
        self.usage = self.continues = self.takes_ratio = True
        self.echoes = False
        self.streams: deque[str] = deque()
        """Troubles in the middle of a stream, one for each."""
        self.over = threading.Event()
        self.lock = threading.Lock()

    def prompt(self, body: dict[str, Any]) -> list[str]:
        """The chat in tokens, as this server's template writes it."""
        messages = [dict(message) for message in body["messages"]]
        told = body.get("chat_template_kwargs", {})
        ratio, budget = told.get("compression_ratio") or 1.0, told.get("thinking_budget")
        if self.takes_ratio and ratio < 1:
            messages[-1]["content"] += f" <ratio> {ratio} </ratio>"
        if self.takes_ratio and budget:
            messages[-1]["content"] += f" <budget> {budget} </budget>"
        begun = self.continues and body.get("continue_final_message") and messages.pop()
        turns = [
            token
            for one in messages
            for token in (*HEADER, one["role"], *one["content"].split(), "<|im_end|>")
        ]
        return [*turns, *HEADER, "assistant", *(begun["content"].split() if begun else [])]

    def answer(self, body: dict[str, Any]) -> dict[str, Any]:
        """A chat completion; what `say` returns is the text, the message, or the whole response."""
        said = self.say(body)
        if isinstance(said, dict) and "choices" in said:
            return said
        message = said if isinstance(said, dict) else {"content": said}
        words = re.findall(r"\s*\S+", " ".join(filter(None, map(str, message.values()))))
        limit = body.get("max_tokens") or body["max_completion_tokens"]
        if len(words) > limit:
            message = {"content": "".join(words[:limit])}
        reason, n_words = ("length", limit) if len(words) > limit else ("stop", len(words) + 1)
        if self.echoes and body.get("continue_final_message"):
            message = {"content": body["messages"][-1]["content"] + message["content"]}
        n_prompt = len(self.prompt(body))
        usage = {
            "prompt_tokens": n_prompt,
            "completion_tokens": n_words,
            "total_tokens": n_prompt + n_words,
        }
        return {
            "id": "same",
            "object": "chat.completion",
            "created": 0,
            "model": self.model,
            "choices": [
                {"index": 0, "message": {"role": "assistant"} | message, "finish_reason": reason}
            ],
        } | ({"usage": usage} if self.usage else {})


class _Handler(BaseHTTPRequestHandler):
    server: FakeServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        names = self.server.offers or [self.server.model]
        self._send(
            200,
            json.dumps(
                {"object": "list", "data": [{"id": name, "object": "model"} for name in names]}
            ).encode(),
        )

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            self.server.asked.append(body)
            self.server.keys.append(self.headers.get("Authorization", ""))
            trouble = self.server.troubles.popleft() if self.server.troubles else ""
        if trouble == "hang":
            self.server.over.wait()
        elif trouble == "cut":
            self.wfile.write(
                b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 999\r\n\r\n{"choi'
            )
            self.wfile.flush()
            self.close_connection = True
        elif trouble == "drip":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n")
            try:
                while not self.server.over.wait(0.05):
                    self.wfile.write(b" ")
                    self.wfile.flush()
            except OSError:
                self.close_connection = True
        elif trouble == "huge":
            self._send(
                200, json.dumps({"choices": [{"message": {"content": "w" * (3 << 20)}}]}).encode()
            )
        elif trouble in ("gzip", "gzip bomb", "brotli"):
            n = 30 << 20 if trouble == "gzip bomb" else 10
            said = {"choices": [{"message": {"content": "w" * n}, "finish_reason": "stop"}]}
            packed = gzip.compress(json.dumps(said).encode(), 1)
            named = "br" if trouble == "brotli" else "gzip"
            self._send(200, packed, **{"Content-Encoding": named})
        elif trouble.startswith("redirect "):
            self._send(307, b"", Location=trouble.removeprefix("redirect "))
        elif trouble == "malformed":
            self._send(200, b'{"choices": [{"mess')
        elif trouble == "page":
            self._send(200, b"<html>Welcome</html>", type="text/html")
        elif trouble == "no choice":
            self._send(200, b'{"id": "x", "choices": []}')
        elif trouble:
            status, _, said = trouble.partition(" ")
            error = {"error": {"message": said.format(key=self.headers.get("Authorization"))}}
            self._send(
                int(status),
                json.dumps(error).encode(),
                **{"Retry-After": "0.01"} if status == "429" else {},
            )
        else:
            try:
                answer = self.server.answer(body)
                if body.get("stream"):
                    self._stream(answer, counted="stream_options" in body)
                else:
                    self._send(200, json.dumps(answer).encode())
            except ValueError as error:  # of the chat template
                self._send(400, json.dumps({"error": {"message": str(error)}}).encode())

    def _stream(self, answer: dict[str, Any], *, counted: bool) -> None:
        """The answer as server-sent events, a word of each part of the message at a time; the last
        of `streams`, if any, is a trouble in the middle of it.
        """
        choice, usage = answer["choices"][0], answer.get("usage")
        deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
        for name in ("reasoning_content", "reasoning", "content"):
            words = re.findall(r"\s*\S+\s*?", choice["message"].get(name) or "")
            deltas += [{name: word} for word in words]
        trouble = self.server.streams.popleft() if self.server.streams else ""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        for n, delta in enumerate(deltas):
            if n == 3 and trouble == "cut":
                return
            if n == 3 and trouble == "hang":
                self.server.over.wait()
                return
            self._event({"delta": delta})
        self._event({"delta": {}, "finish_reason": choice["finish_reason"]})
        if usage and counted:
            self._event(None, usage=usage)
        self.wfile.write(b"data: [DONE]\n\n")

    def _event(self, choice: dict[str, Any] | None, **more: Any) -> None:
        choices = [] if choice is None else [{"index": 0, "finish_reason": None} | choice]
        about = {"id": "same", "object": "chat.completion.chunk", "created": 0}
        chunk = about | {"model": self.server.model, "choices": choices} | more
        self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
        self.wfile.flush()

    def _send(
        self, status: int, content: bytes, type: str = "application/json", **headers: str
    ) -> None:
        self.send_response(status)
        for name, value in {
            "Content-Type": type,
            "Content-Length": str(len(content)),
            **headers,
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving():
    """A server that runs until the block ends."""
    server = FakeServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        thread.join()
        server.server_close()
