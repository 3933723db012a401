"""Write docs/cli.md: the help of every verb, as the command line prints it. A test holds the page
to the code.

python docs/make_cli.py
"""

from io import StringIO
from pathlib import Path

from rich.console import Console

from cotpress.cli import METHODS, VERBS, app

PAGE = Path(__file__).parent / "cli.md"

HEAD = """# Command line

Made by `python docs/make_cli.py` from the code; do not edit.

Every verb, started again with the same options, goes on where it stopped, or says that there is nothing to do. Exit codes:
0 done, 2 a mistake of yours (one sentence says which, and the cure), 130 Ctrl-C, 143 SIGTERM; finished records are kept.
A task, model or scorer is written `NAME[:TARGET][,option=value…]`; `cotpress ls` lists them.
"""


def helped(*verb: str) -> str:
    """What `cotpress VERB --help` prints."""
    console = Console(file=StringIO(), width=120, color_system=None, force_terminal=False)
    app.help_print([*verb], console=console)
    return "\n".join(line.rstrip() for line in console.file.getvalue().strip().split("\n"))


def page() -> str:
    """The whole page."""
    parts = [HEAD, f"```\n{helped()}\n```\n"]
    for verb in VERBS:
        parts += [f"## {verb}\n\n```\n{helped(verb)}\n```\n"]
        parts += [
            f"### run {method}\n\n```\n{helped(verb, method)}\n```\n"
            for method in METHODS
            if verb == "run"
        ]
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE}")
