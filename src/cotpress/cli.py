"""The verbs. Commands are named by import string, so that `--help` and `ls` never import torch."""

import errno
import sys

from cyclopts import App

from cotpress import __version__
from cotpress.errors import CotpressError

HELP = """Teach a language model to reason in fewer tokens, and see what it costs in accuracy.

The walk: generate (or import) -> grade -> score -> compress -> build -> train -> eval -> report; `cotpress run` does it all.
"""

app = App(name="cotpress", version=__version__, help=HELP, help_format="markdown")

VERBS = ("generate", "import", "grade", "score", "compress", "build", "train", "eval", "report", "run", "ls")
for _verb in VERBS:
    _file = {"import": "import_", "eval": "evaluate"}.get(_verb, _verb)
    app.command(f"cotpress.verbs.{_file}:{_file}", name=_verb)


def main() -> None:
    """Run one verb; a user's mistake is one sentence and exit code 2, Ctrl-C is 130."""
    try:
        app()
    except CotpressError as error:
        _stop(str(error), 2)
    except KeyboardInterrupt:
        _stop("stopped; finished records are kept, and the same command goes on from there.", 130)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS):
            raise
        _stop(
            f"cannot write {error.filename or 'the output'}: {error.strerror}. Finished records are kept; make room and rerun.",
            2,
        )


def _stop(sentence: str, code: int) -> None:
    print(f"cotpress: {sentence}", file=sys.stderr)
    raise SystemExit(code)
