"""What every scorer of the folder owes the score stage: one
importance per trace, in order, in any company.
"""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from make import make_trace  # noqa: E402
from token_classifiers import bert  # noqa: E402

from cotpress import models, plugins, scorers  # noqa: E402
from cotpress.pipeline.compress import compress  # noqa: E402
from cotpress.pipeline.segmenting import segmented  # noqa: E402
from cotpress.scorers import Scorer  # noqa: E402
from cotpress.testing import TEXTS, check_scorer  # noqa: E402


def _own(folder: Path) -> Path:
    """What `train-scorer` leaves, untaught."""
    bert(folder, TEXTS, num_labels=1)
    (folder / "cotpress_scorer.json").write_text('{"window": 128}')
    return folder


TRACES = [
    make_trace(text, id=str(i), question=f"Question {i}: how many?") for i, text in enumerate(TEXTS)
]


@pytest.fixture(params=list(plugins.available("scorers")))
def scorer(
    request: pytest.FixtureRequest, causal_lm: Callable[..., Any], tmp_path: Path, monkeypatch: Any
) -> Scorer:
    """Each file of the folder, with a tiny model behind it."""
    monkeypatch.setattr(models, "load", lambda spec, **_how: causal_lm())
    counted = tmp_path / "traces.jsonl"
    counted.write_bytes(b"".join(msgspec.json.encode(item) + b"\n" for item in TRACES))
    targets = {
        **dict.fromkeys(("random", "prefix", "earliest"), ""),
        "llmlingua2": str(bert(tmp_path / "bert", list(TEXTS))),
        "unigram": str(counted),
        "classifier": str(_own(tmp_path / "own")),
    }
    return scorers.load(f"{request.param}:{targets.get(request.param, 'tiny')}".rstrip(":"))


def test_the_contract_that_authors_of_plug_ins_check_is_kept(scorer: Scorer) -> None:
    check_scorer(scorer)


def test_scores_become_segments_that_join_to_the_text_and_can_be_cut(
    scorer: Scorer, causal_lm: Callable[..., Any]
) -> None:
    target = causal_lm()
    for scored in scorers.score(TRACES, scorer, target):
        assert scored.target == target.name
        assert "".join(segmented(scored).texts) == scored.trace.reasoning
        half, whole = next(compress([scored], [0.5, 1.0])).cuts
        assert whole.reasoning == scored.trace.reasoning
        assert len(half.reasoning) <= len(whole.reasoning)


def test_a_reasoning_that_the_target_has_no_tokens_for_is_left_out_and_counted(
    scorer: Scorer,
) -> None:
    class Deaf:
        def token_ends(self, texts: list[str]) -> list[list[int]]:
            return [[] for _ in texts]

    dropped: Counter[str] = Counter()
    assert list(scorers.score(TRACES, scorer, Deaf(), dropped=dropped)) == []  # type: ignore[arg-type]
    assert dropped == {scorers.NO_TOKENS: len(TRACES)}
