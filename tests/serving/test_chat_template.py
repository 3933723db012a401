"""The exported template writes the text of training, for every family, ratio, chat and engine."""

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cotpress.errors import CotpressError
from cotpress.lm.taught import budgets_of
from cotpress.prompts import ratio_tag
from cotpress.records import Problem
from cotpress.serving import chat_template
from cotpress.serving.chat_template import efforts_for, taken, unwrap, wrap

pytest.importorskip("transformers")
from chat_templates import CHATML, FAMILIES
from jinja2.exceptions import TemplateError
from train_fixtures import make_tokenizer
from transformers.utils.chat_template_utils import render_jinja_template

from cotpress.models.hf import HFModel
from cotpress.serving.export import served_ids

RATIOS = (1.0, 0.9, 0.75, 0.6, 0.5, 0.29, 0.1, 0.05, 0.01)
EFFORTS = (0.5, 0.7, 1.0)
SYSTEM = {"role": "system", "content": "You are terse."}
HISTORY = [
    {"role": "user", "content": "1 + 1?"},
    {"role": "assistant", "content": "<think>\nhm\n</think>\n\n2"},
]
QUESTION = "What is 17 % of {{ 300 }}, in €?\n\n- a\n- b"
CHATS = {"one turn": [], "system": [SYSTEM], "history": HISTORY, "both": [SYSTEM, *HISTORY]}


def problem(question=QUESTION):
    return Problem(
        id="p", question=question, answer="51", task="t", instruction="Reason step by step."
    )


def render(template, messages, **asked):
    texts, _ = render_jinja_template(
        [messages], chat_template=template, add_generation_prompt=True, **asked
    )
    return texts[0]


@pytest.fixture(scope="module")
def tokenizer():
    return make_tokenizer()


# --- equal to training ----------------------------------------------------------------------------


@pytest.mark.parametrize("chat", CHATS)
@pytest.mark.parametrize("family", FAMILIES)
def test_the_served_prompt_has_the_ids_of_the_training_prompt(family, chat, tokenizer):
    tokenizer.chat_template = FAMILIES[family]
    trained = HFModel(family, "", tokenizer, lambda: None)
    ids = {ratio: trained.prompt_ids([*CHATS[chat], *problem().prompt(ratio)]) for ratio in RATIOS}
    assert len(set(map(tuple, ids.values()))) == len(RATIOS)
    tokenizer.chat_template = wrap(FAMILIES[family], EFFORTS)
    asked = [*CHATS[chat], *problem().prompt()]
    for ratio in RATIOS:
        assert served_ids(tokenizer, asked, compression_ratio=ratio) == ids[ratio]
        assert served_ids(tokenizer, asked, compression_ratio=str(ratio)) == ids[ratio]
    assert (
        served_ids(tokenizer, asked)
        == served_ids(tokenizer, asked, compression_ratio=None)
        == ids[1.0]
    )
    assert served_ids(tokenizer, asked, reasoning_effort="low") == ids[0.5]


@settings(deadline=None, max_examples=60)
@given(
    st.text(min_size=1).filter(lambda text: not text.endswith("</ratio>")),
    st.integers(1, 100),
    st.sampled_from(sorted(FAMILIES)),
)
def test_any_question_at_any_ratio_is_written_as_in_training(question, percent, family):
    ratio = percent / 100
    asked = problem(question)
    expected = render(FAMILIES[family], asked.prompt(ratio))
    assert (
        render(wrap(FAMILIES[family], EFFORTS), asked.prompt(), compression_ratio=ratio) == expected
    )


def test_what_the_template_was_told_in_training_is_what_it_is_told_when_served(tokenizer):
    tokenizer.chat_template = FAMILIES["qwen3"]
    trained = HFModel("q", "", tokenizer, lambda: None, template={"enable_thinking": False})
    ids = {ratio: trained.prompt_ids(problem().prompt(ratio)) for ratio in RATIOS}
    plain = wrap(FAMILIES["qwen3"], EFFORTS)
    tokenizer.chat_template = wrap(FAMILIES["qwen3"], EFFORTS, trained.template)
    assert unwrap(tokenizer.chat_template) == FAMILIES["qwen3"]
    for ratio in RATIOS:
        assert served_ids(tokenizer, problem().prompt(), compression_ratio=ratio) == ids[ratio]
    asked = {"compression_ratio": 0.5, "enable_thinking": True}
    assert render(tokenizer.chat_template, problem().prompt(), **asked) == render(
        plain, problem().prompt(), compression_ratio=0.5
    )


