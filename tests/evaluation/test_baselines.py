"""Prompts say what the paper says; controls keep the budget, the order and
the conclusion's wording, but not the answer.
"""

import re
from dataclasses import replace
from random import Random
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from make import words

from cotpress import plugins
from cotpress.atoms import atoms
from cotpress.evaluation.asking import Asking
from cotpress.evaluation.baselines import asked
from cotpress.evaluation.blind import cut_blindly, shorten
from cotpress.models import Completion, Sampling
from cotpress.pipeline.compress import within_budget
from cotpress.pipeline.leads import Lead, lead, usual_lead
from cotpress.pipeline.order import keeping_order
from cotpress.pipeline.segmenting import USUAL, Protect, Rules, segmented
from cotpress.records import NOTHING, Grade, Problem, ScoredTrace, Trace
from cotpress.segments import WHOLE

BLIND = ("truncation", "random")
UNITS = st.sampled_from(list(plugins.available("pipeline/units")))
FREE = Rules("number", "none")
"""Nothing is protected."""

PROBLEM = Problem(
    id="p/1", question="How many apples?", answer="12", task="t", instruction="Think step by step."
)


def asking(originals, model, name, actual=0.5, asked=NOTHING):
    """What a baseline has to answer: every original once more."""
    return Asking(
        name=name,
        todo=[(one.problem, i) for i, one in enumerate(originals)],
        originals={(one.problem.id, i): one for i, one in enumerate(originals)},
        model=model,
        sampling=Sampling(),
        marker="",
        asked=asked,
        actual=actual,
        rules=USUAL,
    )


def trace(
    reasoning="9 + 8 = 17, and 17 - 5 = 12",
    conclusion=r"The answer is \boxed{12}.",
    closing="\n",
    answer=None,
    **others,
):
    grade = Grade(answer=answer, correct=True, status="ok") if answer else None
    ends = words([reasoning])[0]
    fields = {
        "problem": PROBLEM,
        "model": "m",
        "n_tokens": len(ends),
        "n_conclusion_tokens": 5,
        "finished": True,
        **others,
    }
    return Trace(reasoning=reasoning, conclusion=conclusion, closing=closing, grade=grade, **fields)


class Concluder:
    """Answers every request with the same words and remembers what it was asked."""

    name = "m"

    def __init__(self, text="12}.", finished=True):
        self.requests = []
        self.text, self.finished = text, finished

    def generate(self, requests, sampling):
        for request in requests:
            self.requests.append(request)
            yield Completion(text=self.text, n_tokens=2, finished=self.finished, seconds=0.5)

    token_ends = staticmethod(words)


@pytest.mark.parametrize(
    ("name", "ratio", "sentence"),
    [
        ("be-concise", None, "Be concise."),
        ("only-numbers", None, "Only use numbers or equations."),
        ("abbre-words", None, "Abbreviate words as much as possible."),
        ("lc-prompt", 0.5, "Please reduce 50% of the words in your Chain-of-Thought process."),
        ("lc-prompt", 0.7, "Please reduce 30% of the words in your Chain-of-Thought process."),
    ],
)
def test_the_sentence_of_a_prompt_stands_between_instruction_and_question(name, ratio, sentence):
    message = asked(PROBLEM, name, ratio).prompt()[0]["content"]
    assert message == f"Think step by step. {sentence}\nHow many apples?"
    assert (
        asked(msgspec.structs.replace(PROBLEM, instruction=""), name, ratio)
        .prompt()[0]["content"]
        .startswith(sentence)
    )


texts = st.lists(
    st.sampled_from(["Mia ", "has ", "17", " + ", "1,200.5", "\n", "\\frac", "é", "🍎 "]),
    max_size=30,
).map("".join)


@given(texts, st.floats(0.01, 1.0), st.integers(0, 3))
def test_truncation_keeps_exactly_the_first_tokens(text, ratio, seed):
    one = trace(reasoning=text)
    cut = shorten(one, words([text])[0], "truncation", ratio, seed)
    assert cut.n_tokens == round(ratio * one.n_tokens)
    assert text.startswith(cut.reasoning)
    assert words([cut.reasoning])[0] == words([text])[0][: cut.n_tokens]


@given(texts, st.floats(0.01, 1.0), st.integers(0, 3))
def test_random_deletion_keeps_the_budget_the_order_and_whole_numbers(text, ratio, seed):
    one = trace(reasoning=text)
    ends = list(range(1, len(text) + 1))  # one token per character
    cut = shorten(one, ends, "random", ratio, seed, FREE)
    assert cut.n_tokens <= round(ratio * len(text))
    left = iter(text)
    assert all(character in left for character in cut.reasoning)
    sizes = [sum(b - a for a, b in atom.spans) for atom in atoms(text)]
    longest = max([len(number) for number in WHOLE.findall(text)], default=0)
    # what a unit keeps together may overlap an atom
    assert round(ratio * len(text)) - cut.n_tokens < max([1, *sizes]) + longest


@given(texts, st.floats(0.01, 1.0), st.floats(0.01, 1.0), st.sampled_from(BLIND))
def test_a_smaller_ratio_keeps_no_more_than_a_larger_one(text, one, other, control):
    ends = list(range(1, len(text) + 1))
    smaller, larger = (
        shorten(trace(reasoning=text), ends, control, ratio, 0) for ratio in sorted((one, other))
    )
    left = iter(larger.reasoning)
    assert all(character in left for character in smaller.reasoning)


