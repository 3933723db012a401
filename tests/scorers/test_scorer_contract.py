"""What every scorer of the folder owes the score stage: one
importance per trace, in order, in any company.
"""

import math
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
from cotpress.scorers import Importance, Scorer  # noqa: E402

TEXTS = [
    "She sold 48/2 = 24 clips in May.\r\n\r\nAltogether 48+24 = 72.",
    "a",
    "10³ = 1000, 😀 中文 é é \\frac{1}{2} \\boxed{18}",
    "<|endoftext|> <think> said the model </think> <|im_end|>",
    "line\u2028separators \x00 and \ufeff marks",
    "x" * 3000,
    "\n\n \t 7  ",
    "1 " * 400,
]


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
    monkeypatch.setattr(models, "load", lambda spec: causal_lm())
    counted = tmp_path / "traces.jsonl"
    counted.write_bytes(b"".join(msgspec.json.encode(item) + b"\n" for item in TRACES))
    targets = {
        **dict.fromkeys(("random", "prefix", "earliest"), ""),
        "llmlingua2": str(bert(tmp_path / "bert", TEXTS)),
        "unigram": str(counted),
        "classifier": str(_own(tmp_path / "own")),
    }
    return scorers.load(f"{request.param}:{targets.get(request.param, 'tiny')}".rstrip(":"))


def test_each_trace_gets_finite_values_on_pieces_within_its_text(scorer: Scorer) -> None:
    results = list(scorer.score(TRACES))
    assert len(results) == len(TRACES)
    for item, result in zip(TRACES, results, strict=True):
        assert isinstance(result, Importance)
        assert len(result.ends) == len(result.values)
        assert result.ends == sorted(result.ends)
        assert all(0 <= end <= len(item.reasoning) for end in result.ends)
        assert all(map(math.isfinite, result.values))


def test_the_company_and_order_of_traces_change_nothing(scorer: Scorer) -> None:
    together = list(scorer.score(TRACES))
    backwards = list(scorer.score(TRACES[::-1]))[::-1]
    alone = [next(iter(scorer.score([item]))) for item in TRACES]
    for other in (backwards, alone):
        for a, b in zip(together, other, strict=True):
            assert isinstance(a, Importance)
            assert isinstance(b, Importance)
            assert a.ends == b.ends
            assert a.values == pytest.approx(b.values, abs=1e-4)


def test_nothing_in_is_nothing_out(scorer: Scorer) -> None:
    assert list(scorer.score([])) == []


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
