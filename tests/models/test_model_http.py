"""The HTTP model against a server on loopback that makes every kind
of trouble: nothing is lost, swapped or leaked.
"""

import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from openai_server import FakeServer, serving

from cotpress import models, storage
from cotpress.errors import CotpressError
from cotpress.models import Request, Sampling
from cotpress.records import Problem, Trace

pytest.importorskip("openai")

KEY = "sk-secret-0123456789"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeServer]:
    """A server, and a client library that waits next to nothing before it tries again."""
    monkeypatch.setattr("openai._base_client.INITIAL_RETRY_DELAY", 0.001)
    monkeypatch.setattr("openai._base_client.MAX_RETRY_DELAY", 0.001)
    with serving() as running:
        yield running


def load(server: FakeServer, options: str = "") -> models.Model:
    return models.load(f"http:{server.url},model=fake,tokenizer=words{options}")


def ask(n: int = 1, **fields: Any) -> list[Request]:
    return [
        Request(key=f"q{i}|0", messages=[{"role": "user", "content": f"question {i}"}], **fields)
        for i in range(n)
    ]


def texts(
    model: models.Model, requests: list[Request], sampling: Sampling | None = None
) -> list[str]:
    return [one.text for one in model.generate(requests, sampling or Sampling())]


def echo(body: dict[str, Any]) -> str:
    return "about " + body["messages"][0]["content"]


# What is sent


def test_arguments_of_the_template_are_sent_and_belong_to_the_name(server: FakeServer) -> None:
    model = load(server, ",template.enable_thinking=false,template.effort=low")
    assert model.name.endswith(",template.effort=low,template.enable_thinking=false")
    texts(model, ask())
    assert server.asked[0]["chat_template_kwargs"] == {"enable_thinking": False, "effort": "low"}
    both = load(server, ",template.enable_thinking=false,ratio=template")
    texts(both, ask())
    sent = {"enable_thinking": False, "compression_ratio": 1.0, "thinking_budget": None}
    assert server.asked[-1]["chat_template_kwargs"] == sent


def test_an_error_as_the_finish_reason_is_asked_for_again(server: FakeServer) -> None:
    said = iter(
        [
            {
                "choices": [
                    {"index": 0, "message": {"content": ""}, "finish_reason": "error"},
                ]
            }
        ]
    )
    server.say = lambda body: next(said, "4")
    assert texts(load(server), ask()) == ["4"]
    server.say = lambda body: {"choices": [{"message": {}, "finish_reason": "error"}]}
    with pytest.raises(CotpressError, match="with an error in place of an answer: see its log"):
        texts(load(server, ",retries=0"), ask())


def test_all_sampling_fields_are_sent_with_a_seed_of_each_request(server: FakeServer) -> None:
    sampling = Sampling(max_tokens=9, temperature=0.7, top_p=0.9, seed=5)
    texts(load(server), ask(3), sampling)
    by_question = {body["messages"][0]["content"]: body for body in server.asked}
    seeds = [by_question[f"question {i}"].pop("seed") for i in range(3)]
    assert len(set(seeds)) == 3
    assert by_question["question 0"] == {
        "model": "fake",
        "messages": [{"role": "user", "content": "question 0"}],
        "max_tokens": 9,
        "temperature": 0.7,
        "top_p": 0.9,
        "frequency_penalty": 0.0,
        "presence_penalty": 0.0,
        "top_k": -1,
        "min_p": 0.0,
        "repetition_penalty": 1.0,
        "repeat_penalty": 1.0,
        "skip_special_tokens": False,
    }
    server.asked.clear()
    texts(load(server), ask(3)[::-1], sampling)
    again = {body["messages"][0]["content"]: body["seed"] for body in server.asked}
    assert [again[f"question {i}"] for i in range(3)] == seeds


