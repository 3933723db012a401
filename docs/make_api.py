"""Write docs/api.md: what `import cotpress` offers, by stage. The site fills in signatures and
docstrings (mkdocstrings); a test holds the page to the package.

python docs/make_api.py
"""

import ast
from pathlib import Path

import cotpress

PAGE = Path(__file__).parent / "api.md"
PACKAGE = Path(cotpress.__file__).parent

HEAD = """# Library reference

Made by `python docs/make_api.py` from the code; do not edit.

All names are those of `import cotpress`. [As a library](library.md) uses them in order; the fields of the records are in [file formats](formats.md#records).
Signatures and docstrings follow in the site (`make site`); on GitHub they are in the module that the table names.
"""


def first_sentence(module: str, name: str) -> str:
    """The beginning of a docstring, up to its first full stop, without importing the module."""
    path = PACKAGE.joinpath(*module.split("."))
    source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    tree = ast.parse(source.read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name:
            text = " ".join((ast.get_docstring(node) or "").partition("\n\n")[0].split())
            end = text.find(". ")
            return (text if end < 0 else text[: end + 1]).rstrip(":;").replace("|", "\\|")
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    return first_sentence(node.module.removeprefix("cotpress."), alias.name)
    raise LookupError(f"no {name} in {source}")


def page() -> str:
    """The whole page."""
    rows, parts = ["| name | what it is | module |", "|---|---|---|"], []
    for name, (module, own) in cotpress._HOME.items():
        rows.append(f"| `{name}` | {first_sentence(module, own)} | `cotpress.{module}` |")
        renamed = "" if own == name else f"\n    options:\n      heading: {name}"
        parts.append(f"::: cotpress.{module}.{own}{renamed}\n")
    return "\n".join([HEAD, *rows, "", "## Signatures", "", *parts])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE}")
