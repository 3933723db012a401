"""How the files of a report came to be: the commands that made them, in order, ready to be pasted.

Every output has its resolved options beside it (`eval.jsonl` -> `eval.config.toml`, a walk's folder
-> `config.toml` in it). They name the files that a verb read, so the chain is followed from the
evaluation back to the first traces, as far as its files are found.
"""

import platform
import shlex
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from cotpress.jsonl import stem

NAME = "config.toml"
PACKAGES = ("torch", "transformers", "tokenizers", "peft", "trl", "math-verify", "vllm")
"""Whose versions are listed, where they are installed."""


@dataclass(frozen=True)
class Step:
    """One command that had a part in it."""

    command: str
    options: str
    """Its resolved options, as TOML."""


def steps(files: Iterable[Path]) -> tuple[Step, ...]:
    """The commands behind files, each once, a command behind those whose outputs it reads."""
    found: dict[Path, Step] = {}
    for file in files:
        _follow(file, found, set())
    return tuple(found.values())


def _follow(file: Path, found: dict[Path, Step], seen: set[Path]) -> None:
    """Add what made a file, after what made the files that it was made of."""
    config = next(filter(Path.is_file, _configs(file)), None)
    if config is None or config in seen or config in found:
        return
    seen.add(config)
    try:
        text = config.read_text(encoding="utf-8")
        command, options = _command(tomllib.loads(text))
    except (OSError, ValueError, StopIteration):
        return
    if command[0] != "run":  # a walk makes its files itself
        for value in _paths(options):
            _follow(value, found, seen)
    again = shlex.join(["cotpress", *command, "--config", str(config)])
    found[config] = Step(again, text)


def _configs(file: Path) -> Iterator[Path]:
    """Where the options of what made a file may stand: beside it, in it, in its walk's folder."""
    yield file.with_name(f"{stem(file)}.{NAME}")
    yield file.with_name(f"{file.name}.{NAME}")
    yield file / NAME
    yield file.parent / NAME


def _command(tables: dict[str, Any]) -> tuple[list[str], dict[str, Any]]:
    """The one command of a resolved configuration, and its options."""
    verb, options = next(iter(tables.items()))
    if verb != "run":
        return [verb], options
    method, options = next(iter(options.items()))
    return [verb, method], options


def _paths(options: dict[str, Any]) -> Iterator[Path]:
    """What may be a file or a folder among options, but for the output itself."""
    for name, value in options.items():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, str) and one and name != "out":
                path = Path(one.removeprefix("hf:").partition("+")[0])
                if "/" in one or path.suffix:
                    yield path


def environment() -> str:
    """Python, system and versions of what computes here, in one line."""
    versions = []
    for package in PACKAGES:
        try:
            versions.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            continue
    system = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    return ", ".join([system, *versions])
