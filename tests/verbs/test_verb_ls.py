"""`cotpress ls`: everything there is, one line each."""

import json

import pytest

from cotpress import plugins
from cotpress.cli import METHODS
from cotpress.verbs.ls import ls

KINDS = ("tasks", "models", "scorers", "rewards", "graders", "units", "formats", "methods")


def test_json_holds_every_kind_with_a_line_for_each_name(capsys: pytest.CaptureFixture) -> None:
    ls(json=True)
    found = json.loads(capsys.readouterr().out)
    assert tuple(found) == KINDS
    for kind in ("tasks", "models", "scorers", "rewards"):
        assert found[kind] == plugins.available(kind)
    assert found["graders"] == plugins.available("grading")
    assert found["units"] == plugins.available("pipeline/units")
    assert set(found["methods"]) == set(METHODS)
    for names in found.values():
        assert all(line and "\n" not in line for line in names.values())


def test_a_person_gets_two_columns_under_each_kind(capsys: pytest.CaptureFixture) -> None:
    ls()
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    lines = shown.splitlines()
    assert tuple(line for line in lines if not line.startswith(" ")) == KINDS
    start = min(
        line.index(description)
        for line in lines
        for description in plugins.available("models").values()
        if description in line
    )
    for name, description in plugins.available("models").items():
        (line,) = [line for line in lines if line.startswith(f"  {name} ") and description in line]
        assert line == f"  {name}".ljust(start) + description