def test_hosted_services_and_transformers_are_sent_only_what_they_know(server: FakeServer) -> None:
    for fields in ("openai", "transformers"):
        texts(load(server, f",fields={fields}"), ask(), Sampling(max_tokens=9))
    hosted, transformers = server.asked
    assert set(hosted) == {
        *("model", "messages", "seed", "temperature", "top_p"),
        *("frequency_penalty", "presence_penalty", "max_completion_tokens"),
    }
    assert "top_k" not in transformers
    config = {"do_sample": False, "top_k": 0, "repetition_penalty": 1.0, "max_new_tokens": 9}
    assert json.loads(transformers["generation_config"]) == config


def test_top_k_and_min_p_are_sent_where_the_server_knows_them(server: FakeServer) -> None:
    sampling = Sampling(max_tokens=9, temperature=0.6, top_k=20, min_p=0.05)
    for fields in ("open", "transformers"):
        texts(load(server, f",fields={fields}"), ask(), sampling)
    opened, transformers = server.asked
    assert (opened["top_k"], opened["min_p"]) == (20, 0.05)
    config = json.loads(transformers["generation_config"])
    assert (config["do_sample"], config["top_k"], config["min_p"]) == (True, 20, 0.05)


@pytest.mark.parametrize("asked", [{"top_k": 20}, {"min_p": 0.05}])
def test_top_k_and_min_p_are_not_left_out_in_silence(server: FakeServer, asked: Any) -> None:
    sampling = Sampling(max_tokens=9, temperature=0.6, **asked)
    with pytest.raises(CotpressError, match="takes neither top-k nor min-p: leave out --top-k"):
        texts(load(server, ",fields=openai"), ask(), sampling)
    assert server.asked == []


def test_the_ratio_is_in_the_text_or_in_the_template_and_never_in_both(server: FakeServer) -> None:
    problem = Problem(id="p", question="How many?", answer="4", task="t")
    asked = [Request(key=f"p|{ratio}", messages=problem.prompt(ratio)) for ratio in (0.6, 1.0)]
    texts(load(server, ",concurrency=1"), asked)
    assert [body["messages"][0]["content"] for body in server.asked] == [
        "How many?\n<ratio>0.6</ratio>",
        "How many?",
    ]
    assert not any("chat_template_kwargs" in body for body in server.asked)
    server.asked.clear()
    texts(load(server, ",ratio=template,concurrency=1"), asked)
    checks = [body for body in server.asked if body["max_tokens"] == 1]
    sent = [body for body in server.asked if body["max_tokens"] > 1]
    assert len(checks) == 2  # once, with and without
    assert {body["messages"][0]["content"] for body in sent} == {"How many?"}
    assert sorted(body["chat_template_kwargs"]["compression_ratio"] for body in sent) == [0.6, 1.0]


def test_a_budget_is_in_the_text_or_in_the_template_and_never_beside_a_ratio(
    server: FakeServer,
) -> None:
    problem = Problem(id="p", question="How many?", answer="4", task="t")
    asked = [Request(key="p", messages=problem.prompt(budget=60))]
    texts(load(server), asked)
    assert server.asked[-1]["messages"][0]["content"] == "How many?\n<budget>60</budget>"
    assert "chat_template_kwargs" not in server.asked[-1]
    texts(load(server, ",ratio=template"), asked)
    assert server.asked[-1]["messages"][0]["content"] == "How many?"
    sent = {"compression_ratio": None, "thinking_budget": 60}
    assert server.asked[-1]["chat_template_kwargs"] == sent
    server.takes_ratio = False
    with pytest.raises(CotpressError, match="drops thinking_budget: its chat template does not"):
        texts(load(server, ",ratio=template"), asked)


def test_a_server_that_drops_the_ratio_is_refused(server: FakeServer) -> None:
    server.takes_ratio = False
    tagged = [
        Request(
            key="p",
            messages=Problem(id="p", question="How many?", answer="4", task="t").prompt(0.6),
        )
    ]
    with pytest.raises(
        CotpressError, match="drops compression_ratio: its chat template does not read it"
    ):
        texts(load(server, ",ratio=template"), tagged)
    assert texts(load(server, ",ratio=template"), ask()) == ["4"]  # nothing below 1.0 is asked for


