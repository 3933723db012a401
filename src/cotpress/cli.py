"""The verbs. Commands are named by import string, so that `--help` and `ls` never import torch.

What the list of verbs says about each is its function's docstring, read from the file without
importing it.
"""

import ast
import errno
import os
import signal
import sys
from collections.abc import Iterable
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Never

from cyclopts import App, CycloptsError, MissingArgumentError, Parameter, UnknownCommandError
from cyclopts.help import DefaultFormatter, HelpPanel, PanelSpec
from rich.box import SIMPLE
from rich.console import Console, ConsoleOptions
from rich.text import Text

from cotpress import __version__
from cotpress.errors import CotpressError, UnknownName

if TYPE_CHECKING:
    from cotpress.walks import Step

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
    "compress",
    "verify",
    "train-vqvae",
    "mix",
    "build",
    "train",
    "eval",
    "plan",
    "report",
)
VERBS = (*WALK, "export", "doctor", "run", "ls")

NAMES = {"import": "import_", "eval": "evaluate", "train-vqvae": "train_vqvae"}
"""File and function of a verb whose name cannot be Python's."""

RUN = """Walk a whole method in one folder, from problems to a report; started again, it goes on.

Example: cotpress run tokenskip --task gsm8k --model hf:Qwen/Qwen2.5-1.5B-Instruct --out runs/q
"""

METHODS = ("tokenskip", "cts", "token-assorted", "shortest")
"""What `cotpress run` walks, one file each."""

STOPPED = "stopped; finished records are kept, and the same command goes on from there."

OUTPUT_TROUBLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EPERM, errno.EROFS)


def docstring(place: str) -> str:
    """What the function says about itself that the file of
    the same name holds: `verbs/train`, `walks/cts`.
    """
    path = Path(__file__).parent / f"{place}.py"
    body = ast.parse(path.read_text(encoding="utf-8")).body
    function = next(
        node for node in body if isinstance(node, ast.FunctionDef) and node.name == path.stem
    )
    return ast.get_docstring(function) or ""


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


def _walk(steps: "Iterable[Step] | None") -> Never:
    """Run what a walk yields; None: its help was asked for."""
    if steps is not None:
        from cotpress.verbs.run import run

        run(steps)
    raise SystemExit(0)


walks = App(name="run", help=RUN, sort_key=VERBS.index("run"), result_action=_walk)
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


def main() -> None:
    """Run one verb. A user's mistake is one sentence and exit code 2;
    Ctrl-C is 130, SIGTERM 143, a closed pipe 141.
    """
    _stop_on_terminate()
    try:
        try:
            app(print_error=False, exit_on_error=False)
        finally:
            sys.stdout.flush()  # where a closed pipe shows
    except UnknownCommandError as error:
        kind, known = ("method", METHODS) if error.command_chain else ("verb", VERBS)
        _stop(str(UnknownName(kind, (error.unused_tokens or [""])[0], known)), 2)
    except CycloptsError as error:
        chain = " ".join(["cotpress", *(error.command_chain or ())])
        _stop(f"{_missing(error) or error} See {chain} --help.", 2)
    except CotpressError as error:
        _stop(str(error), 2)
    except KeyboardInterrupt:
        _stop(STOPPED, 130)
    except BrokenPipeError:
        # else the interpreter complains while it ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(141) from None
    except OSError as error:
        if error.errno not in OUTPUT_TROUBLE:
            raise
        where = error.filename or "the output"
        _stop(
            f"cannot write {where}: {error.strerror}. Finished records are kept: "
            "make room, and run the same command again.",
            2,
        )


def _missing(error: CycloptsError) -> str:
    """What to say where an argument or its value was not given at all; empty for any other
    mistake.
    """
    if (
        not isinstance(error, MissingArgumentError)
        or error.argument is None
        or error.argument.tokens
    ):
        return ""
    if error.keyword:
        return f"{error.keyword} needs a value."
    name = error.argument.name
    where = (
        ""
        if name.startswith("-")
        else " right behind it: an option with several values takes all that follows"
    )
    return f"{' '.join(error.command_chain or ())} needs {name}{where}."


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
    print(f"cotpress: {sentence}", file=sys.stderr)
    raise SystemExit(code)
