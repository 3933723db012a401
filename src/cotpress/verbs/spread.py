"""`--processes`: a verb in several processes of one machine, or with `--engine ray` in several
tasks of a cluster, as the shards that `--shard` would make, joined as `merge` does.

The verb is then called as if it alone had made them: it finds all records done, and does what is
left, such as the rows of `eval`.
"""

import shutil
from collections.abc import Callable, Iterator, Mapping
from functools import partial, wraps
from inspect import BoundArguments, Parameter, signature
from pathlib import Path
from typing import Any, Literal, ParamSpec

from cotpress import storage
from cotpress.engine import on_ray, processes
from cotpress.engine.merge import merge
from cotpress.errors import CotpressError
from cotpress.plugins import parse_spec
from cotpress.verbs.common import progress, say

P = ParamSpec("P")

Engine = Literal["processes", "ray"]

ONLY_HERE = ("out", "shard", "processes", "engine", "ray_address")
"""What the processes are given otherwise."""


def never(given: Mapping[str, Any]) -> bool:
    """Shards are made of every run."""
    return False


def by_engines(given: Mapping[str, Any]) -> bool:
    """Whether vLLM engines of a Ray cluster answer, asked by this process, given the arguments of a
    verb: there is then nothing to make shards of. Latent tokens are not for them.
    """
    latent = any(given.get(name) for name in ("latents", "legal_latents", "corrupt_codes"))
    on_vllm = given["backend"] == "vllm" or parse_spec(str(given["model"])).name == "vllm"
    return given["engine"] == "ray" and on_vllm and not latent


def spread(
    verb: str, whole: Callable[[Mapping[str, Any]], bool] = never
) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """Make a function with the parameters `out`, `shard`, `processes`, `engine` and `ray_address`
    do its work in as many processes as it is asked for; it is called `verb` on the command line.
    Where the arguments are such that it is `whole`, it does its work itself.
    """

    def around(function: Callable[P, None]) -> Callable[P, None]:
        @wraps(function)
        def called(*args: P.args, **kwargs: P.kwargs) -> None:
            bound = signature(function).bind(*args, **kwargs)
            bound.apply_defaults()
            n, out = bound.arguments["processes"], Path(bound.arguments["out"])
            engine, address = bound.arguments["engine"], bound.arguments["ray_address"]
            if address and engine != "ray":
                raise CotpressError("--ray-address is for --engine ray: name both, or none.")
            by_itself = whole(bound.arguments)
            if engine == "ray" and n < 2 and not by_itself:
                raise CotpressError(
                    "--engine ray makes shards: say how many with --processes, at least 2."
                )
            if n < 1:
                raise CotpressError("choose --processes of at least 1.")
            if bound.arguments["shard"] and (n > 1 or by_itself):
                raise CotpressError("--shard is one process: leave out --processes, or --shard.")
            if n == 1 or by_itself:
                function(*args, **kwargs)
                return
            if not _begun(out):
                _in_processes(verb, n, list(words(bound)), out, engine, address)
            function(*args, **kwargs)
            shutil.rmtree(storage.shards_path(out), ignore_errors=True)

        return called

    return around


def _in_processes(
    verb: str, n: int, given: list[str], out: Path, engine: Engine, address: str
) -> None:
    """Make all shards, and join them into `out`."""
    folder = storage.shards_path(out)
    work = partial(on_ray.work, address=address) if engine == "ray" else processes.work
    workers = "tasks of Ray" if engine == "ray" else "processes"
    say(f"{verb}: {n} {workers} work, whose shards and logs are in {folder}")
    with storage.locked(folder):
        shards = processes.files(folder, n)
        for _ in progress(work(verb, given, folder, n), verb):
            pass
        joined = merge(shards, out)
    say(f"{verb}: {n} shards with {joined.n} records joined")


def _begun(out: Path) -> bool:
    """Whether the output is finished, or begun by one process, which then goes on with it."""
    part = storage.part_path(out)
    return out.exists() or (part.exists() and part.stat().st_size > 0)


def words(bound: BoundArguments) -> Iterator[str]:
    """The call as it would be typed, without what the processes are given otherwise."""
    for name, value in bound.arguments.items():
        parameter = bound.signature.parameters[name]
        if name in ONLY_HERE or value == parameter.default:
            continue
        if parameter.kind is Parameter.POSITIONAL_ONLY:
            yield str(value)
        else:
            flag = f"--{name.replace('_', '-')}"
            yield from (f"{flag}={one}" for one in _each(value)) if value is not True else [flag]


def _each(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]