@pytest.mark.parametrize("tag", ["<ratio>0.1</ratio>", "<budget>100</budget>"])
def test_a_question_that_ends_in_a_tag_asks_for_nothing_by_it(server: FakeServer, tag: str) -> None:
    problem = Problem(id="p", question=f"How many?\n{tag}", answer="1", task="t")
    for ratio in (None, 0.5):
        request = Request(key="q|0", messages=problem.prompt(ratio))
        texts(load(server, ",ratio=template"), [request])
        sent = server.asked[-1]
        asked = {"compression_ratio": ratio or 1.0, "thinking_budget": None}
        assert sent["chat_template_kwargs"] == asked
        assert (
            sent["messages"][0]["content"] == f"How many?\n{tag.replace('</', '<' + chr(92) + '/')}"
        )


def test_a_prefill_is_continued_and_a_server_that_opens_a_new_turn_is_refused(
    server: FakeServer,
) -> None:
    begun = ask(prefill="2 + 2 =")
    server.say = lambda body: " 4" if body["messages"][-1]["role"] == "assistant" else "2 + 2 = 4"
    assert texts(load(server), begun) == [" 4"]
    last = server.asked[-1]
    assert last["messages"][-1] == {"role": "assistant", "content": "2 + 2 ="}
    assert (last["continue_final_message"], last["add_generation_prompt"]) == (True, False)
    server.echoes = True  # llama.cpp repeats the prefill
    assert texts(load(server), begun) == [" 4"]
    server.continues = server.echoes = False
    for options in ("", ",fields=openai", ",fields=transformers"):
        with pytest.raises(CotpressError, match="does not continue an answer that was begun"):
            texts(load(server, options), begun)
    server.usage = False
    with pytest.raises(CotpressError, match="does not count prompt tokens"):
        texts(load(server), begun)


# What comes back


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"content": "so 4"}, "so 4"),
        ({"content": "<think>\nso\n</think>\n\n4"}, "<think>\nso\n</think>\n\n4"),
        ({"content": "\n\n4", "reasoning": "so\n"}, "<think>\nso\n</think>\n\n4"),
        ({"content": "4", "reasoning_content": "so"}, "<think>\nso\n</think>\n\n4"),
        ({"content": None, "reasoning": "so and"}, "<think>\nso and"),
        (
            {"content": "<think>\nso\n</think>\n\n4", "reasoning_content": "so"},
            "<think>\nso\n</think>\n\n4",
        ),
        ({"content": "</think>\n\n4", "reasoning_content": "so"}, "<think>\nso\n</think>\n\n4"),
        ({"content": None}, ""),
        ({"content": "", "reasoning": None, "reasoning_content": ""}, ""),
    ],
)
def test_reasoning_comes_from_where_the_server_puts_it(
    server: FakeServer, message: dict[str, Any], text: str
) -> None:
    server.say = lambda body: message
    assert texts(load(server), ask()) == [text]


def test_what_follows_a_prefill_is_no_reasoning_whatever_the_servers_parser_says(
    server: FakeServer,
) -> None:
    server.say = lambda body: {"content": None, "reasoning": " 4"}
    assert texts(load(server), ask(prefill="<think>\n2 + 2\n</think>\n\nThe answer is")) == [" 4"]


def test_tokens_are_the_servers_without_the_end_of_turn(server: FakeServer) -> None:
    server.say = lambda body: "one two three"
    for limit, expected in ((9, (3, True)), (3, (3, True)), (2, (2, False))):
        (one,) = load(server).generate(ask(), Sampling(max_tokens=limit))
        assert (one.n_tokens, one.finished) == expected
    server.usage = False
    (one,) = load(server).generate(ask(), Sampling())
    assert one.n_tokens == 3


