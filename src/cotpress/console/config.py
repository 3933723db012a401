"""`--config FILE`: the flags of a verb as TOML, and the resolved ones written beside its output.

A file holds one table for each verb or walk: `[compress]`, `[run.tokenskip]`. Its keys are the
flags without their dashes, or the names of the files that the verb reads. There is no schema:
cyclopts reads them as it reads the command line, whose flags win.
"""

import dataclasses
import inspect
import json
import os
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cyclopts import App, CycloptsError, Token
from cyclopts.argument import Argument, ArgumentCollection
from cyclopts.config import Dict, Toml

from cotpress import __version__, storage
from cotpress.errors import CotpressError, UnknownName
from cotpress.remote import url_of

NAME = "config.toml"
"""What the resolved configuration of a walk is called in its folder."""

Reader = Callable[[App, tuple[str, ...], ArgumentCollection], None]
"""What cyclopts calls with the arguments of a command, to fill in those that were not typed."""


def reader(path: Path) -> Reader:
    """Fills in the arguments of a command from its table in the file."""

    def fill(app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
        where = f"[{'.'.join(commands)}] in {path}"
        options: dict[str, Any] = {}
        files = {one.field_info.name: one for one in arguments if is_file(one)}
        for key, value in table(path, commands).items():
            if (argument := files.get(key)) is not None:
                for value_ in () if argument.tokens else _several(value):
                    argument.append(Token(value=value_, source=where, index=len(argument.tokens)))
            elif f"--{(flag := key.replace('_', '-'))}" in option_names(arguments):
                options[flag] = value
            else:
                known = {name.removeprefix("--") for name in option_names(arguments)} | set(files)
                raise UnknownName(f"key of {where}", key, known)
        Dict(options, source=where, use_commands_as_keys=False)(app, commands, arguments)

    return fill


def table(path: Path, commands: Sequence[str]) -> dict[str, Any]:
    """A command's table; `CotpressError` where the file has none."""
    found: Any = tables(path)
    for name in commands:
        found = found.get(name) if isinstance(found, dict) else None
    if not isinstance(found, dict):
        held = ", ".join(f"[{'.'.join(one)}]" for one in commands_of(tables(path)))
        raise CotpressError(
            f"{path} has no table [{'.'.join(commands)}], only {held or 'none'}: "
            "write the flags of a verb under its name."
        )
    return found


def tables(path: Path) -> dict[str, Any]:
    """Everything that the file holds; `CotpressError` where it cannot be read."""
    try:
        return Toml(path, must_exist=True).config
    except FileNotFoundError as error:
        raise CotpressError(f"no file {path}: check the path behind --config.") from error
    except (OSError, CycloptsError) as error:
        raise CotpressError(f"{path} cannot be read as TOML: {error}.") from error


def commands_of(found: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """The commands that have a table: `("run", "tokenskip")`."""
    for name, value in found.items():
        if name == "run" and isinstance(value, dict):
            yield from ((name, method) for method, held in value.items() if isinstance(held, dict))
        elif isinstance(value, dict):
            yield (name,)


def check(path: Path, verbs: Iterable[str], methods: Iterable[str]) -> None:
    """`CotpressError` for a table that no verb, or no method, is called as; also for a key that
    stands in no table.
    """
    found = tables(path)
    for name, value in found.items():
        if not isinstance(value, dict):
            raise CotpressError(
                f"{name!r} in {path} stands in no table: write [VERB] above the flags of a verb, "
                "such as [compress] or [run.tokenskip]."
            )
        if name not in verbs:
            raise UnknownName(f"table in {path}", name, verbs)
    for name in found.get("run", {}):
        if name not in methods:
            raise UnknownName(f"key of [run] in {path}", name, methods)


def method_of(path: Path) -> str:
    """The one method that the file runs; `CotpressError` where there is none, or a choice."""
    found = [command[1] for command in commands_of(tables(path)) if command[0] == "run"]
    if len(found) != 1:
        held = ", ".join(found) or "none"
        raise CotpressError(f"{path} holds the walks {held}: write cotpress run METHOD --config …")
    return found[0]


def option_names(arguments: ArgumentCollection) -> set[str]:
    """The long names of a command's options."""
    return {name for one in arguments for name in one.names if name.startswith("--")}


def is_file(argument: Argument) -> bool:
    """Whether it is known by its place, as the files are that a verb reads."""
    return argument.index is not None and not argument.name.startswith("-")


def _several(value: Any) -> list[str]:
    return [str(one) for one in (value if isinstance(value, list) else [value])]


# --- the resolved configuration -------------------------------------------------------------------


def resolved(bound: inspect.BoundArguments) -> dict[str, Any]:
    """Every argument of a call under its flag, defaults included; without what was not given and
    has no default.
    """
    bound.apply_defaults()
    values: dict[str, Any] = {}
    for name, value in bound.arguments.items():
        parameter = bound.signature.parameters[name]
        if (kind := _options(parameter.annotation)) is not None:
            held = value if value is not None else kind()
            for field in dataclasses.fields(held):
                values[field.name.replace("_", "-")] = getattr(held, field.name)
        elif parameter.kind in (parameter.POSITIONAL_ONLY, parameter.VAR_POSITIONAL):
            values[name] = value
        else:
            values[name.replace("_", "-")] = value
    return {name: _as_named(value) for name, value in values.items() if value is not None}


def _as_named(value: Any) -> Any:
    """A value, with the URLs of files that are elsewhere."""
    if isinstance(value, list | tuple):
        return [_as_named(one) for one in value]
    return (url_of(value) or value) if isinstance(value, Path) else value


def _options(annotation: Any) -> Any:
    """The dataclass that a parameter's options stand in; None for a plain parameter."""
    if dataclasses.is_dataclass(annotation):
        return annotation
    return next(filter(None, map(_options, typing.get_args(annotation))), None)


def as_toml(commands: Sequence[str], values: Mapping[str, Any]) -> str:
    """One table, behind the command that runs it again."""
    return "\n".join(
        [
            f"# cotpress {__version__}; again: cotpress {commands[0]} --config THIS FILE",
            f"[{'.'.join(commands)}]",
            *(f"{name} = {_toml(value)}" for name, value in values.items()),
            "",
        ]
    )


def _toml(value: Any) -> str:
    """A value as TOML has it, which is as JSON has it but for infinities and DEL."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, bool | int):
        return json.dumps(value)
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")


def place(out: Path, commands: Sequence[str]) -> Path:
    """Where the resolved configuration of an output stands: in the folder of a walk, beside the
    file or folder of a verb (`eval.jsonl` -> `eval.config.toml`, `eval.json` ->
    `eval.json..config.toml`).
    """
    if commands[0] == "run":
        return out / NAME
    return out.with_name(f"{out.name if out.is_dir() else storage.stem(out)}.{NAME}")


def write(out: Path, commands: Sequence[str], values: Mapping[str, Any]) -> None:
    """Write it; of several processes of one launch the first one does."""
    if int(os.environ.get("RANK", "0")) == 0:
        storage.write_atomic(place(out, commands), as_toml(commands, values).encode())


def begin(out: Path, commands: Sequence[str], values: Mapping[str, Any]) -> None:
    """Write that of a walk that has only begun, unless an earlier one is there: this one may still
    be refused.
    """
    if not place(out, commands).exists():
        write(out, commands, values)
