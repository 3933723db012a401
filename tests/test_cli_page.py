"""docs/cli.md is what the command line says."""

import runpy
from pathlib import Path

MADE = Path(__file__).parents[1] / "docs" / "make_cli.py"


def test_the_page_of_verbs_is_the_help_that_is_printed() -> None:
    made = runpy.run_path(str(MADE))
    assert made["PAGE"].read_text(encoding="utf-8") == made["page"](), "run `make docs`"