def test_answers_come_in_the_order_of_the_questions_and_at_once(server: FakeServer) -> None:
    met = threading.Barrier(8, timeout=30)  # nobody is answered before eight have asked

    def say(body: dict[str, Any]) -> str:
        met.wait()
        return echo(body)

    server.say = say
    done = list(load(server, ",concurrency=8").generate(ask(16), Sampling()))
    # the ids of all answers are the same
    assert [one.text for one in done] == [f"about question {i}" for i in range(16)]
    assert all(one.seconds > 0 for one in done)


def test_no_more_are_asked_at_once_than_said_and_few_are_read_ahead(server: FakeServer) -> None:
    running, most, lock = Counter[str](), [0], threading.Lock()

    def say(body: dict[str, Any]) -> str:
        with lock:
            running["now"] += 1
            most[0] = max(most[0], running["now"])
        with lock:
            running["now"] -= 1
        return "4"

    server.say = say
    read: list[Request] = []
    answers = load(server, ",concurrency=2").as_ready(
        (read.append(one) or one for one in ask(100)), Sampling()
    )  # type: ignore[func-returns-value]
    for n_answered, _ in enumerate(answers):
        assert len(read) <= n_answered + 8
    assert n_answered == 99
    assert most[0] <= 2


def test_it_works_inside_a_running_event_loop(server: FakeServer) -> None:
    import asyncio

    async def notebook() -> list[str]:
        return texts(load(server), ask(2))

    assert asyncio.run(notebook()) == ["4", "4"]


# Trouble


@pytest.mark.parametrize(
    "trouble",
    ["429 slow down", "500 oops", "503 loading", "cut", "malformed", "page", "no choice", "hang"],
)
def test_passing_trouble_is_tried_again(server: FakeServer, trouble: str) -> None:
    server.say = echo
    server.troubles.extend([trouble] * 2)
    timeout = ",timeout=0.5" if trouble == "hang" else ""
    assert texts(load(server, timeout), ask(4)) == [f"about question {i}" for i in range(4)]
    assert len(server.asked) == 6


@pytest.mark.parametrize(
    ("trouble", "options", "message"),
    [
        ("429 slow down", "", r"refused request q0\|0 \(.*slow down.*\): ask less at a time"),
        ("500 oops", "", r"refused request q0\|0 \(.*oops.*\): see its log"),
        ("401 who are you", "", "write key=NAME, the environment variable"),
        ("404 no such model", "", "check model= and the URL"),
        ("400 unknown field top_k", "", "unknown field top_k.*fields=openai"),
        ("422 Unexpected fields", "", "fields=transformers"),
        ("cut", "", "cannot be reached, or hangs up"),
        ("malformed", "", "with no chat completion"),
        ("page", "", "<html>Welcome.*check the URL"),
        ("no choice", "", "a chat completion without a choice: see its log"),
        ("400 unknown field chat_template_kwargs", ",ratio=template", "leave out ratio=template"),
        ("hang", ",timeout=0.1", r"did not answer request q0\|0 within 0.1 s, 2 times"),
    ],
)
def test_lasting_trouble_is_one_sentence(
    server: FakeServer, trouble: str, options: str, message: str
) -> None:
    server.troubles.extend([trouble] * 9)
    with pytest.raises(CotpressError, match=message) as stop:
        texts(load(server, f",retries=1{options}"), ask())
    assert "\n" not in str(stop.value)


def test_what_cannot_be_mended_is_not_tried_again(server: FakeServer) -> None:
    server.troubles.extend(["400 no"] * 9)
    with pytest.raises(CotpressError):
        texts(load(server), ask())
    assert len(server.asked) == 1


def test_a_server_that_is_down_is_named() -> None:
    with serving() as server:
        pass
    with pytest.raises(
        CotpressError, match=re.escape(f"the server at {server.url} cannot be reached")
    ):
        texts(load(server, ",retries=0"), ask())


