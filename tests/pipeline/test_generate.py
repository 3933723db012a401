"""What a model is asked for each sample, and how its tokens are shared out."""

import re

from make import sum_trace

from cotpress.models import Completion, Sampling
from cotpress.pipeline.generate import generate
from cotpress.records import Asked


class Echo:
    """Says the same each time; `counted` tokens of it by its own
    count, a word being a token by its tokenizer.
    """

    name = "echo"

    def __init__(self, text="one two three\nThe answer is 4.", counted=7, finished=True):
        self.said = Completion(text=text, n_tokens=counted, finished=finished, seconds=0.5)
        self.asked = []

    def generate(self, requests, sampling):
        self.asked += requests
        yield from [self.said] * len(self.asked)

    def token_ends(self, texts):
        return [[match.end() for match in re.finditer(r"\S+", text)] for text in texts]


PROBLEMS = [sum_trace(i).problem for i in range(2)]


def test_each_sample_is_a_trace_and_a_request_of_its_own():
    model = Echo()
    traces = list(generate(PROBLEMS, model, Sampling(), samples=3))
    assert [(trace.problem.id, trace.sample) for trace in traces] == [
        (f"sum/{i}", n) for i in range(2) for n in range(3)
    ]
    assert len({request.key for request in model.asked}) == 6  # draws belong to the key
    assert len({trace.key for trace in traces}) == 6


def test_the_ratio_is_asked_for_and_recorded():
    model = Echo()
    (trace,) = generate(PROBLEMS[:1], model, Sampling(), asked=Asked(ratio=0.6))
    assert trace.ratio == 0.6
    assert model.asked[0].messages == PROBLEMS[0].prompt(0.6)


def test_the_tokens_of_reasoning_and_conclusion_are_together_those_that_the_model_counted():
    (trace,) = generate(PROBLEMS[:1], Echo(), Sampling())
    assert (trace.n_tokens, trace.n_conclusion_tokens) == (3, 4)
    (trace,) = generate(PROBLEMS[:1], Echo("one two three", counted=2, finished=False), Sampling())
    assert (trace.n_tokens, trace.n_conclusion_tokens, trace.finished) == (2, 0, False)
