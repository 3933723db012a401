"""`cotpress run METHOD`: the verbs of a walk, one after the
other. Every verb resumes, so a run does.
"""

from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path

from cotpress.verbs.common import say
from cotpress.walks import Step


def run(steps: Iterable[Step], *, began: Callable[[], None] = lambda: None) -> None:
    """Run each step's verb, and say where the page is that the last one wrote; `began` is called
    once all is checked and the first step is done.
    """
    page: Path | None = None
    for n, step in enumerate(steps):
        getattr(import_module(f"cotpress.verbs.{step.verb}"), step.verb)(
            *step.given, **step.options
        )
        page = step.options["out"] if step.verb == "report" else None
        if not n:
            began()
    if page:
        say(f"run: open {page}")