@pytest.mark.parametrize("name", ["other", "fake-7b", "fake2", "not-fake"])
def test_another_models_answer_is_refused(server: FakeServer, name: str) -> None:
    server.model = name
    with pytest.raises(
        CotpressError,
        match=f"model fake was asked, but the server answers as {name}: write model={name}",
    ):
        texts(load(server), ask())


@pytest.mark.parametrize("name", ["fake-2026-01-31", "fake-0613", "fake@main", "fake:latest"])
def test_a_version_of_the_name_is_the_same_model(server: FakeServer, name: str) -> None:
    server.model = name
    assert texts(load(server), ask()) == ["4"]


def test_answers_before_the_trouble_are_not_lost(server: FakeServer) -> None:
    server.say = lambda body: (
        {"choices": "oops"} if body["messages"][0]["content"] == "question 2" else echo(body)
    )
    got: list[str] = []
    with pytest.raises(CotpressError, match=r"answered request q2\|0"):
        got.extend(one.text for one in load(server, ",retries=0").generate(ask(4), Sampling()))
    assert got == ["about question 0", "about question 1"]


def test_leaving_early_leaves_no_thread_and_no_request(server: FakeServer) -> None:
    server.say = lambda body: (
        "4" if "question 0" in body["messages"][0]["content"] else server.over.wait()
    )
    answers = load(server, ",concurrency=3").generate(ask(9), Sampling())
    assert next(answers).text == "4"
    answers.close()
    assert "cotpress-http" not in {thread.name for thread in threading.enumerate()}


# Secrets


def test_the_key_reaches_the_server_and_nothing_else(
    server: FakeServer,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    caplog: Any,
) -> None:
    from cotpress.verbs.generate import generate

    caplog.set_level("DEBUG")
    monkeypatch.setenv("MY_KEY", KEY)
    spec = f"http:{server.url},model=fake,tokenizer=words,key=MY_KEY"
    server.say = lambda body: "4 + 4 = 8. The final answer is 8."
    generate(task="arithmetic", model=spec, out=tmp_path / "traces.jsonl", limit=3)
    assert set(server.keys) == {f"Bearer {KEY}"}
    assert {trace.model for trace in storage.read(tmp_path / "traces.jsonl", Trace)} == {
        spec.removesuffix(",key=MY_KEY")
    }
    # cut in the middle of the key
    server.say = lambda body: {"choices": "x" * 150 + KEY + "x" * 300}
    with pytest.raises(CotpressError, match="no chat completion") as stop:
        texts(models.load(f"{spec},retries=0"), ask())
    assert "sk-" not in str(stop.value)
    server.troubles.extend(["401 the key {key} is wrong", "500 {key}", "400 {key}"])
    for _ in range(3):
        with pytest.raises(CotpressError, match=r"\*\*\*") as stop:
            texts(models.load(f"{spec},retries=0"), ask())
        assert KEY not in "".join(map(str, (stop.value, stop.value.__cause__, stop.value.args)))
    printed = capfd.readouterr()
    written = "".join(path.read_text() for path in tmp_path.iterdir())
    assert KEY not in printed.out + printed.err + written + caplog.text


