"""The verbs. Commands are named by import string, so that `--help` and `ls` never import torch.

What the list of verbs says about each is its function's docstring, read from the file without
importing it.
"""

import errno
import os
import re
import signal
import sys
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from inspect import BoundArguments, cleandoc
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, Never

from cyclopts import App, CycloptsError, Group, MissingArgumentError, Parameter
from cyclopts.help import DefaultFormatter, HelpPanel, PanelSpec
from rich.box import SIMPLE
from rich.console import Console, ConsoleOptions
from rich.text import Text

from cotpress import __version__, remote
from cotpress.console import config as configuration
from cotpress.console import mistakes, places
from cotpress.console import words as typed
from cotpress.errors import CotpressError
from cotpress.replacing import replacing
from cotpress.shown import shown

HELP = """Teach a language model to reason in fewer tokens, and see what it costs in accuracy.

The walk: generate (or import) -> grade -> score -> compress -> build -> train -> eval -> report.
`cotpress run` does it all; `cotpress export` makes the folder that is served.
"""

WALK = (
    "generate",
    "import",
    "grade",
    "select",
    "score",
    "average",
    "compress",
    "verify",
    "conclude",
    "train-scorer",
    "train-vqvae",
    "mix",
    "build",
    "train",
    "eval",
    "plan",
    "report",
)
VERBS = (*WALK, "merge", "show", "play", "export", "doctor", "run", "ls")

NAMES = {
    "import": "import_",
    "eval": "evaluate",
    "train-scorer": "train_scorer",
    "train-vqvae": "train_vqvae",
}
"""File and function of a verb whose name cannot be Python's."""

RUN = """Walk a whole method in one folder, from problems to a report; started again, it goes on.

Example: cotpress run tokenskip --task gsm8k --model hf:Qwen/Qwen2.5-1.5B-Instruct --out runs/q
"""

METHODS = ("tokenskip", "cts", "token-assorted", "shortest")
"""What `cotpress run` walks, one file each."""

STOPPED = "stopped; finished records are kept, and the same command goes on from there."

INPUT_TROUBLE = (errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ)

OUTPUT_TROUBLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EPERM, errno.EROFS)


def docstring(place: str) -> str:
    """What the function says about itself that the file of
    the same name holds: `verbs/train`, `walks/cts`.
    """
    path = Path(__file__).parent / f"{place}.py"
    source = path.read_text(encoding="utf-8")
    found = re.search(rf'^def {path.stem}\(.*?^    """(.*?)"""', source, re.DOTALL | re.MULTILINE)
    return cleandoc(found[1]) if found else ""


class Help(DefaultFormatter):
    """Help whose lines are broken by the terminal, not where those of the docstring end."""

    def __call__(self, console: Console, options: ConsoleOptions, panel: HelpPanel) -> None:
        """Print one panel."""
        for entry in panel.entries:
            text = getattr(entry.description, "primary_renderable", None)
            if isinstance(text, Text):
                text.plain = " ".join(text.plain.split())
        super().__call__(console, options, panel)


def _shown(default: object) -> str | None:
    """How help shows a default, as it would be typed: not at
    all where the option is simply not given.
    """
    if default is None or default is False or default in ("", ()):
        return None
    return " ".join(map(str, default)) if isinstance(default, tuple) else str(default)


app = App(
    name="cotpress",
    version=__version__,
    help=HELP,
    help_format="plaintext",
    help_formatter=Help(panel_spec=PanelSpec(box=SIMPLE)),
    console=Console(
        width=None if sys.stdout.isatty() else 120,
        color_system=None if os.environ.get("NO_COLOR") else "auto",
    ),
    default_parameter=Parameter(negative_iterable=(), show_default=_shown),
    suppress_keyboard_interrupt=False,
)


walks = App(name="run", help=RUN, sort_key=VERBS.index("run"))
app.command(walks)
for _place, _verb in enumerate(VERBS):
    _name = NAMES.get(_verb, _verb)
    if _verb != "run":
        app.command(
            f"cotpress.verbs.{_name}:{_name}",
            name=_verb,
            help=docstring(f"verbs/{_name}"),
            sort_key=_place,
        )
for _place, _method in enumerate(METHODS):
    _name = _method.replace("-", "_")
    walks.command(
        f"cotpress.walks.{_name}:{_name}",
        name=_method,
        help=docstring(f"walks/{_name}"),
        sort_key=_place,
    )

app.register_install_completion_command(
    help="Let the shell complete verbs and options (bash, zsh, fish).", sort_key=len(VERBS)
)

command_line = app.meta
EVERY = Parameter(group=Group("Every verb", sort_key=99), negative=())
LIBRARIES = {
    "HF_HUB_VERBOSITY": "error",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TRANSFORMERS_VERBOSITY": "error",
    "DATASETS_VERBOSITY": "error",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    "TQDM_DISABLE": "1",
}
"""What keeps the bars and warnings of other libraries out of ours."""


