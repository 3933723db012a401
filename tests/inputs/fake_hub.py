"""A stand-in for the hub's HTTP interface: what `datasets` asks of one data set, on loopback.

Run as a file it serves the folder `sys.argv[1]` as OWNER/NAME: it prints its address, then every
request. Made for tests in another process, because the hub's address is read at import.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlparse

SHA = "0123456789abcdef0123456789abcdef01234567"


class Hub(BaseHTTPRequestHandler):
    """One data set, which may be gated."""

    protocol_version = "HTTP/1.1"
    folder: Path
    dataset = "some/set"
    gated = False

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"{}")
        wanted = asked.get("paths", [])
        self.reply([one for one in self.listing() if one["path"] in wanted])

    def do_GET(self) -> None:
        path = unquote(urlparse(self.path).path)
        print(self.command, self.path, flush=True)
        if self.gated and path.startswith(f"/api/datasets/{self.dataset}"):
            self.send_response(403)
            self.send_header("X-Error-Code", "GatedRepo")
            self.send_header("X-Error-Message", "Access to this resource is restricted.")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        api = f"/api/datasets/{self.dataset}"
        if path in (api, f"{api}/revision/main", f"{api}/revision/{SHA}"):
            self.reply(
                {
                    "id": self.dataset,
                    "sha": SHA,
                    "private": False,
                    "gated": False,
                    "disabled": False,
                    "tags": [],
                    "downloads": 0,
                    "likes": 0,
                    "siblings": [{"rfilename": one["path"]} for one in self.listing()],
                }
            )
        elif path.startswith(f"{api}/tree/"):
            _, _, below = path.removeprefix(f"{api}/tree/").partition("/")
            found = self.tree(below, deep="recursive=true" in self.path.lower())
            self.reply(found) if found else self.missing("EntryNotFound")
        elif path.startswith(f"/datasets/{self.dataset}/resolve/"):
            name = path.removeprefix(f"/datasets/{self.dataset}/resolve/").partition("/")[2]
            self.file(self.folder / name)
        else:
            self.missing("RepoNotFound")

    def listing(self) -> list[dict]:
        files = sorted(path for path in self.folder.rglob("*") if path.is_file())
        return [
            {
                "type": "file",
                "path": path.relative_to(self.folder).as_posix(),
                "size": path.stat().st_size,
                "oid": SHA,
            }
            for path in files
        ]

    def tree(self, below: str, *, deep: bool) -> list[dict]:
        folder = self.folder / below
        paths = sorted(folder.rglob("*") if deep else folder.glob("*"))
        files = {one["path"]: one for one in self.listing()}
        names = [path.relative_to(self.folder).as_posix() for path in paths]
        return [
            files.get(name) or {"type": "directory", "path": name, "oid": SHA, "size": 0}
            for name in names
        ]

    def file(self, path: Path) -> None:
        if not path.is_file():
            return self.missing("EntryNotFound")
        content = path.read_bytes()
        span = self.headers.get("Range")
        begin, end = 0, len(content) - 1
        if span:
            first, _, last = span.removeprefix("bytes=").partition("-")
            begin, end = int(first), min(int(last or end), end)
        self.send_response(206 if span else 200)
        self.send_header("X-Repo-Commit", SHA)
        self.send_header("ETag", f'"{path.name}"')
        self.send_header("Accept-Ranges", "bytes")
        if span:
            self.send_header("Content-Range", f"bytes {begin}-{end}/{len(content)}")
        self.send(content[begin : end + 1])

    def reply(self, value: object) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send(json.dumps(value).encode())

    def missing(self, code: str) -> None:
        self.send_response(404)
        self.send_header("X-Error-Code", code)
        self.send_header("X-Error-Message", "not found")
        self.send(b"")

    def send(self, body: bytes) -> None:
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def served(folder: Path, *, gated: bool = False) -> ThreadingHTTPServer:
    """A hub that is ready to serve `folder`; its address is `server_address`."""
    handler = type("Served", (Hub,), {"folder": folder, "gated": gated})
    return ThreadingHTTPServer(("127.0.0.1", 0), handler)


if __name__ == "__main__":
    server = served(Path(sys.argv[1]), gated="gated" in sys.argv[2:])
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()
