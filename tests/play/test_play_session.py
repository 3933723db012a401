"""What the page of `cotpress play` asks, counts and judges, without gradio."""

from collections.abc import Iterator
from itertools import count

import pytest
from make import make_trace

from cotpress import models, tasks
from cotpress.errors import CotpressError
from cotpress.lm.checkpoint import Checkpoint
from cotpress.lm.taught import Budgets
from cotpress.models import Sampling
from cotpress.models.scripted import Scripted
from cotpress.pipeline.generate import generate
from cotpress.play.control import control_of
from cotpress.play.session import YOURS, Playground, View, compared, examples, together
from cotpress.play.shown import as_html, summary
from cotpress.records import NOTHING, Asked, Problem, Trace

LONG = "Let me see. 3 + 4 is 7. I check: 7 - 4 is 3. The final answer is \\boxed{7}."
SHORT = "3 + 4 = 7. The final answer is \\boxed{7}."
BUDGETS = Budgets(least=20, low=40, medium=80, high=160, most=400)


def trained(**about: object) -> Checkpoint:
    return Checkpoint(base="tiny", method="tokenskip", **about)


def judge(trace: Trace) -> str:
    return "right" if trace.problem.answer in trace.conclusion else "wrong"


def ground(**about: object) -> Playground:
    def say(request: models.Request) -> str:
        return SHORT if "<ratio>" in request.messages[-1]["content"] else LONG

    model = Scripted(say, name="taught")
    usual = {"original": Scripted(say, name="base"), "model": model, "control": control_of(None)}
    return Playground(**usual | {"judge": judge, "sampling": Sampling(), **about})


# The slider


def test_the_slider_stands_for_the_ratios_that_were_taught() -> None:
    found = control_of(trained(ratios=(1.0, 0.9, 0.7, 0.5)))
    assert (found.kind, found.least, found.most, found.usual) == ("ratio", 0.5, 1.0, 0.7)
    assert found.asked(0.7000001) == Asked(ratio=0.7)
    assert found.taught == "the ratios 0.9, 0.7, 0.5"


def test_or_for_the_budgets() -> None:
    found = control_of(trained(budgets=BUDGETS))
    assert (found.kind, found.least, found.most, found.usual) == ("budget", 20, 400, 80)
    assert found.asked(79.6) == Asked(budget=80)


def test_of_a_model_that_was_taught_both_the_user_chooses() -> None:
    both = trained(ratios=(1.0, 0.5), budgets=BUDGETS)
    assert control_of(both).kind == "ratio"
    assert control_of(both, "budget").kind == "budget"


def test_a_model_that_takes_neither_has_no_slider_and_is_asked_for_nothing() -> None:
    for neither in (trained(), trained(ratios=(1.0,))):
        found = control_of(neither)
        assert found.kind is None
        assert found.asked(0.5) == NOTHING


def test_of_a_model_from_elsewhere_nothing_is_known() -> None:
    assert control_of(None).asked(0.5) == Asked(ratio=0.5)
    assert control_of(None, "budget").asked(256) == Asked(budget=256)
    assert control_of(None).taught == ""


@pytest.mark.parametrize(
    ("about", "kind", "instead"),
    [
        ({"ratios": (0.5,)}, "budget", "it was taught ratios"),
        ({"budgets": BUDGETS}, "ratio", "it was taught budgets"),
        ({}, "ratio", "it was taught neither"),
    ],
)
def test_a_control_that_was_not_taught_is_refused(about: dict, kind: str, instead: str) -> None:
    with pytest.raises(CotpressError, match=f"not taught {kind}s, but {instead}"):
        control_of(trained(**about), kind)


# What is asked


def test_an_example_is_asked_as_the_evaluation_asked_it() -> None:
    problem = Problem(id="q", question="3+4?\n", answer="7", task="t", instruction="Box it.")
    here = ground(examples=[problem], instruction="Other.")
    assert here.problem(" 3+4? ", "7") == problem
    assert here.problem("3+4?", "8").answer == "8"
    mine = here.problem("3+5?", "8")
    assert (mine.id, mine.instruction, mine.task) == (YOURS, "Other.", "t")


def test_without_a_question_nothing_is_asked() -> None:
    with pytest.raises(CotpressError, match="there is no question"):
        next(ground().ask("  ", "7", 0.5))


def test_examples_are_the_problems_of_an_evaluation_each_once() -> None:
    traces = [make_trace(id=str(i), ratio=ratio) for ratio in (None, 0.5) for i in (1, 1, 1)]
    assert [problem.id for problem in examples(traces)] == ["1"]


# The answers


