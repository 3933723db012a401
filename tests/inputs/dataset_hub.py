"""A stand-in for the hub's HTTP interface: what `datasets` asks of one data set, on loopback."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote, urlparse

SHA = "0123456789abcdef0123456789abcdef01234567"
DATASET = "some/set"
API = f"/api/datasets/{DATASET}"
FILES = f"/datasets/{DATASET}/resolve/"


class Hub(BaseHTTPRequestHandler):
    """The data set `some/set`, at one commit; anything else is not there."""

    protocol_version = "HTTP/1.1"
    folder: Path
    gated: bool

    def do_GET(self) -> None:
        path = unquote(urlparse(self.path).path)
        if self.gated and DATASET in path:
            self.refuse(403, "GatedRepo")
        elif path in (API, f"{API}/revision/main", f"{API}/revision/{SHA}"):
            files = [{"rfilename": one["path"]} for one in self.entries("", deep=True)]
            self.reply({"id": DATASET, "sha": SHA, "tags": [], "siblings": files})
        elif path.startswith(f"{API}/tree/"):
            below = path.removeprefix(f"{API}/tree/").partition("/")[2]
            self.reply(self.entries(below, deep="recursive=true" in self.path.lower()))
        elif path.startswith(FILES):
            self.file(self.folder / path.removeprefix(FILES).partition("/")[2])
        else:
            self.refuse(404, "RepoNotFound")

    do_HEAD = do_GET

    def entries(self, below: str, *, deep: bool) -> list[dict]:
        found = (self.folder / below).glob("**/*" if deep else "*")
        return [
            {
                "type": "file" if path.is_file() else "directory",
                "path": path.relative_to(self.folder).as_posix(),
                "size": path.stat().st_size if path.is_file() else 0,
                "oid": SHA,
            }
            for path in sorted(found)
        ]

    def file(self, path: Path) -> None:
        if not path.is_file():
            return self.refuse(404, "EntryNotFound")
        content = path.read_bytes()
        first, _, last = self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")
        begin, end = int(first), min(int(last or len(content)), len(content) - 1)
        self.send(
            206 if "Range" in self.headers else 200,
            content[begin : end + 1],
            {
                "X-Repo-Commit": SHA,
                "ETag": f'"{path.name}"',
                "Content-Range": f"bytes {begin}-{end}/{len(content)}",
            },
        )

    def reply(self, value: object) -> None:
        self.send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def refuse(self, status: int, code: str) -> None:
        self.send(status, b"", {"X-Error-Code": code, "X-Error-Message": code})

    def send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(folder: Path, *, gated: bool = False) -> Iterator[str]:
    """The address of a hub whose one data set is what the folder holds."""
    handler = type("Served", (Hub,), {"folder": folder, "gated": gated})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
