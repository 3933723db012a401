"""What every grader of the folder owes the grade stage: a grade for any
text, the same one every time, never an exception.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from make import make_trace

from cotpress import plugins
from cotpress.errors import CotpressError
from cotpress.grading import Grader, load
from cotpress.pipeline.grade import grade
from cotpress.records import Grade
from cotpress.testing import check_grader

every_grader = pytest.mark.parametrize("name", list(plugins.available("grading")))
TEXTS = st.text() | st.sampled_from(
    ["", " ", "(A)", "\\boxed{", "\\boxed{A}", "The answer is 5.", "#### 7", "\ud800", "\0"]
)


@every_grader
@given(text=TEXTS, answer=TEXTS)
def test_any_text_has_a_grade_or_is_handed_to_the_slow_part(
    name: str, text: str, answer: str
) -> None:
    grader = load(name)
    found = grader.quick(text, answer)
    assert found == grader.quick(text, answer)
    if isinstance(found, Grade):
        assert found.status in ("ok", "no_answer", "error")
        assert not (found.correct and found.status != "ok")
    else:
        assert grader.slow is not None


@every_grader
def test_the_contract_that_authors_of_plug_ins_check_is_kept(name: str) -> None:
    check_grader(load(name), "B", right=["The answer is B.", "\\boxed{B}"])


@every_grader
def test_what_the_slow_part_needs_is_brought_by_an_extra(name: str) -> None:
    needs = load(name).needs
    assert not needs or any(needs in packages for packages in plugins.EXTRAS.values())


OWN = """
import time
from cotpress.grading import NO_ANSWER, Grader, decided

def quick(text, answer):
    return text or NO_ANSWER

def slow(said, answer):
    while said == "for ever":
        time.sleep(0.1)
    return decided(said, said == answer)

def load(target=""):
    return Grader(quick, slow)
"""


def test_a_grader_of_ones_own_judges_in_processes_that_can_be_killed(tmp_path, monkeypatch) -> None:
    pytest.importorskip("pebble")
    package = tmp_path / "own_graders"
    package.mkdir()
    (package / "code.py").write_text(OWN)
    (package / "none.py").write_text("def load(target=''):\n    return 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    said = ["7", "8", "for ever", ""]
    traces = [make_trace("", conclusion=text, answer="7", id=str(n)) for n, text in enumerate(said)]
    done = list(grade(traces, lambda trace: "own_graders.code", workers=1, timeout=2.0))
    assert [(one.grade.status, one.grade.correct) for one in done if one.grade] == [
        ("ok", True),
        ("ok", False),
        ("timeout", False),
        ("no_answer", False),
    ]
    with pytest.raises(
        CotpressError, match=r"grader own_graders\.none has no 'quick', which every grader offers"
    ):
        load("own_graders.none")
    assert isinstance(load("own_graders.code"), Grader)