def test_a_template_that_writes_the_date_is_served_with_that_of_training(tokenizer):
    dated = "{{ strftime_now('%Y-%m-%d') }} {{ strftime_now(\"%d %b\") }} " + CHATML
    tokenizer.chat_template = dated
    trained = HFModel("d", "", tokenizer, lambda: None)
    assert trained.prompt_text(problem().prompt()).startswith("2024-07-26 26 Jul ")
    expected = trained.prompt_ids(problem().prompt(0.5))
    tokenizer.chat_template = wrap(dated, EFFORTS)
    assert served_ids(tokenizer, problem().prompt(), compression_ratio=0.5) == expected
    assert unwrap(tokenizer.chat_template) == dated


def test_only_the_last_user_turn_is_tagged_also_when_others_follow_it():
    turns = [*problem().prompt(), *HISTORY, {"role": "tool", "content": "51"}]
    tagged = [turns[0], *[{**HISTORY[0], "content": "1 + 1?\n<ratio>0.5</ratio>"}, *turns[2:]]]
    for family in FAMILIES.values():
        assert render(wrap(family, EFFORTS), turns, compression_ratio=0.5) == render(family, tagged)


def test_a_prompt_that_has_its_tag_already_gets_no_second_one():
    tagged = problem().prompt(0.5)
    assert render(wrap(CHATML, EFFORTS), tagged, compression_ratio=0.7) == render(CHATML, tagged)
    assert render(wrap(CHATML, EFFORTS), tagged) == render(CHATML, tagged)


def test_content_in_parts_gets_the_tag_at_its_end():
    parts = (
        "{% for m in messages %}{% for part in m.content %}{{ part.text }}{% endfor %}{% endfor %}"
    )
    turns = [{"role": "user", "content": [{"type": "text", "text": "1 + 1?"}]}]
    assert (
        render(wrap(parts, EFFORTS), turns, compression_ratio=0.5) == "1 + 1?\n<ratio>0.5</ratio>"
    )


def test_no_loop_goes_over_a_content_from_which_vllm_would_conclude_that_parts_are_wanted():
    """vLLM hands text in parts to templates with such a loop, and most models' own cannot join
    them.
    """
    assert not re.search(r"{%-?\s*for\s+\w+\s+in\s+[^%]*content", wrap("", EFFORTS))


def test_content_in_parts_is_written_like_plain_text_where_a_template_trims_every_part():
    own = (
        "{% for m in messages %}{% if m.content is string %}{{ m.content | trim }}{% else %}"
        "{% for part in m.content %}{{ part.text | trim if part.type == 'text' else '<image>' }}"
        "{% endfor %}{% endif %}{% endfor %}"
    )
    image = {"type": "image", "image": "x"}
    for before in ([], [image]):
        text = [*before, {"type": "text", "text": "1 + 1?"}]
        shown = render(
            wrap(own, EFFORTS), [{"role": "user", "content": text}], compression_ratio=0.5
        )
        plain = [{"role": "user", "content": "1 + 1?"}]
        expected = render(wrap(own, EFFORTS), plain, compression_ratio=0.5)
        assert shown == "<image>" * len(before) + expected
    last = [{"role": "user", "content": [{"type": "text", "text": "1 + 1?"}, image]}]
    shown = render(wrap(own, EFFORTS), last, compression_ratio=0.5)
    assert shown == "1 + 1?<image><ratio>0.5</ratio>"


