"""benchmarks/drawn.py: a rule for the first words of each step that means nothing."""

import importlib
from pathlib import Path

import pytest

from cotpress.pipeline.average import Averages

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("drawn").drawn


def test_what_is_drawn_depends_on_the_words_and_the_seed_alone(drawn) -> None:
    one = Averages("step", 3, frozenset(), {"So it is": 1.0, "Wait, that is": 5.0})
    other = one._replace(importance={"Good.": 0.0, "So it is": -3.0})
    assert drawn(one, 1).importance["So it is"] == drawn(other, 1).importance["So it is"]
    assert len({*drawn(one, 1).importance.values(), *drawn(one, 2).importance.values()}) == 4
