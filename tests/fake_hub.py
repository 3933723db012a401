"""A stand-in for the Hub on loopback: who am I, create a repository, preupload, upload, commit.

It speaks the part of the HTTP interface that `huggingface_hub` uses without Xet, and keeps what was
uploaded. Weights go by LFS, all else inside of the commit, as the Hub has it.
"""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "hf_" + "aSecretThatMustNotBeSeen"


@dataclass
class Hub:
    url: str = ""
    repositories: dict[str, dict[str, Any]] = field(default_factory=dict)
    """`models/ORG/NAME` or `datasets/ORG/NAME` -> what it was created with."""
    files: dict[str, dict[str, bytes]] = field(default_factory=dict)
    """The same -> what was committed, by path."""
    commits: list[str] = field(default_factory=list)
    """Their messages."""
    asked: list[str] = field(default_factory=list)
    """METHOD PATH of every request."""
    blobs: dict[str, bytes] = field(default_factory=dict)
    forbidden: bool = False
    """Whether the token may only read."""
    busy: str = ""
    """What is said where a repository should be created, with status 400."""


@contextmanager
def serving() -> Iterator[Hub]:
    hub = Hub()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def body(self) -> bytes:
            return self.rfile.read(int(self.headers.get("content-length") or 0))

        def reply(self, content: object, status: int = 200, **headers: str) -> None:
            data = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(data)

        def known(self) -> bool:
            hub.asked.append(f"{self.command} {self.path}")
            return self.headers.get("authorization") == f"Bearer {TOKEN}"

        def do_GET(self) -> None:
            if not self.known():
                self.reply({"error": "Invalid username or password."}, 401)
            elif self.path == "/api/whoami-v2":
                self.reply({"name": "me", "orgs": []})
            else:
                self.reply({"error": "not here"}, 404)

        def do_PUT(self) -> None:
            hub.asked.append(f"PUT {self.path}")
            hub.blobs[self.path.rpartition("/")[2]] = self.body()
            self.reply({}, 200, ETag="x")

        def do_POST(self) -> None:
            content, parts = self.body(), self.path.partition("?")[0].strip("/").split("/")
            if not self.known():
                self.reply({"error": "Invalid username or password."}, 401)
            elif parts == ["api", "repos", "create"]:
                self.create(json.loads(content))
            elif parts == ["api", "validate-yaml"]:
                self.reply({"warnings": [], "errors": []})
            elif parts[-1] == "batch":
                self.reply({"transfer": "basic", "objects": self.wanted(json.loads(content))})
            elif "preupload" in parts[4:5]:
                self.reply({"files": [self.mode(one) for one in json.loads(content)["files"]]})
            elif "commit" in parts[4:5]:
                self.commit("/".join(parts[1:4]), content)
            else:
                self.reply({"error": "not here"}, 404)

        def create(self, wanted: dict[str, Any]) -> None:
            kind = wanted.get("type") or "model"
            name = f"{wanted['organization']}/{wanted['name']}"
            url = f"{hub.url}/{'' if kind == 'model' else kind + 's/'}{name}"
            if hub.forbidden:
                self.reply({"error": "You don't have the rights"}, 403)
            elif hub.busy:
                self.reply({"error": hub.busy}, 400)
            else:
                there = f"{kind}s/{name}" in hub.repositories
                hub.repositories.setdefault(f"{kind}s/{name}", wanted)
                self.reply({"url": url, "name": name}, 409 if there else 200)

        def mode(self, one: dict[str, Any]) -> dict[str, Any]:
            mode = "lfs" if one["path"].endswith(".safetensors") else "regular"
            return {"path": one["path"], "uploadMode": mode, "shouldIgnore": False, "oid": None}

        def wanted(self, batch: dict[str, Any]) -> list[dict[str, Any]]:
            return [
                one | {"actions": {"upload": {"href": f"{hub.url}/blob/{one['oid']}"}}}
                for one in batch["objects"]
            ]

        def commit(self, name: str, content: bytes) -> None:
            files = hub.files.setdefault(name, {})
            for line in map(json.loads, content.splitlines()):
                value = line["value"]
                if line["key"] == "header":
                    hub.commits.append(value["summary"])
                elif line["key"] == "file":
                    files[value["path"]] = base64.b64decode(value["content"])
                elif line["key"] == "lfsFile":
                    files[value["path"]] = hub.blobs[value["oid"]]
            self.reply({"commitUrl": f"{hub.url}/{name}/commit/1", "commitOid": "1" * 40})

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
