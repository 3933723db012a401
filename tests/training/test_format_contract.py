"""What every file in `training/formats/` offers: a format is
tested by this the moment its file exists.
"""

from collections import Counter
from pathlib import Path

import msgspec
import pytest

pytest.importorskip("trl")
import yaml
from make import sum_cuts, sum_trace
from train_fixtures import make_model

from cotpress import models, plugins
from cotpress.errors import CotpressError, UnknownName
from cotpress.lm.capabilities import Tokenizing, able
from cotpress.records import CompressedTrace
from cotpress.training import formats
from cotpress.training.formats import Drawing, Format

OF_SAMPLES = {"pairs"}
"""Formats of which a row needs several samples of a problem."""

OF_QUESTIONS = {"grpo"}
"""Formats whose rows ask, and hold no answer of a model."""

RATIOS = (0.9, 0.8, 0.7, 0.6, 0.5)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("format") / "base"
    make_model(path, "chatml")
    return str(path)


@pytest.fixture(params=list(plugins.available("training/formats")))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def chosen(name: str, folder: str) -> Format:
    """Each file of the folder, for any model where it can be, else for a tiny one."""
    try:
        return formats.load(name)
    except CotpressError:
        with pytest.raises(CotpressError, match=f"--format {name} needs --target"):
            formats.load(name)
        return formats.load(name, folder)


def cuts(n: int = 3) -> list[CompressedTrace]:
    return [sum_cuts(trace, RATIOS) for trace in map(sum_trace, range(n))]


def test_rows_are_of_the_record_it_names_one_for_each_trace_and_the_same_ones_again(
    chosen: Format, name: str
) -> None:
    made = list(chosen.rows(cuts(), Drawing(), Counter(), Counter()))
    assert len(made) == (0 if name in OF_SAMPLES else 3)
    assert all(type(row) is chosen.record for row in made)
    assert made == list(chosen.rows(cuts(), Drawing(), Counter(), Counter()))


def test_rows_survive_a_round_trip(chosen: Format) -> None:
    for row in chosen.rows(cuts(), Drawing(), Counter(), Counter()):
        assert msgspec.json.decode(msgspec.json.encode(row), type=chosen.record) == row


def test_a_wrong_answer_is_left_out_and_counted(chosen: Format, name: str) -> None:
    if name in OF_SAMPLES | OF_QUESTIONS:
        pytest.skip("its rows are made from wrong answers, too: test_grpo.py")
    dropped: Counter[str] = Counter()
    wrong = msgspec.structs.replace(sum_trace(1).grade, answer="7", correct=False)
    bad = [
        msgspec.structs.replace(cut, trace=msgspec.structs.replace(cut.trace, grade=wrong))
        if cut.trace.problem.id == "sum/1"
        else cut
        for cut in cuts()
    ]
    assert len(list(chosen.rows(bad, Drawing(), dropped, Counter()))) == 2
    assert dropped == {"wrong answer": 1}


def test_settings_are_files_beside_the_rows_and_readable_yaml_or_json(
    chosen: Format, tmp_path: Path
) -> None:
    for name, content in chosen.settings(tmp_path / "short.jsonl", 100, 321).items():
        assert "/" not in name
        assert isinstance(yaml.safe_load(content), dict)


def test_a_format_that_is_written_for_one_model_says_which(chosen: Format, folder: str) -> None:
    if chosen.model is not None:
        assert chosen.model.identity == models.load(folder).identity
        assert able(chosen.model, Tokenizing, "this test") is chosen.model


def test_an_unknown_option_is_refused_by_name(name: str) -> None:
    with pytest.raises(UnknownName, match=f"option of format {name}"):
        formats.load(name, bogus="1")


def test_a_format_of_the_users_own_is_named_by_its_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "plain_format.py").write_text(
        "from cotpress.records import Record\nfrom "
        "cotpress.training.formats import Format, examples\n\n\n"
        "class Row(Record, frozen=True, kw_only=True):\n    text: str\n\n\n"
        "class Plain(Format):\n    record = Row\n\n"
        "    def rows(self, cuts, how, dropped, noted):\n"
        "        for one in examples(cuts, how, dropped, noted):\n          "
        "  yield Row(text=one.completion)\n\n\n"
        "def load(target=''):\n    return Plain()\n"
    )
    (tmp_path / "own").mkdir()
    (tmp_path / "plain_format.py").rename(tmp_path / "own" / "plain_format.py")
    monkeypatch.syspath_prepend(tmp_path)
    own = formats.load("own.plain_format")
    assert [row.text for row in own.rows(cuts(1), Drawing(ratios=[0.5]), Counter(), Counter())] == [  # type: ignore[attr-defined]
        "we add 0 and\n\nThe answer is 1."
    ]
