"""Hook of mkdocs: pages of the repository that stand outside of docs/ are pages of the site, too.

The sources are written as GitHub needs them: links lead out of the folder (`../SECURITY.md`), and
code in a table escapes its bars. The site gets what it needs instead. Notebooks become pages.
"""

import json
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]

OUTSIDE = {
    "SECURITY.md": "security.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "recipes/configs/README.md": "recipes-configs.md",
    "docs/notebooks/quickstart.ipynb": "notebook-quickstart.md",
    "docs/notebooks/own_traces.ipynb": "notebook-own-traces.md",
}
"""File of the repository -> page of the site."""


def in_site(markdown: str, folder: str) -> str:
    """The links of a page that stands in `folder` of the repository, as those of the site."""

    def moved(link: re.Match[str]) -> str:
        path, anchor = link[1], link[2] or ""
        target = (ROOT / folder / path).resolve()
        found = str(target.relative_to(ROOT)) if target.is_relative_to(ROOT) else path
        return f"]({OUTSIDE.get(found, found.removeprefix('docs/'))}{anchor})"

    linked = re.sub(r"\]\((?!\w+:)([^)#\s]+)(#[^)\s]*)?\)", moved, markdown)
    return re.sub(r"^\|.*$", lambda row: bare_code(row[0]), linked, flags=re.MULTILINE)


def bare_code(row: str) -> str:
    r"""A row of a table whose code has `|` where GitHub needs `\|`, which the site would show."""
    return re.sub(r"`[^`]*`", lambda code: code[0].replace(r"\|", "|"), row)


def as_markdown(notebook: str) -> str:
    """A notebook as a page: its texts, its code, and what each cell showed."""
    parts = []
    for cell in json.loads(notebook)["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(source)
            continue
        language, code = (
            ("bash", source.split("\n", 1)[1])
            if source.startswith("%%bash")
            else ("python", source)
        )
        parts.append(f"```{language}\n{code}\n```")
        for output in cell["outputs"]:
            data = output.get("data", {})
            if "text/html" in data:
                parts.append("".join(data["text/html"]))
            else:
                text = "".join(output.get("text", data.get("text/plain", []))).strip("\n")
                parts.append(f"````text\n{text}\n````")
    return "\n\n".join(parts) + "\n"


def on_files(files: Files, *, config: Any) -> Files:
    """Add the pages from outside of docs/."""
    for source, page in OUTSIDE.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        text = in_site(
            as_markdown(text) if page.startswith("notebook") else text, str(Path(source).parent)
        )
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, *, page: Any, config: Any, files: Files) -> str:
    """Lead the links of docs/ to the pages of the site."""
    return markdown if page.file.generated_by else in_site(markdown, "docs")