@pytest.mark.parametrize(
    "own",
    [
        "{% if 1 %}a{% endif %}",
        "  {% if 1 %}a{% endif %}",
        "\n\n{% if 1 %}a{% endif %}",
        " a",
        "\na",
        "{{- 1 }}",
    ],
)
def test_white_space_at_the_beginning_of_the_own_template_stays_what_it_was(own):
    assert render(wrap(own, EFFORTS), problem().prompt(), compression_ratio=0.5) == render(
        own, problem().prompt()
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_another_engine_of_templates_writes_the_same(family):
    """minijinja is what several servers written in Rust render with."""
    minijinja = pytest.importorskip("minijinja")

    def raising(message):
        raise ValueError(message)

    engine = minijinja.Environment(trim_blocks=True, lstrip_blocks=True)
    engine.add_function("raise_exception", raising)
    engine.pycompat = True
    wrapped, about = wrap(FAMILIES[family], EFFORTS), {"add_generation_prompt": True}
    for turns in ([*chat, *problem().prompt()] for chat in CHATS.values()):
        for asked in (
            {},
            {"compression_ratio": 0.6},
            {"compression_ratio": 0.05},
            {"compression_ratio": "0.7"},
            {"reasoning_effort": "low"},
        ):
            assert engine.render_str(wrapped, messages=turns, **asked, **about) == render(
                wrapped, turns, **asked
            )
    with pytest.raises(
        (ValueError, minijinja.TemplateError), match="compression_ratio 2 is not a fraction"
    ):
        engine.render_str(wrapped, messages=problem().prompt(), compression_ratio=2, **about)


# --- values ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        0,
        -0.5,
        1.01,
        2,
        "x",
        "",
        "half",
        True,
        False,
        [0.5],
        {"a": 1},
        0.655,
        1e-5,
        float("nan"),
        "1e-1",
    ],
)
def test_what_is_no_ratio_raises_a_template_error_that_names_it(value):
    with pytest.raises(
        TemplateError, match=r"compression_ratio .* send a number above 0 and at most 1"
    ):
        render(wrap(CHATML, EFFORTS), problem().prompt(), compression_ratio=value)


@pytest.mark.parametrize("value", ["minimal", "Low", "", 0.5])
def test_an_unknown_effort_raises_a_template_error_that_names_the_known(value):
    with pytest.raises(TemplateError, match=r"reasoning_effort .* send low, medium or high"):
        render(wrap(CHATML, EFFORTS), problem().prompt(), reasoning_effort=value)


def test_a_ratio_without_a_user_turn_is_an_error_and_full_length_is_none():
    with pytest.raises(TemplateError, match="there is none"):
        render(wrap(CHATML, EFFORTS), [SYSTEM], compression_ratio=0.5)
    assert render(wrap(CHATML, EFFORTS), [SYSTEM], compression_ratio=1) == render(CHATML, [SYSTEM])


def test_the_ratio_goes_before_the_effort_and_none_is_as_good_as_absent():
    template, turns = wrap(CHATML, EFFORTS), problem().prompt()
    assert render(template, turns, compression_ratio=0.9, reasoning_effort="low") == render(
        CHATML, problem().prompt(0.9)
    )
    assert render(template, turns, compression_ratio=None, reasoning_effort="medium") == render(
        CHATML, problem().prompt(0.7)
    )
    assert render(template, turns, compression_ratio=None, reasoning_effort=None) == render(
        CHATML, turns
    )


def test_the_tag_is_the_one_of_the_records():
    assert json.dumps(ratio_tag(0.5)[:8]) in wrap(CHATML, EFFORTS)


# --- wrapping -------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES)
def test_wrapping_is_undone_exactly_and_done_anew_with_other_efforts(family):
    own = FAMILIES[family]
    wrapped = wrap(own, EFFORTS)
    assert chat_template.is_wrapped(wrapped)
    assert not chat_template.is_wrapped(own)
    assert unwrap(wrapped) == unwrap(own) == own
    assert wrap(wrapped, (0.3, 0.5, 0.9)) == wrap(own, (0.3, 0.5, 0.9)) != wrapped


def test_a_template_that_takes_the_ratio_and_is_not_ours_is_refused():
    with pytest.raises(
        CotpressError, match="already takes compression_ratio, but cotpress did not write it"
    ):
        wrap("{% if compression_ratio %}short{% endif %}" + CHATML, EFFORTS)


def test_a_template_with_efforts_of_its_own_keeps_them():
    own = CHATML + "{{ reasoning_effort }}"
    assert (
        render(wrap(own, EFFORTS), problem().prompt(), reasoning_effort="max")
        == render(CHATML, problem().prompt()) + "max"
    )
    assert render(
        wrap(own, EFFORTS), problem().prompt(), compression_ratio=0.5, reasoning_effort="low"
    ).endswith("low")