def test_without_a_named_key_none_is_sent(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    texts(load(server), ask())
    assert server.keys == ["Bearer none"]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            f"http:http://h/v1,model=m,tokenizer=words,key={KEY}",
            "names the environment variable that holds the API key",
        ),
        (
            f"http:http://me:{KEY}@h/v1,model=m,tokenizer=words",
            "the URL of the server at h holds a user",
        ),
        (
            f"http:https://h/v1?key={KEY},model=m,tokenizer=words",
            "the URL of the server at h holds a user",
        ),
        (
            f"http:http://h/v1,model=m,tokenizer=words,api_key={KEY}",
            "unknown option of model http 'api_key'",
        ),
        ("http:http://h/v1", "needs the name under which the server offers the model"),
        ("http:http://h/v1,model=m", "needs the tokenizer that lengths are counted with"),
        ("http:h:80,model=m,tokenizer=words", "needs a server's URL"),
        ("http,model=m", "needs a server's URL"),
        ("http:http://h/v1,model=m,tokenizer=words,concurrency=0", "concurrency of at least 1"),
        ("http:http://h/v1,model=m,tokenizer=words,timeout=-1", "timeout above 0"),
    ],
)
def test_mistakes_in_the_spec_are_one_sentence_without_secrets(spec: str, message: str) -> None:
    with pytest.raises(CotpressError, match=re.escape(message)) as stop:
        models.load(spec)
    assert KEY not in str(stop.value)


# In the walk


def test_tokens_of_a_folder_are_counted_with_its_tokenizer(
    server: FakeServer, causal_lm: Callable[..., Any], tmp_path: Path
) -> None:
    lm = causal_lm()
    lm.tokenizer.save_pretrained(tmp_path)
    model = models.load(f"http:{server.url},model=fake,tokenizer={tmp_path}")
    said = ["She sold 48/2 = 24 clips in May. é", ""]
    assert model.token_ends(said) == lm.token_ends(said)


def test_eval_asks_a_server_and_goes_on_after_trouble(server: FakeServer, tmp_path: Path) -> None:
    from cotpress.verbs.evaluate import evaluate

    def say(body: dict[str, Any]) -> str:
        ratio = re.search(r"<ratio>(.*)</ratio>", body["messages"][0]["content"])
        if body["messages"][-1]["role"] == "assistant":
            return " 7}."
        words = " ".join(["word"] * round(20 * float(ratio[1]) if ratio else 20))
        return f"{words}. The final answer is \\boxed{{7}}."

    server.say = say
    spec = f"http:{server.url},model=fake,tokenizer=words,concurrency=2,retries=0"
    asked: dict[str, Any] = {
        "task": "arithmetic",
        "model": spec,
        "ratios": [0.5],
        "baseline": ["truncation"],
        "limit": 6,
        "out": tmp_path / "eval.jsonl",
    }
    evaluate(**asked)
    whole = (tmp_path / "eval.rows.jsonl").read_text()
    rows = [json.loads(line) for line in whole.splitlines()]
    assert [
        (row["setting"]["method"], row["setting"]["asked"].get("ratio"), row["n"]) for row in rows
    ] == [
        ("original", None, 6),
        ("original", 0.5, 6),
        ("truncation", 0.5, 6),
    ]
    assert rows[1]["kept"] == pytest.approx(11 / 21)
    for path in tmp_path.glob("eval*"):
        path.unlink()
    count = Counter[str]()

    def fails_once(body: dict[str, Any]) -> Any:
        count["asked"] += 1
        return {"choices": "oops"} if count["asked"] == 9 else say(body)

    server.say = fails_once
    evaluate(**asked)
    [failed] = (tmp_path / "eval.errors.jsonl").read_text().splitlines()
    assert "chat completion" in failed
    server.say = say
    evaluate(**asked)
    assert not (tmp_path / "eval.errors.jsonl").exists()
    again = [json.loads(line) for line in (tmp_path / "eval.rows.jsonl").read_text().splitlines()]
    for row in rows + again:
        row.pop("seconds_per_problem")
    assert again == rows


# An answer as it is streamed


def grown(model: models.Model, sampling: Sampling | None = None) -> list[models.Completion]:
    return list(models.growing(model, ask()[0], sampling or Sampling()))


