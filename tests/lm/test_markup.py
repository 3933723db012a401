"""How a model marks its thinking is found from its chat template, and what is taught has its marks,
whatever the trace came with.
"""

import os
from pathlib import Path
from typing import Any

import msgspec
import pytest
from make import make_compressed, make_trace
from thinking_templates import FAMILIES, Family

pytest.importorskip("transformers")
import tokenizers
import transformers

from cotpress.doctor.data import examine_data
from cotpress.errors import CotpressError
from cotpress.lm.markup import NONE, Markup
from cotpress.models import Completion, Request, Sampling, hf
from cotpress.pipeline.build import IGNORED, example, message, tokenize_example, unmarked
from cotpress.pipeline.generate import split_answer, unanswered
from cotpress.pipeline.split import split
from cotpress.records import Problem, Think, Trace, TrainingExample
from cotpress.training.formats.axolotl import axolotl_rows
from cotpress.training.formats.llamafactory import LlamaFactoryRow

REASONING, CONCLUSION = "Six bags of seven, so 42.", "It is 42."
HISTORY = {
    "system": "S.",
    "history": [{"role": "user", "content": "Q0?"}, {"role": "assistant", "content": "A0."}],
}


def model(family: Family, **template: Any) -> hf.HFModel:
    """A tokenizer of bytes with the family's tokens and template."""
    backend = tokenizers.Tokenizer(tokenizers.models.BPE())
    backend.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = tokenizers.decoders.ByteLevel()
    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    backend.train_from_iterator(
        [REASONING, CONCLUSION],
        tokenizers.trainers.BpeTrainer(
            vocab_size=280, initial_alphabet=alphabet, show_progress=False
        ),
    )
    made = transformers.PreTrainedTokenizerFast(tokenizer_object=backend, eos_token=family.end)
    made.add_tokens(
        [tokenizers.AddedToken(t, special=True, normalized=False) for t in family.special],
        special_tokens=True,
    )
    made.add_tokens(
        [tokenizers.AddedToken(t, special=False, normalized=False) for t in family.added]
    )
    made.chat_template = family.template
    return hf.HFModel("m", "", made, lambda: pytest.fail("no weights"), template=template)


def taught(trace: Trace, lm: Any, think: Think = "target") -> str:
    """What is taught of a trace, as text: labels alone."""
    labels = tokenize_example(learnt(trace, think), lm).labels
    return str(lm.tokenizer.decode([i for i in labels if i != IGNORED]))


def learnt(trace: Trace, think: Think = "target") -> TrainingExample:
    cuts = make_compressed(trace, {1.0: trace.reasoning})
    return example(cuts, {1.0: cuts.cuts[0]}, 1.0, think)


def of(completion: str, **problem: Any) -> Trace:
    """A trace of a completion with its marks."""
    parts = split(completion)
    assert (parts.reasoning, parts.conclusion) == (REASONING, CONCLUSION)
    about = Problem(id="p", question="Q?", answer="42", task="t", **problem)
    marks = {"opening": parts.opening, "closing": parts.closing, "ending": parts.ending}
    trace = make_trace(REASONING, conclusion=CONCLUSION, model="another", **marks)
    return msgspec.structs.replace(trace, problem=about)


PLAIN = msgspec.structs.replace(
    of(f"<think>{REASONING}</think>{CONCLUSION}"), opening="", closing="\n\n"
)
LAYOUTS = {
    "columns": PLAIN,
    "think tags": of(f"<think>\n{REASONING}\n</think>\n\n{CONCLUSION}"),
    "another family": of(f"[THINK]{REASONING}[/THINK]{CONCLUSION}"),
    "answer tags": of(f"<thinking>{REASONING}</thinking>\n<answer>{CONCLUSION}</answer>"),
    "sections": of(
        f"<|begin_of_thought|>\n\n{REASONING}\n\n<|end_of_thought|>\n\n<|begin_of_solution|>\n\n"
        f"{CONCLUSION}\n\n<|end_of_solution|>"
    ),
    "a chat with earlier turns": of(f"<think>{REASONING}</think>{CONCLUSION}", **HISTORY),
}


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_token_ids_of_prompt_marks_and_end_of_turn_are_golden(name: str, layout: str) -> None:
    family, trace = FAMILIES[name], LAYOUTS[layout]
    lm = model(family)
    ids = lambda text: lm.tokenizer(text, add_special_tokens=False)["input_ids"]  # noqa: E731
    before = family.before if trace.problem.history else ""
    prompt = ids(family.prompt.format(before=before))
    turn = ids(family.turn.format(reasoning=REASONING, conclusion=CONCLUSION))
    found = tokenize_example(learnt(trace), lm)
    assert found.ids == prompt + turn
    assert found.labels == [IGNORED] * len(prompt) + turn
    assert lm.prompt_ids(trace.problem.prompt()) == prompt
    assert turn[-1] == lm.end_id


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_finished_text_for_other_trainers_is_the_golden_text(name: str, layout: str) -> None:
    family, trace = FAMILIES[name], LAYOUTS[layout]
    (row,) = axolotl_rows([learnt(trace)], model(family))
    before = family.before if trace.problem.history else ""
    assert [(one.label, one.text) for one in row.segments] == [
        (False, family.prompt.format(before=before)),
        (True, family.turn.format(reasoning=REASONING, conclusion=CONCLUSION)),
    ]
    found = {one.about: one.level for one in examine_data([row], model(family))}
    assert set(found.values()) == {"ok"}


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_doctor_finds_nothing_wrong_with_what_will_be_written_in_the_model_s_marks(
    name: str, layout: str
) -> None:
    lm = model(FAMILIES[name])
    found = {one.about: one for one in examine_data([learnt(LAYOUTS[layout])], lm)}
    assert found["markup"].level == found["thinking"].level == "ok"
    assert found["template"].level == ("warning" if name in ("r1", "kimi") else "ok")


