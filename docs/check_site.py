"""Does a page of the built site ask another host for anything? Links that a reader may follow are
fine; scripts, styles, fonts, pictures and frames are not.

python docs/check_site.py site
"""

import re
import sys
from html.parser import HTMLParser
from pathlib import Path

LOADED = {
    "script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src", "audio": "src", "embed": "src", "object": "data",
}  # fmt: skip
"""Element -> the attribute whose address a browser fetches by itself."""

FETCHED = {
    "stylesheet",
    "preload",
    "preconnect",
    "dns-prefetch",
    "prefetch",
    "icon",
    "modulepreload",
}
"""Values of `<link rel=…>` that make a browser fetch or connect."""


class Requests(HTMLParser):
    """The addresses that one page loads."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what this element loads."""
        given = {name: value or "" for name, value in attrs}
        if tag in LOADED and LOADED[tag] in given:
            self.found.append(given[LOADED[tag]])
        if tag == "link" and FETCHED & set(given.get("rel", "").split()):
            self.found.append(given.get("href", ""))


def foreign(folder: Path) -> list[str]:
    """`PAGE: ADDRESS` of every request to another host."""
    found = []
    for path in sorted(folder.rglob("*.html")):
        requests = Requests()
        requests.feed(path.read_text(encoding="utf-8"))
        found += [f"{path}: {one}" for one in requests.found if re.match(r"(https?:)?//", one)]
    for path in sorted(folder.rglob("*.css")):
        text = path.read_text(encoding="utf-8")
        found += [
            f"{path}: {one}"
            for one in re.findall(r"(?:url\(|@import)\s*['\"]?((?:https?:)?//[^'\")]+)", text)
        ]
    return found


if __name__ == "__main__":
    asked = foreign(Path(sys.argv[1]))
    if asked:
        sys.exit("\n".join(["the site asks other hosts:", *asked]))
    print(f"{sys.argv[1]}: no request to another host")
