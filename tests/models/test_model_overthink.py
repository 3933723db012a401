"""The bundled model that overthinks is right, repeats itself, and can be read part by part."""

from itertools import islice

import pytest

pytest.importorskip("transformers")

from cotpress import models, tasks
from cotpress.models import Sampling
from cotpress.pipeline.generate import generate
from cotpress.plugins import PACKAGE
from cotpress.records import Trace
from cotpress.tasks.overthink import NEEDED, OUTSIDE, label


@pytest.fixture(scope="module")
def traces() -> list[Trace]:
    problems = list(islice(tasks.load("overthink").problems("test"), 24))
    sampling = Sampling(max_tokens=800, temperature=0.8, seed=1)
    return list(generate(problems, models.load("overthink"), sampling, samples=4))


def right(trace: Trace) -> bool:
    return rf"\boxed{{{trace.problem.answer}}}" in trace.conclusion


def test_it_is_right_on_problems_it_has_never_seen(traces: list[Trace]) -> None:
    assert sum(map(right, traces)) >= 0.9 * len(traces)
    assert all(trace.finished for trace in traces)


def test_the_grammar_labels_what_it_writes_and_most_of_it_is_not_needed(
    traces: list[Trace],
) -> None:
    labels = [span.label for trace in traces for span in label(trace.reasoning)]
    spans = [span for trace in traces for span in label(trace.reasoning)]
    assert labels.count(OUTSIDE) <= 0.05 * len(labels)
    of_use = sum(span.end - span.start for span in spans if span.label == NEEDED)
    assert of_use < 0.6 * sum(span.end - span.start for span in spans)


def test_samples_of_one_problem_differ_much_in_length(traces: list[Trace]) -> None:
    tries = [traces[i : i + 4] for i in range(0, len(traces), 4)]
    spread = [max(t.n_tokens for t in own) / min(t.n_tokens for t in own) for own in tries]
    assert sum(ratio > 1.3 for ratio in spread) > len(spread) / 2


def test_it_is_small_enough_to_ship() -> None:
    folder = PACKAGE / "assets" / "overthink"
    assert sum(path.stat().st_size for path in folder.iterdir()) < 8_000_000