def test_the_doctor_finds_a_turn_that_never_closes_what_its_prompt_opens() -> None:
    lm = model(FAMILIES["r1"])
    unclosed = LlamaFactoryRow(
        prompt="<|bos|><|User|>Q?<|Assistant|><think>\n",
        completion=f"{REASONING} {CONCLUSION}<|eos|>",
        id="p",
        ratio=None,
    )
    found = {one.about: one for one in examine_data([unclosed], lm)}
    assert found["thinking"].level == "problem"
    assert found["thinking"].says == "1 of 1 never close the thinking that the prompt opens"
    kept = {one.about: one for one in examine_data([learnt(PLAIN, "keep")], lm)}
    assert kept["thinking"].level == "problem"
    assert "never close it" in kept["thinking"].says


def test_the_doctor_tells_a_template_that_cannot_be_used_as_a_finding() -> None:
    lm = model(FAMILIES["none"]._replace(template="{{ raise_exception('no') }}"))
    (found,) = [one for one in examine_data([learnt(PLAIN)], lm) if one.level == "problem"]
    assert (found.about, found.says) == ("template", "the chat template of model m fails: no")
    assert found.cure.startswith("put the model's own chat_template.jinja back")


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_row_for_trl_is_a_message_that_the_template_renders_into_the_tokens_of_training(
    name: str, layout: str
) -> None:
    lm, one = model(FAMILIES[name]), learnt(LAYOUTS[layout])
    said = message(one, lm)
    if name in ("r1", "kimi"):  # their templates take thinking out of every turn
        assert said is None
    else:
        assert said is not None
        written = lm.text_ids(lm.chat_text([*one.prompt, said]))
        ids = tokenize_example(one, lm).ids
        assert written[: len(ids)] == ids


def test_a_hybrid_model_that_is_told_not_to_think_is_taught_plain_text() -> None:
    lm = model(FAMILIES["qwen3"], enable_thinking=False)
    assert lm.markup == NONE
    assert taught(LAYOUTS["think tags"], lm) == f"{REASONING}\n\n{CONCLUSION}<|im_end|>"
    assert lm.prompt_text(PLAIN.problem.prompt()).endswith("<think>\n\n</think>\n\n")


def test_marks_are_kept_or_left_out_where_that_is_asked_for() -> None:
    lm = model(FAMILIES["none"])
    theirs = LAYOUTS["another family"]
    assert taught(theirs, lm, "keep") == f"[THINK]{REASONING}[/THINK]{CONCLUSION}<|end|>"
    assert taught(theirs, lm, "none") == f"{REASONING}\n\n{CONCLUSION}<|end|>"
    assert taught(theirs, model(FAMILIES["qwen3"]), "none").startswith(REASONING)


def test_a_model_whose_template_marks_nothing_keeps_the_marks_that_it_wrote_itself() -> None:
    lm = model(FAMILIES["none"])
    own = msgspec.structs.replace(LAYOUTS["think tags"], model=lm.name)
    assert taught(own, lm) == f"<think>\n{REASONING}\n</think>\n\n{CONCLUSION}<|end|>"
    others = msgspec.structs.replace(own, model="another")
    assert taught(others, lm) == f"{REASONING}\n\n{CONCLUSION}<|end|>"
    assert unmarked([learnt(own)], lm) == ""
    assert unmarked([learnt(others)], lm).startswith("1 examples are taught without the marks")
    assert unmarked([learnt(others)], model(FAMILIES["qwen3"])) == ""


@pytest.mark.parametrize("think", ["keep", "none"])
def test_a_thinking_that_the_prompt_opens_and_the_turn_would_not_close_is_refused(
    think: Think,
) -> None:
    with pytest.raises(CotpressError, match=rf"--think {think} the answer would never close it"):
        taught(PLAIN, model(FAMILIES["r1"]), think)