def test_both_answers_grow_and_end_counted_timed_and_judged() -> None:
    first, *growing, last = ground().ask("3+4?", "7", 0.5, clock=count().__next__)
    assert [view.state for view in first] == ["waiting", "waiting"]
    for one, other in zip([first, *growing], [*growing, last], strict=True):
        for before, after in zip(one, other, strict=True):
            whole = before.reasoning + before.conclusion
            assert len(after.reasoning + after.conclusion) >= len(whole) - 1
    original, short = last
    assert original.title == "Original: base"
    assert short.title == "Shortened: taught at ratio 0.5"
    assert [view.verdict for view in last] == ["right", "right"]
    assert [view.state for view in last] == ["ended", "ended"]
    assert (original.reasoning, short.reasoning) == (
        "Let me see. 3 + 4 is 7. I check: 7 - 4 is 3.",
        "3 + 4 = 7.",
    )
    assert (original.n_tokens, short.n_tokens) == (19, 6)
    assert len(growing) > 5


def test_a_slow_clock_shows_only_the_ends() -> None:
    states = [[view.state for view in pair] for pair in ground().ask("?", "", 0.5, lambda: 0.0)]
    assert states == [["waiting", "waiting"], ["writing", "ended"], ["ended", "ended"]]


def test_without_a_reference_nothing_is_judged() -> None:
    *_, last = ground().ask("3+4?", "", 0.5)
    assert [view.verdict for view in last] == ["", ""]


def test_an_answer_that_the_limit_ends_says_so() -> None:
    *_, last = ground(sampling=Sampling(max_tokens=8)).ask("3+4?", "7", 0.5)
    assert [view.state for view in last] == ["cut off", "cut off"]
    assert compared(last).endswith("The token limit cut off an answer.")


def test_the_model_may_be_asked_for_a_budget_or_for_nothing() -> None:
    budget = ground(control=control_of(trained(budgets=BUDGETS)))
    assert budget.players(1234)[1].title == "Shortened: taught with a budget of 1,234 tokens"
    assert budget.players(1234)[1].asked == Asked(budget=1234)
    nothing = ground(control=control_of(trained()))
    assert nothing.players(0.0)[1].title == "Shortened: taught"


def test_a_watched_answer_is_the_trace_that_an_evaluation_would_hold() -> None:
    pytest.importorskip("transformers")
    tiny = models.load("tiny")
    problems = tasks.take(tasks.load("arithmetic"), "test", 3)
    sampling = Sampling(max_tokens=120)
    here = ground(original=tiny, model=tiny, examples=problems, sampling=sampling)
    for problem in problems:
        *_, last = here.ask(problem.question, problem.answer, 0.5)
        for view, asked in zip(last, (NOTHING, Asked(ratio=0.5)), strict=True):
            (trace,) = generate([problem], tiny, sampling, asked=asked)
            assert (view.reasoning, view.conclusion) == (trace.reasoning, trace.conclusion)
            assert (view.n_tokens, view.n_other) == (trace.n_tokens, trace.n_conclusion_tokens)


def test_streams_are_heard_in_turns_and_closed_at_the_end_however_that_comes() -> None:
    closed = []

    def stream(name: str, n: int) -> Iterator[int]:
        try:
            yield from range(n)
        finally:
            closed.append(name)

    found = list(together([stream("a", 3), stream("b", 1)]))
    assert found == [(0, 0, False), (1, 0, True), (0, 1, False), (0, 2, True)]
    assert sorted(closed) == ["a", "b"]
    closed.clear()
    half = together([stream("a", 3), stream("b", 3)])
    next(half)
    half.close()
    assert closed == ["a", "b"]


# What is shown


def test_what_the_shortened_answer_saves_is_said_once_both_have_ended() -> None:
    long = View("a", n_tokens=100, seconds=2.0, state="ended")
    short = View("b", n_tokens=40, seconds=1.0, state="ended")
    assert compared((long, short)) == "40 of 100 reasoning tokens (0.40), 1.0 of 2.0 seconds."
    assert compared((long, View("b"))) == ""
    assert "nothing to compare with" in compared((View("a", state="ended"), short))


def test_what_a_model_wrote_is_text_and_what_acts_unseen_is_shown() -> None:
    attack = "<script>x</script>\u202e"
    view = View(attack, attack, attack, 1, 2, 3.0, "ended", "no answer")
    html = as_html(view)
    assert "<script>" not in html
    assert html.count("&lt;script&gt;") == 3
    assert "⟨U+202E⟩" in html
    assert '<span class="verdict no-answer">✗ no answer</span>' in html
    assert "<b>1</b> reasoning tokens + 2 others" in html
    assert "<script>" not in summary((view, view))