@command_line.default
def launch(
    *words: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)],
    config: Annotated[Path | None, EVERY] = None,
    overwrite: Annotated[bool, EVERY] = False,
    quiet: Annotated[bool, EVERY] = False,
    verbose: Annotated[bool, EVERY] = False,
) -> None:
    """Run one verb.

    Parameters
    ----------
    words
        The verb and what it is told.
    config
        TOML with flags, a table for each verb: [compress], [run.tokenskip]. What is typed wins.
    overwrite
        Replace an output that exists, once there is something to put in its place.
    quiet
        Say nothing but mistakes.
    verbose
        Show what other libraries say, too.
    """
    from cotpress.verbs import common

    common.hush(quiet)
    for name, value in ({} if verbose else LIBRARIES).items():
        os.environ.setdefault(name, value)
    if not verbose:
        warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")
    commands, verb, bound = _parsed(list(words), config, places.local)
    walked = bound.arguments.get("run")
    if getattr(walked, "dry_run", False):
        from cotpress.verbs.run import dry_run

        dry_run(verb(*bound.args, **bound.kwargs))
        return
    out = bound.arguments.get("out") or getattr(walked, "out", None)
    if not isinstance(out, Path):
        verb(*bound.args, **bound.kwargs)
        return
    values = configuration.resolved(bound)
    with replacing(out) if overwrite else nullcontext():
        steps = verb(*bound.args, **bound.kwargs)
        if commands[0] == "run":
            from cotpress.verbs.run import run

            run(steps, began=lambda: configuration.begin(out, commands, values))
    configuration.write(out, commands, values)
    if os.environ.get("RANK", "0") == "0" and (url := remote.upload(out)):
        common.say(f"{commands[0]}: {out} uploaded to {url}")


def _parsed(
    words: list[str], config: Path | None, *readers: configuration.Reader
) -> tuple[tuple[str, ...], Callable[..., Any], BoundArguments]:
    """The names of a command, its function, and what that is called with; `readers` see the words
    before they are converted.
    """
    if config is not None:
        configuration.check(config, VERBS, METHODS)
        if words == ["run"] or (words[:1] == ["run"] and words[1].startswith("-")):
            words = ["run", configuration.method_of(config), *words[1:]]
    commands, apps, _ = app.parse_commands(words)
    with app.app_stack(words):
        arguments = apps[-1].assemble_argument_collection() if apps[-1].default_command else None
    n = len(commands)
    if arguments is not None and commands:
        words = [*words[:n], *typed.spread(words[n:], arguments)]
    try:
        from_file = (configuration.reader(config),) if config and commands else ()
        app.config = (*from_file, *readers)
        verb, bound, _ = app.parse_args(words, print_error=False, exit_on_error=False)
    except MissingArgumentError:
        if arguments is not None and (said := typed.unknown_option(words[n:], arguments)):
            raise CotpressError(f"{said} See {' '.join(['cotpress', *commands])} --help.") from None
        raise
    finally:
        app.config = ()
    return tuple(commands), verb, bound


def main() -> None:
    """Run one verb. A user's mistake is one sentence and exit code 2;
    Ctrl-C is 130, SIGTERM 143, a closed pipe 141.
    """
    _stop_on_terminate()
    try:
        for word in sys.argv:
            if any("\ud800" <= char <= "\udfff" for char in word):
                raise CotpressError(f"{word} is not UTF-8: give the file another name.")
        try:
            command_line(print_error=False, exit_on_error=False)
        finally:
            sys.stdout.flush()  # where a closed pipe shows
    except CycloptsError as error:
        _stop(mistakes.said(error, VERBS, METHODS), 2)
    except CotpressError as error:
        _stop(str(error), 2)
    except KeyboardInterrupt:
        _stop(STOPPED, 130)
    except BrokenPipeError:
        # else the interpreter complains while it ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(141) from None
    except OSError as error:
        if error.errno in INPUT_TROUBLE and error.filename:
            _stop(
                f"{str(error.filename)[:80]}… is not a valid file name here: {error.strerror}.", 2
            )
        if error.errno not in OUTPUT_TROUBLE:
            raise
        where = error.filename or "the output"
        _stop(
            f"cannot write {where}: {error.strerror}. Finished records are kept: "
            "make room, and run the same command again.",
            2,
        )


def _stop_on_terminate() -> None:
    """Make SIGTERM (SLURM, Kubernetes, timeout) end the run as
    Ctrl-C does; forked workers end as they always do.
    """

    def terminate(_signal: int, _frame: FrameType | None) -> Never:
        _stop(STOPPED, 143)

    signal.signal(signal.SIGTERM, terminate)
    if hasattr(os, "register_at_fork"):  # there is no fork on Windows
        os.register_at_fork(after_in_child=lambda: signal.signal(signal.SIGTERM, signal.SIG_DFL))


def _stop(sentence: str, code: int) -> Never:
    print(f"cotpress: {shown(sentence)}", file=sys.stderr)
    raise SystemExit(code)