@pytest.mark.parametrize(
    "message",
    [
        "one two three",
        {"reasoning_content": "so it is", "content": "four"},
        {"reasoning": "so it is", "content": "four"},
        {"content": ""},
    ],
)
@pytest.mark.parametrize("usage", [True, False])
def test_a_stream_ends_with_the_very_answer_that_is_given_at_once(
    server: FakeServer, message: Any, usage: bool
) -> None:
    server.say, server.usage = lambda body: message, usage
    model = load(server)
    (whole,) = model.generate(ask(), Sampling())
    *growing, last = grown(model)
    assert (last.text, last.finished, last.finish) == (whole.text, whole.finished, whole.finish)
    assert last.n_tokens == whole.n_tokens
    assert [one.text for one in growing] == sorted((one.text for one in growing), key=len)
    assert not any(one.finished or one.finish for one in growing)
    assert server.asked[1] == server.asked[0] | {
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_the_limit_and_a_filter_end_a_stream_as_they_end_an_answer(server: FakeServer) -> None:
    server.say = lambda body: "one two three four"
    assert grown(load(server), Sampling(max_tokens=2))[-1].text == "one two"
    assert not grown(load(server), Sampling(max_tokens=2))[-1].finished
    choice = {"index": 0, "message": {"content": "no"}, "finish_reason": "content_filter"}
    server.say = lambda body: {"choices": [choice]}
    assert grown(load(server))[-1].finish == "content_filter"


def test_a_stream_asks_a_served_template_for_the_budget_and_checks_that_it_reaches(
    server: FakeServer,
) -> None:
    budgeted = Problem(id="q", question="2+2?", answer="4", task="t").prompt(budget=64)
    request = Request(key="q|0", messages=budgeted)
    *_, last = models.growing(load(server, ",ratio=template"), request, Sampling())
    assert last.text == "4"
    assert server.asked[-1]["chat_template_kwargs"]["thinking_budget"] == 64
    server.takes_ratio = False
    with pytest.raises(CotpressError, match="drops thinking_budget"):
        list(models.growing(load(server, ",ratio=template"), request, Sampling()))


TROUBLES = {
    "cut": ("", "an answer that breaks off: see its log"),
    "hang": (",timeout=0.3", "did not end its answer to request q0.0 within 0.3 s"),
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_stream_that_breaks_in_the_middle_is_one_sentence(
    server: FakeServer, trouble: str
) -> None:
    server.say = lambda body: "one two three four"
    server.streams.append(trouble)
    options, sentence = TROUBLES[trouble]
    said = []
    with pytest.raises(CotpressError, match=sentence):
        said += [one.text for one in models.growing(load(server, options), ask()[0], Sampling())]


@pytest.mark.parametrize(
    ("trouble", "sentence"),
    [
        ("401 no {key}", "name that holds the API key|key=NAME"),
        ("redirect http://elsewhere.test/v1", "redirects to elsewhere.test"),
        ("page", "no stream of a chat completion"),
        ("malformed", "no stream of a chat completion"),
    ],
)
def test_what_is_no_stream_is_one_sentence(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch, trouble: str, sentence: str
) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    server.troubles.append(trouble)
    with pytest.raises(CotpressError, match=sentence) as found:
        grown(load(server, ",key=MY_KEY,retries=0"))
    assert KEY not in str(found.value)


def test_a_stream_has_no_more_megabytes_than_were_allowed(server: FakeServer) -> None:
    server.say = lambda body: "w" * (1 << 20)
    with pytest.raises(CotpressError, match=r"more than 0.5 MB: allow more with max_mb"):
        grown(load(server, ",max_mb=0.5"))


def test_another_model_than_the_one_asked_for_is_refused_at_its_first_word(
    server: FakeServer,
) -> None:
    server.model = "other"
    with pytest.raises(CotpressError, match="the server answers as other"):
        grown(load(server))


def test_nobody_needs_to_hear_a_stream_to_its_end(server: FakeServer) -> None:
    server.say = lambda body: "one two three four"
    server.streams.append("hang")
    growing = models.growing(load(server), ask()[0], Sampling())
    assert next(growing).text == "one"
    growing.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "cotpress-http"]