@given(
    texts,
    st.floats(0.01, 1.0),
    st.integers(0, 3),
    st.sampled_from(list(plugins.available("pipeline/units"))),
    st.sampled_from(get_args(Protect)),
)
def test_random_deletion_cuts_as_the_method_beside_it_would_with_scores_drawn_at_random(
    text, ratio, seed, unit, protect
):
    one, ends = trace(reasoning=text), list(range(1, len(text) + 1))
    cut = shorten(one, ends, "random", ratio, seed, Rules(unit, protect))
    chance = Random(f"{seed}|{one.problem.id}")
    parts = segmented(
        ScoredTrace(trace=one, scorer="s", ends=ends, importance=[0.0] * len(ends)),
        Rules(unit, protect),
    )
    order = list(range(len(parts.ends)))
    chance.shuffle(order)
    drawn = replace(parts, importance=[-float(order.index(i)) for i in range(len(order))])
    kept = within_budget(drawn, keeping_order(drawn), ratio)
    assert cut.reasoning == "".join(parts.texts[i] for i in kept)


def test_random_deletion_drops_no_digit_where_the_method_drops_none():
    one = trace()
    strict, none = (
        shorten(one, words([one.reasoning])[0], "random", 0.5, 0, Rules("number", protect))
        for protect in ("strict", "none")
    )
    numbers = re.findall(r"\d+", one.reasoning)
    assert re.findall(r"\d+", strict.reasoning) == numbers
    assert re.findall(r"\d+", none.reasoning) != numbers


def test_random_deletion_depends_on_the_seed_and_the_problem_only():
    text = " ".join(f"w{i}" for i in range(50))
    other = msgspec.structs.replace(PROBLEM, id="p/2")
    cut = {
        (seed, problem.id, sample): shorten(
            trace(text, problem=problem, sample=sample), words([text])[0], "random", 0.5, seed, FREE
        )
        for seed in (0, 1)
        for problem in (PROBLEM, other)
        for sample in (0, 1)
    }
    assert cut[0, "p/1", 0].reasoning == cut[0, "p/1", 1].reasoning
    assert len({kept.reasoning for kept in cut.values()}) == 4


@pytest.mark.parametrize(
    ("closing", "conclusion", "answer", "expected"),
    [
        ("\n", r"The answer is \boxed{12}.", "12", Lead("\n", r"The answer is \boxed{")),
        (
            "\n\n",
            r"The final answer is: $\boxed{\frac{1}{2}}$",
            None,
            Lead("\n\n", r"The final answer is: $\boxed{"),
        ),
        ("\n", "So Mia makes 18 dollars: $\\boxed{18}$", "18", Lead("\n", "So Mia makes")),
        ("\n", "The answer is -5.", "-5", Lead("\n", "The answer is")),
        ("\n", "It costs $7.", None, Lead("\n", "It costs")),
        ("\n", "So Tom is a lempus.", "lempus", Lead("\n", "So Tom is a")),
        ("\n", "But the answer is (B)", "B", Lead("\n", "But the answer is (")),
        ("\n</think>\n\n", "Mia has 12 apples.", "12", Lead("\n</think>\n\n", "")),
        (" ", "12", "12", Lead("", "")),
        ("\n", "I do not know.", None, Lead("\n", "")),
    ],
)
def test_a_lead_ends_where_the_answer_begins(closing, conclusion, answer, expected):
    assert lead(trace(closing=closing, conclusion=conclusion, answer=answer)) == expected


def test_the_usual_lead_is_the_most_frequent_one_and_empty_where_nothing_was_concluded():
    cut_off = trace(conclusion="", closing="", finished=False)
    other = trace(conclusion="Answer: 3")
    assert usual_lead([cut_off, other, trace(), trace()]) == Lead("\n", r"The answer is \boxed{")
    assert usual_lead([cut_off]) == Lead("", "")


def test_a_control_lets_the_model_conclude_from_the_shortened_reasoning():
    model = Concluder()
    cut_off = trace(conclusion="", closing="", finished=False)
    originals = [trace(opening="<think>", answer="12"), cut_off]
    result = list(cut_blindly(asking(originals, model, "truncation")))
    assert [request.prefill for request in model.requests] == [
        "<think>9 + 8 = 17, and\nThe answer is \\boxed{",
        "9 + 8 = 17, and\nThe answer is \\boxed{",
    ]
    assert all(request.messages == PROBLEM.prompt() for request in model.requests)
    assert len({request.key for request in model.requests}) == 1  # one problem, one sample
    for one in result:
        assert (one.reasoning, one.closing, one.conclusion) == (
            "9 + 8 = 17, and",
            "\n",
            r"The answer is \boxed{12}.",
        )
        assert one.n_tokens == 6
        assert (one.finished, one.seconds, one.grade) == (True, 0.5, None)
    assert result[0].n_conclusion_tokens == 2 + len(words(["<think>\nThe answer is \\boxed{"])[0])


@pytest.mark.parametrize(
    ("text", "finished", "expected"),
    [
        ("12}.", True, ("12}.", True)),
        ("12}.\nMia has\nThe answer is 12", False, ("12}.", True)),
        ("12}. Mia has Mia has", False, ("12}. Mia has Mia has", False)),
        ("\n12}.", True, ("\n12}.", True)),
    ],
)
def test_a_conclusion_that_was_begun_ends_with_its_line(text, finished, expected):
    original = trace()
    (one,) = cut_blindly(asking([original], Concluder(text, finished), "random"))
    assert (one.conclusion.removeprefix(r"The answer is \boxed{"), one.finished) == expected


def test_a_conclusion_behind_markup_may_have_many_lines():
    original = trace(opening="<think>", closing="</think>\n")
    (one,) = cut_blindly(asking([original], Concluder("So.\n12", False), "random"))
    assert (one.conclusion, one.finished, one.n_conclusion_tokens) == ("So.\n12", False, 2 + 1)


def test_an_empty_reasoning_stays_empty():
    one = trace(reasoning="")
    assert [shorten(one, [], control, 0.5, 0).reasoning for control in BLIND] == ["", ""]
