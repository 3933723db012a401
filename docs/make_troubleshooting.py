"""Write docs/troubleshooting.md: every sentence with which cotpress refuses, read from its source,
with cause and cure of those that are met most often (docs/causes.toml). A test holds the page to
the code.

python docs/make_troubleshooting.py
"""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import cotpress

PAGE = Path(__file__).parent / "troubleshooting.md"
CAUSES = Path(__file__).parent / "causes.toml"
PACKAGE = Path(cotpress.__file__).parent

RAISED = {"CotpressError", "BadRecord", "TemplateRefusal"}

HEAD = """# Troubleshooting

Made by `python docs/make_troubleshooting.py` from the code and `docs/causes.toml`; do not edit.

A mistake that you can mend is one sentence on standard error, with exit code 2. Search this page for the part of the sentence that is not a name or a number: `…` stands for those. The first part
explains the sentences that are met most often, the second lists all others by the part of the program that says them. A traceback is a mistake of ours: please report it, with what `cotpress doctor` prints.

Before anything else: `cotpress doctor` examines the installation, `cotpress doctor model M` a model and its chat template, `cotpress doctor data FILE` a file of examples, `cotpress doctor server URL` a server.
"""

PARTS = {
    "inputs jsonl importing remote": "Reading files",
    "storage folders replacing failures": "Outputs that exist already",
    "console cli plugins errors prompts": "Command line and plug-ins",
    "tasks": "Tasks",
    "models lm backends": "Models and servers",
    "scorers": "Scorers",
    "pipeline": "Grading, cutting, building",
    "latent": "Token Assorted",
    "training rewards": "Training",
    "evaluation": "Evaluation",
    "serving report play": "Export, report and play",
    "walks cost": "Whole walks",
    "engine": "Shards and processes",
    "verbs": "Options of the verbs",
    "": "Elsewhere",
}
"""Files or folders of the package -> heading; the last is that of all others."""


class Source:
    """One file: what its error messages say."""

    def __init__(self, path: Path) -> None:
        self.tree = ast.parse(path.read_text(encoding="utf-8"))
        self.texts = {
            target.id: node.value
            for node in self.tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        self.functions = {
            node.name: node for node in ast.walk(self.tree) if isinstance(node, ast.FunctionDef)
        }

    def said(self, node: ast.expr) -> list[str]:
        """What an expression may be, `…` for what the source does not fix."""
        match node:
            case ast.Constant(value=str(text)):
                return [text]
            case ast.JoinedStr(values=parts):
                return ["".join(self.said(part)[0] for part in parts)]
            case ast.FormattedValue(value=ast.Name(id=name)) if name in self.texts:
                return self.said(self.texts[name])
            case ast.BinOp(left=left, right=right, op=ast.Add()):
                return [self.said(left)[0] + self.said(right)[0]]
            case ast.IfExp(body=body, orelse=other):
                return [*self.said(body), *self.said(other)]
            case ast.Name(id=name) if name in self.texts:
                return self.said(self.texts[name])
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if (
                name in self.functions
            ):
                returned = [
                    one.value
                    for one in ast.walk(self.functions[name])
                    if isinstance(one, ast.Return) and one.value
                ]
                return [text for one in returned for text in self.said(one)] or ["…"]
        return ["…"]

    def messages(self) -> Iterator[str]:
        """Every sentence that the file raises."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call) and node.args:
                called = node.func
                name = getattr(called, "id", getattr(called, "attr", ""))
                if name in RAISED or (name == "__init__" and "super" in ast.dump(called)):
                    yield from self.said(node.args[0])


def messages() -> dict[str, list[str]]:
    """Heading -> its sentences, each once, in the order of the source."""
    found: dict[str, list[str]] = {heading: [] for heading in PARTS.values()}
    seen = set()
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.is_relative_to(PACKAGE / "assets"):
            continue
        for text in Source(path).messages():
            text = re.sub(r"…+", "…", " ".join(text.split()))
            if not re.search(r"[a-z]{3}", text) or text in seen:
                continue
            seen.add(text)
            found[heading_of(path)].append(text)
    return found


def heading_of(path: Path) -> str:
    """The part of the program that a file belongs to."""
    places = {part.removesuffix(".py") for part in path.relative_to(PACKAGE).parts}
    found = (heading for units, heading in PARTS.items() if places & set(units.split()))
    return next(found, PARTS[""])


def escaped(text: str) -> str:
    """A sentence as Markdown that shows it as it is; code in it stays code."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(
        part if part.startswith("`") else re.sub(r"([\\*_<\[\]|])", r"\\\1", part) for part in parts
    )


def page() -> str:
    """The whole page."""
    found = messages()
    sentences = [text for texts in found.values() for text in texts]
    explained = set()
    parts = [HEAD]
    for heading, causes in tomllib.loads(CAUSES.read_text(encoding="utf-8")).items():
        parts.append(f"## {heading}\n")
        for fragment, cause in causes.items():
            met = [text for text in sentences if fragment in text]
            if not met:
                raise LookupError(f"no message says {fragment!r}: mend {CAUSES}")
            explained |= set(met)
            parts.append("\n>\n".join(f"> {escaped(text)}" for text in met))
            parts.append(f"\n{' '.join(cause.split())}\n")
    parts.append("## All other sentences\n")
    for heading, texts in found.items():
        rest = [text for text in texts if text not in explained]
        if rest:
            parts.append(f"### {heading}\n")
            parts.append("\n".join(f"- {escaped(text)}" for text in rest) + "\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE}")
