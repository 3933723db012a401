"""Cuts are those of 0.1.0, which pooled scores while scoring: unit by
unit, protected or not, whatever tokenizer scored.
"""

import json
from pathlib import Path

import pytest

from cotpress import models
from cotpress.pipeline.compress import compress
from cotpress.pipeline.segmenting import Rules
from cotpress.records import Problem, Trace
from cotpress.scorers import Importance, score_trace

RECORDED = json.loads(
    (Path(__file__).parents[1] / "data" / "kept_by_0.1.0.json").read_text(encoding="utf-8")
)


@pytest.mark.parametrize("unit", ["token", "number", "word"])
@pytest.mark.parametrize("protect", ["none", "symbols"])
def test_every_cut_keeps_what_0_1_0_kept(unit, protect):
    tiny = models.load("tiny")
    for one in RECORDED["cuts"]:
        if (one["unit"], one["protect"]) != (unit, protect):
            continue
        text = RECORDED["texts"][one["text"]]
        problem = Problem(id="1", question="q", answer="1", task="t")
        trace = Trace(
            problem=problem,
            model="m",
            reasoning=text,
            conclusion="c",
            n_tokens=1,
            n_conclusion_tokens=1,
            finished=True,
        )
        scored = score_trace(
            trace, tiny.token_ends([text])[0], Importance(one["pieces"], one["values"]), "s"
        )
        ratios = [float(ratio) for ratio in one["kept"]]
        (made,) = compress([scored], ratios, rules=Rules(unit, protect))
        assert [[cut.reasoning, cut.n_tokens] for cut in made.cuts] == list(one["kept"].values())