def test_what_the_model_writes_after_an_opened_thinking_is_split_as_a_whole_turn() -> None:
    lm = model(FAMILIES["r1"])
    lm.token_ends = lambda texts: [[len(text)] for text in texts]  # type: ignore[method-assign]
    asked = unanswered(PLAIN.problem, lm)
    for said, reasoning, conclusion in (
        (f"{REASONING}\n</think>\n\n{CONCLUSION}", REASONING, CONCLUSION),
        ("Is it \\boxed{42}? The answer is 42.", "Is it \\boxed{42}? The answer is 42.", ""),
    ):
        done = Completion(text=said, n_tokens=9, finished=bool(conclusion))
        trace = split_answer(asked, done, lm, "")
        assert (trace.reasoning, trace.conclusion) == (reasoning, conclusion)
        assert trace.opening == "<think>\n"
        assert trace.completion() == "<think>\n" + said


def test_a_prefill_holds_the_opening_once_whether_the_prompt_or_the_model_writes_it() -> None:
    for name in ("r1", "qwen3"):
        lm = model(FAMILIES[name])
        asked = PLAIN.problem.prompt()
        for begin in ("<think>\nSix", "<think>Six", "\n<think>\nSix"):
            text = lm.tokenizer.decode(lm.prompt_ids(asked, begin))
            assert text.count("<think>") == 1
            assert text.endswith("Six")


def test_the_date_of_a_template_is_the_same_every_day_unless_it_is_named() -> None:
    family = FAMILIES["none"]
    dated = "{{- 'Today: ' + (date_string or strftime_now('%d %b %Y')) + '\n' }}"
    made = family._replace(template=dated + family.template)
    asked = PLAIN.problem.prompt()
    assert model(made).prompt_text(asked).startswith("Today: 26 Jul 2024\n<|user|>")
    named = model(made, date_string="01 Jan 2020").prompt_text(asked)
    assert named.startswith("Today: 01 Jan 2020\n")


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("{{ ''.__class__.__mro__ }}", "fails: access to attribute '__class__'"),
        ("{{ raise_exception('no') }}", "fails: no"),
        ("{% if %}", "fails: "),
        ("{{ foo.bar.baz }}", "fails: 'foo' is undefined"),
        ("{{ 'a' * 3000000000 }}", "takes too much memory"),
        ("{{ 'a' * 2000000 }}", "writes 2,000,000 characters for one short question"),
        pytest.param(
            "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}x",
            "does not end within",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_template_that_cannot_be_used_is_one_sentence_with_the_cure(
    template: str, says: str
) -> None:
    lm = model(FAMILIES["none"]._replace(template=template))
    with pytest.raises(CotpressError) as stop:
        lm.prompt_ids(PLAIN.problem.prompt())
    assert str(stop.value).startswith("the chat template of model m ")
    assert says in str(stop.value)
    assert "put the model's own chat_template.jinja back" in str(stop.value)


def test_a_chat_that_a_template_refuses_is_one_sentence() -> None:
    family = FAMILIES["none"]
    picky = "{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}"
    lm = model(family._replace(template=picky + family.template))
    with pytest.raises(CotpressError, match=r"refuses such a chat \(no system\)"):
        lm.prompt_ids(LAYOUTS["a chat with earlier turns"].problem.prompt())


@pytest.mark.parametrize(
    "folder",
    sorted(Path(os.environ.get("COTPRESS_TOKENIZERS") or "/nowhere").glob("*/"))
    or [pytest.param(None, marks=pytest.mark.skip(reason="COTPRESS_TOKENIZERS names no folder"))],
)
def test_a_real_tokenizer_is_taught_what_its_own_template_writes(folder: Path) -> None:
    lm = hf.tokenizer_only(str(folder))
    one = learnt(PLAIN)
    assert isinstance(lm.markup, Markup)
    said = message(one, lm)
    if lm.markup.family and not lm.markup.opened:
        assert said is not None
    found = tokenize_example(one, lm)
    assert lm.tokenizer.decode(found.ids).count(REASONING) == 1
    assert found.ids[-1] == lm.end_id


def test_a_model_is_asked_with_its_template_s_arguments_and_named_by_them(
    causal_lm: Any, tmp_path: Path
) -> None:
    made = causal_lm(thinks=True)
    template = made.tokenizer.chat_template
    made.tokenizer.chat_template = (
        template + "{% if not enable_thinking %}<think></think>{% endif %}"
    )
    made.torch_model.save_pretrained(tmp_path)
    made.tokenizer.save_pretrained(tmp_path)
    from cotpress import models

    lm = models.load(f"hf:{tmp_path},template.enable_thinking=false,template.budget=512")
    assert lm.name == f"hf:{tmp_path},template.budget=512,template.enable_thinking=false"
    assert lm.template == {"enable_thinking": False, "budget": 512}
    (one,) = lm.generate(
        [Request(key="1", messages=PLAIN.problem.prompt())], Sampling(max_tokens=1)
    )
    assert one.n_tokens <= 1
