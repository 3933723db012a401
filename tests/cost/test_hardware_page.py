"""docs/hardware.md holds what the code computes."""

import runpy
from pathlib import Path

import pytest


def test_the_tables_are_those_that_the_code_makes() -> None:
    for package in ("torch", "transformers"):  # the walks look their scorers up
        pytest.importorskip(package)
    script = Path(__file__).parents[2] / "docs" / "make_hardware.py"
    made = runpy.run_path(str(script))
    text = made["PAGE"].read_text(encoding="utf-8")
    assert made["page"](text) == text, "run python docs/make_hardware.py"