def test_servers_that_ask_which_variables_a_template_reads_see_the_ratio():
    """vLLM hands on no others."""
    from jinja2 import Environment, meta

    for own in FAMILIES.values():
        found = meta.find_undeclared_variables(
            Environment(autoescape=True).parse(wrap(own, EFFORTS))
        )
        assert {"compression_ratio", "reasoning_effort"} <= found


@pytest.mark.parametrize(
    ("ratios", "expected"),
    [
        ((1.0, 0.9, 0.8, 0.7, 0.6, 0.5), (0.5, 0.7, 1.0)),
        ((0.5, 1.0), (0.5, 0.5, 1.0)),
        ((0.6,), (0.6, 0.6, 0.6)),
        ((), (0.5, 0.7, 1.0)),
    ],
)
def test_the_efforts_are_the_smallest_middle_and_largest_ratio_that_was_trained(ratios, expected):
    assert efforts_for(ratios) == expected


def test_an_effort_must_be_a_ratio():
    with pytest.raises(CotpressError, match=r"ratio 1.5 is not a fraction"):
        wrap(CHATML, (0.5, 0.7, 1.5))


# --- budgets --------------------------------------------------------------------------------------

BUDGETS = (1, 9, 10, 34, 128, 512, 1000, 32_768)
LEVELS = (34, 128, 512)


@pytest.mark.parametrize("takes", ["budget", "both"])
@pytest.mark.parametrize("chat", CHATS)
@pytest.mark.parametrize("family", FAMILIES)
def test_a_served_budget_has_the_ids_of_the_training_prompt(family, chat, takes, tokenizer):
    tokenizer.chat_template = FAMILIES[family]
    trained = HFModel(family, "", tokenizer, lambda: None)
    before, efforts = CHATS[chat], LEVELS if takes == "budget" else EFFORTS
    ids = {n: trained.prompt_ids([*before, *problem().prompt(budget=n)]) for n in BUDGETS}
    plain, half = (trained.prompt_ids([*before, *problem().prompt(r)]) for r in (1.0, 0.5))
    assert len({*map(tuple, ids.values()), tuple(plain)}) == len(BUDGETS) + 1
    tokenizer.chat_template = wrap(FAMILIES[family], efforts, takes=takes)
    assert unwrap(tokenizer.chat_template) == FAMILIES[family]
    asked = [*before, *problem().prompt()]
    for n in BUDGETS:
        assert served_ids(tokenizer, asked, thinking_budget=n) == ids[n]
        assert served_ids(tokenizer, asked, thinking_budget=str(n)) == ids[n]
        told = {"thinking_budget": n, "compression_ratio": None, "reasoning_effort": "high"}
        assert served_ids(tokenizer, asked, **told) == ids[n]
    for nothing in ({}, {"thinking_budget": None}, {"compression_ratio": 1.0}):
        assert served_ids(tokenizer, asked, **nothing) == plain
    low = served_ids(tokenizer, asked, reasoning_effort="low")
    assert low == (ids[34] if takes == "budget" else half)
    if takes == "both":
        assert served_ids(tokenizer, asked, compression_ratio=0.5) == half


@settings(deadline=None, max_examples=60)
@given(
    st.text(min_size=1).filter(lambda text: not text.endswith(("</ratio>", "</budget>"))),
    st.integers(1, 10**9),
    st.sampled_from(sorted(FAMILIES)),
)
def test_any_question_at_any_budget_is_written_as_in_training(question, budget, family):
    asked = problem(question)
    expected = render(FAMILIES[family], asked.prompt(budget=budget))
    template = wrap(FAMILIES[family], LEVELS, takes="budget")
    assert render(template, asked.prompt(), thinking_budget=budget) == expected


@pytest.mark.parametrize(
    "value",
    [0, -1, 1.5, 128.0, True, False, "", "x", "0", "-5", "07", " 8", "1e3", "1.0", "٣", [8], {}],
)
def test_what_is_no_budget_raises_a_template_error_that_names_it(value):
    with pytest.raises(
        TemplateError, match=r"thinking_budget .* send a whole number of at least 1"
    ):
        render(wrap(CHATML, LEVELS, takes="budget"), problem().prompt(), thinking_budget=value)


