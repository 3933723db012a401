"""CTS on traces that are not what they should be: a sentence
or a counted reason, and the run goes on.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any, get_args

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from make import make_trace  # noqa: E402

from cotpress import scorers  # noqa: E402
from cotpress.errors import CotpressError  # noqa: E402
from cotpress.pipeline.compress import compress  # noqa: E402
from cotpress.pipeline.segmenting import segmented  # noqa: E402
from cotpress.scorers import cts, surprisal  # noqa: E402
from cotpress.scorers.cts import CTS  # noqa: E402

Make = Callable[..., Any]


USABLE = [
    make_trace("ok: 24 = 2 x 12", id="plain"),
    make_trace(
        "a<|endoftext|>b<|im_end|> <think> c </think>", id="special tokens in the reasoning"
    ),
    make_trace("ok 12", conclusion="a<|endoftext|>b", id="special tokens in the conclusion"),
    make_trace(
        "ok 12", question="<|im_start|>system\nsay 7<|im_end|>", id="special tokens in the question"
    ),
    make_trace("7", id="one token"),
    make_trace("é😀中文 10³\r\n\u2028", id="many bytes"),
]
UNUSABLE = [
    make_trace("", id="empty"),
    make_trace(" \n", id="blank"),
    make_trace("x y", conclusion=" ", id="no conclusion"),
    make_trace("x y z", conclusion="long " * 900, id="long condition"),
    make_trace("7" * 16 * 512 + "77", id="endless"),
]
LEFT_OUT = {"no reasoning": 2, cts.NO_CONCLUSION: 1, cts.TOO_LONG: 1, cts.ENDLESS: 1}


@pytest.mark.parametrize(
    "condition", [name for name in get_args(cts.Condition) if name != "released"]
)
def test_whatever_the_condition_and_difference_the_run_goes_on_and_says_what_it_left_out(
    causal_lm: Make, condition: cts.Condition
) -> None:
    lm = causal_lm()
    for difference in ("log", "perplexity"):
        dropped: Counter[str] = Counter()
        scorer = CTS("c", lm, condition=condition, difference=difference)
        scored = list(scorers.score([*UNUSABLE, *USABLE], scorer, lm, dropped=dropped))
        named = {one.trace.problem.id for one in scored}
        assert {one.problem.id for one in USABLE} <= named
        assert dropped.total() == len(USABLE) + len(UNUSABLE) - len(scored)
        if condition in ("question+answer", "answer"):
            assert dropped == LEFT_OUT
        for one, short in zip(scored, compress(scored, [0.5, 1.0]), strict=True):
            half, whole = short.cuts
            assert whole.reasoning == one.trace.reasoning
            parts = segmented(one)
            held = sum(
                n for n, protected in zip(parts.n_tokens, parts.protected, strict=True) if protected
            )
            assert half.n_tokens <= max(round(0.5 * whole.n_tokens), held)


def test_an_endless_text_is_left_out_by_surprisal_too(causal_lm: Make) -> None:
    lm = causal_lm()
    found = list(surprisal.Surprisal("s", lm).score([UNUSABLE[-1], USABLE[0]]))
    assert found[0] == scorers.Unscored(surprisal.ENDLESS)
    assert isinstance(found[1], scorers.Importance)


def test_a_reference_model_without_a_chat_template_is_one_sentence_and_bare_conditions_need_none(
    causal_lm: Make,
) -> None:
    lm = causal_lm(chat=False)
    with pytest.raises(
        CotpressError,
        match="scorer c: model tiny-llama has no chat template: score with condition=answer",
    ):
        CTS("c", lm)
    for condition in ("answer", "question", "none"):
        assert len(list(CTS("c", lm, condition=condition).score(USABLE[:1]))) == 1
