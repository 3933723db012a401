"""llama.cpp itself, from a wheel: its Jinja engine writes the text of
training, and its server does what `http` relies on.
"""

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from cotpress import models
from cotpress.models import Request, Sampling
from cotpress.prompts import Message
from cotpress.records import Problem
from cotpress.serving.chat_template import wrap

xllamacpp = pytest.importorskip("xllamacpp")
pytest.importorskip("transformers")
pytestmark = pytest.mark.slow

RATIOS = (1.0, 0.95, 0.6, 0.5, 0.05)
SYSTEM: list[Message] = [{"role": "system", "content": "You are terse."}]
HISTORY: list[Message] = [
    {"role": "user", "content": "1 + 1?"},
    {"role": "assistant", "content": "2"},
]
PROBLEM = Problem(
    id="p",
    question="Tom has 3 apples and buys 4 more; how many?",
    answer="7",
    task="t",
    instruction="Be brief.",
)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """SmolLM2 from a GGUF file that holds the template `cotpress
    export` would write, as docs/serving.md puts it in.
    """
    from cotpress.errors import CotpressError
    from cotpress.models import hf, smollm2

    try:
        folder, gguf = smollm2.converted(), smollm2._gguf(smollm2._package())
    except CotpressError as error:
        pytest.skip(str(error))
    tokens = hf.tokenizer_only(str(folder))
    made = tmp_path_factory.mktemp("gguf")
    (made / "chat_template.jinja").write_text(
        wrap(tokens.tokenizer.chat_template, (0.5, 0.7, 1.0), takes="both"), encoding="utf-8"
    )
    script = [
        sys.executable,
        "-m",
        "gguf.scripts.gguf_new_metadata",
        "--chat-template-file",
        str(made / "chat_template.jinja"),
    ]
    subprocess.run([*script, str(gguf), str(made / "smol.gguf")], check=True, capture_output=True)
    params = xllamacpp.CommonParams()
    params.model.path, params.model_alias, params.use_jinja = (
        str(made / "smol.gguf"),
        {"smol"},
        True,
    )
    params.n_ctx, params.n_parallel, params.port = 1024, 1, 0
    server = xllamacpp.Server(params)
    spec = f"http:{server.listening_address}/v1,model=smol,tokenizer={folder},retries=0"
    yield SimpleNamespace(url=server.listening_address, tokens=tokens, spec=spec, server=server)
    del server


def post(served: SimpleNamespace, path: str, body: dict[str, Any]) -> dict[str, Any]:
    asked = urllib.request.Request(
        served.url + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(asked, timeout=120) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def rendered(served: SimpleNamespace, messages: list[Message], **asked: Any) -> str:
    return str(post(served, "/apply-template", {"messages": messages, **asked})["prompt"])


@pytest.mark.parametrize(
    "before",
    [[], SYSTEM, HISTORY, [*SYSTEM, *HISTORY]],
    ids=["one turn", "system", "history", "both"],
)
def test_its_engine_writes_the_training_prompt(
    served: SimpleNamespace, before: list[Message]
) -> None:
    for ratio in RATIOS:
        asked = {"chat_template_kwargs": {"compression_ratio": ratio}}
        written = rendered(served, [*before, *PROBLEM.prompt()], **asked)
        told = {"content": written, "add_special": False, "parse_special": True}
        assert post(served, "/tokenize", told)["tokens"] == served.tokens.prompt_ids(
            [*before, *PROBLEM.prompt(ratio)]
        )
    assert rendered(served, PROBLEM.prompt(), reasoning_effort="low") == rendered(
        served, PROBLEM.prompt(0.5)
    )


@pytest.mark.parametrize("before", [[], SYSTEM, [*SYSTEM, *HISTORY]])
def test_its_engine_writes_the_training_prompt_of_a_budget(
    served: SimpleNamespace, before: list[Message]
) -> None:
    for budget in (1, 128, 32_768):
        expected = served.tokens.prompt_text([*before, *PROBLEM.prompt(budget=budget)])
        for sent in (budget, str(budget)):
            asked = {"thinking_budget": sent, "compression_ratio": None}
            turns = [*before, *PROBLEM.prompt()]
            assert rendered(served, turns, chat_template_kwargs=asked) == expected


@pytest.mark.parametrize("wrong", [0, "x", 1.5])
def test_a_budget_that_is_none_and_a_ratio_beside_it_are_bad_requests(
    served: SimpleNamespace, wrong: Any
) -> None:
    both = {"thinking_budget": 128, "compression_ratio": 0.5}
    for asked, says in (({"thinking_budget": wrong}, "is not a number"), (both, "both set")):
        with pytest.raises(urllib.error.HTTPError) as stop:
            rendered(served, PROBLEM.prompt(), chat_template_kwargs=asked)
        assert stop.value.code == 400
        assert says in stop.value.read().decode()


def test_a_ratio_that_is_none_is_a_bad_request_that_says_so(served: SimpleNamespace) -> None:
    with pytest.raises(urllib.error.HTTPError) as stop:
        rendered(served, PROBLEM.prompt(), chat_template_kwargs={"compression_ratio": 1.5})
    assert stop.value.code == 400
    assert "compression_ratio 1.5 is not a fraction of kept tokens" in stop.value.read().decode()


def test_the_ratio_in_the_text_and_in_the_template_give_one_answer(served: SimpleNamespace) -> None:
    asked = [Request(key="p|0", messages=PROBLEM.prompt(0.5))]
    in_text, in_template = (
        next(models.load(served.spec + option).generate(asked, Sampling(max_tokens=4))).text
        for option in ("", ",ratio=template")
    )
    assert in_text == in_template != ""


def test_a_prefill_is_continued_and_not_repeated(served: SimpleNamespace) -> None:
    (one,) = models.load(served.spec).generate(
        [Request(key="p|0", messages=PROBLEM.prompt(), prefill="Tom has 3 + 4 =")],
        Sampling(max_tokens=2),
    )
    assert not one.text.startswith("Tom")
    assert (one.n_tokens, one.finished) == (2, False)


def test_the_end_of_turn_is_counted_by_the_server_and_taken_off(served: SimpleNamespace) -> None:
    model = models.load(served.spec)
    asked: list[Message] = [{"role": "user", "content": "Answer with the single word: yes"}]
    (one,) = model.generate([Request(key="p|0", messages=asked)], Sampling(max_tokens=40))
    assert one.finished
    assert one.n_tokens == len(model.token_ends([one.text])[0])