@pytest.mark.parametrize("takes", ["ratio", "budget", "both"])
def test_a_request_with_both_is_an_error_also_at_full_length(takes):
    template = wrap(CHATML, LEVELS if takes == "budget" else EFFORTS, takes=takes)
    for ratio in (0.5, 1.0, 7):
        with pytest.raises(TemplateError, match="are both set: send one of them"):
            render(template, problem().prompt(), compression_ratio=ratio, thinking_budget=128)


def test_what_was_not_taught_is_refused_with_what_to_send_instead():
    with pytest.raises(TemplateError, match="taught no budgets: send compression_ratio"):
        render(wrap(CHATML, EFFORTS), problem().prompt(), thinking_budget=128)
    budgets = wrap(CHATML, LEVELS, takes="budget")
    for ratio in (0.5, 2, "x", True):
        with pytest.raises(TemplateError, match="taught budgets and no ratios: send thinking_"):
            render(budgets, problem().prompt(), compression_ratio=ratio)


@pytest.mark.parametrize("takes", ["ratio", "budget", "both"])
def test_a_prompt_with_a_tag_of_either_kind_gets_no_second_one(takes):
    template = wrap(CHATML, LEVELS if takes == "budget" else EFFORTS, takes=takes)
    sent = {"compression_ratio": 0.7} if takes == "ratio" else {"thinking_budget": 128}
    for tagged in (problem().prompt(0.5), problem().prompt(budget=60)):
        assert render(template, tagged, **sent) == render(CHATML, tagged)


@pytest.mark.parametrize("family", FAMILIES)
def test_another_engine_of_templates_writes_the_same_budgets(family):
    minijinja = pytest.importorskip("minijinja")

    def raising(message):
        raise ValueError(message)

    engine = minijinja.Environment(trim_blocks=True, lstrip_blocks=True)
    engine.add_function("raise_exception", raising)
    engine.pycompat = True
    wrapped = wrap(FAMILIES[family], EFFORTS, takes="both")
    about = {"messages": problem().prompt(), "add_generation_prompt": True}
    for asked in ({"thinking_budget": 128}, {"thinking_budget": "64"}, {"compression_ratio": 0.6}):
        assert engine.render_str(wrapped, **about, **asked) == render(
            wrapped, problem().prompt(), **asked
        )
    for wrong in ({"thinking_budget": 0}, {"thinking_budget": 1.5}, {"thinking_budget": True}):
        with pytest.raises(
            (ValueError, minijinja.TemplateError), match="is not a number of tokens"
        ):
            engine.render_str(wrapped, **about, **wrong)


def test_a_template_with_a_thinking_budget_of_its_own_keeps_it_or_is_refused():
    own = CHATML + "{{ thinking_budget }}"
    asked = {"thinking_budget": 7, "compression_ratio": 0.5}
    served = render(wrap(own, EFFORTS), problem().prompt(), **asked)
    assert served == render(CHATML, problem().prompt(0.5)) + "7"
    with pytest.raises(CotpressError, match="already takes thinking_budget, but cotpress did not"):
        wrap(own, LEVELS, takes="budget")


def test_servers_that_ask_which_variables_a_template_reads_see_the_budget():
    from jinja2 import Environment, meta

    for takes in ("budget", "both"):
        wrapped = wrap(CHATML, LEVELS if takes == "budget" else EFFORTS, takes=takes)
        found = meta.find_undeclared_variables(Environment(autoescape=True).parse(wrapped))
        assert {"thinking_budget", "compression_ratio", "reasoning_effort"} <= found


def test_what_a_template_takes_is_what_was_taught():
    some = budgets_of([34, 50, 60, 512])
    assert taken([], None) == taken([1.0, 0.5], None) == "ratio"
    assert taken([], some) == taken([1.0], some) == "budget"
    assert taken([1.0, 0.5], some) == "both"
    assert efforts_for([], some) == some.usual
    assert efforts_for([1.0, 0.5], some) == (0.5, 0.5, 1.0)
    with pytest.raises(CotpressError, match=r"effort 0.5 is not a number of tokens"):
        wrap(CHATML, (0.5, 0.7, 1.0), takes="budget")
