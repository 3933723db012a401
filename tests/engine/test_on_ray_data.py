"""`--engine ray` with a model `vllm:…` asks the engines of `ray.data.llm` what one process would
ask its own, and reads the same from what they say. Neither package is needed: what stands in for
vLLM writes token ids by a rule, from prompt, seed and sampling, and what stands in for Ray Data
hands it the rows, and gives the answers back in another order.
"""

import random
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import msgspec
import pytest
from verbs.command import cotpress

from cotpress import models, storage
from cotpress.errors import CotpressError
from cotpress.failures import Failure, errors_path
from cotpress.plugins import PACKAGE
from cotpress.records import EvalRow, Trace

pytest.importorskip("transformers")

TINY = PACKAGE / "assets" / "tiny"
SPEC = f"vllm:{TINY},dtype=float32,max_len=512"
DRAWN = "--samples 2 --temperature 0.7 --top-p 0.9 --seed 5 --max-tokens 12"


def said(prompt: list[int], fields: Mapping[str, Any]) -> list[int]:
    """The ids that an engine answers with: any, and mostly an end before the limit."""
    draw = random.Random(repr((prompt, sorted(fields.items()))))
    ids = [draw.randrange(20, 90) for _ in range(draw.randrange(1, 20))]
    return [*ids, *fields["stop_token_ids"]][: fields["max_tokens"]]


@dataclass
class Cluster:
    """What was asked of the stand-ins."""

    configs: list[dict[str, Any]] = field(default_factory=list)
    asked: list[list[dict[str, Any]]] = field(default_factory=list)
    in_process: int = 0
    fails: int = 0
    """So many requests fail, once each."""


class DataSet:
    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.rows = rows

    def iter_rows(self) -> Iterator[dict[str, Any]]:
        return iter(self.rows)


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cluster:
    """Stand-ins for vLLM, Ray and ray.data.llm."""
    found = Cluster()
    monkeypatch.chdir(tmp_path)

    class Engine:
        def __init__(self, **given: Any) -> None:
            self.llm_engine = SimpleNamespace(engine_core=SimpleNamespace(shutdown=lambda: None))

        def generate(self, prompts: list[Any], params: list[Any], **_: Any) -> list[Any]:
            found.in_process += 1
            answers = []
            for prompt, one in zip(prompts, params, strict=True):
                ids = said(prompt["prompt_token_ids"], vars(one))
                why = "stop" if ids[-1] in one.stop_token_ids else "length"
                out = SimpleNamespace(token_ids=ids, finish_reason=why)
                answers.append(SimpleNamespace(outputs=[out]))
            return answers

    def processor(config: dict[str, Any], postprocess: Any) -> Any:
        def process(rows: DataSet) -> DataSet:
            found.asked.append(rows.rows)
            answered = []
            for row in rows.rows:
                if found.fails:
                    found.fails -= 1
                    assert config["should_continue_on_error"]
                    answered.append({**row, "__inference_error__": "too long"})
                    continue
                ids = said(row["tokenized_prompt"], row["sampling_params"])
                whole = {**row, "generated_tokens": ids, "time_taken_llm": 0.5, "prompt": ""}
                answered.append({**postprocess(whole), "__inference_error__": ""})
            random.Random(0).shuffle(answered)
            return DataSet(answered)

        return process

    def configured(**given: Any) -> dict[str, Any]:
        found.configs.append(given)
        return given

    fake_vllm = ModuleType("vllm")
    fake_vllm.LLM, fake_vllm.SamplingParams = Engine, SimpleNamespace  # type: ignore[attr-defined]
    ray, data, llm = (ModuleType(name) for name in ("ray", "ray.data", "ray.data.llm"))
    llm.vLLMEngineProcessorConfig = configured  # type: ignore[attr-defined]
    llm.build_processor = processor  # type: ignore[attr-defined]
    data.from_items = DataSet  # type: ignore[attr-defined]
    ray.data, ray.is_initialized, ray.init = data, lambda: False, lambda **_: None  # type: ignore[attr-defined]
    ray.shutdown, ray.exceptions = lambda: None, SimpleNamespace(RayError=OSError)  # type: ignore[attr-defined]
    for module in (fake_vllm, ray, data, llm):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.delitem(sys.modules, "cotpress.models.vllm", raising=False)
    return found


def timeless(path: str) -> list[Trace]:
    return [msgspec.structs.replace(one, seconds=0) for one in storage.read(Path(path), Trace)]


def test_generate_through_ray_data_writes_the_traces_of_one_process(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = f"generate --task arithmetic --limit 20 --model {SPEC} {DRAWN} --out"
    assert cotpress(monkeypatch, f"{command} here.jsonl") == 0
    assert cluster.in_process
    assert not cluster.asked
    cluster.in_process = 0
    assert cotpress(monkeypatch, f"{command} there.jsonl --engine ray --processes 3") == 0
    assert not cluster.in_process
    assert timeless("there.jsonl") == timeless("here.jsonl")
    made = timeless("there.jsonl")
    assert len(made) == 40
    assert {one.finished for one in made} == {True, False}
    assert len({one.reasoning for one in made}) > 20  # two samples of a problem differ
    metas = [
        msgspec.json.decode(Path(f"{name}.meta.json").read_bytes()) for name in ("here", "there")
    ]
    assert metas[0]["fingerprint"] == metas[1]["fingerprint"]


def test_the_engines_are_configured_by_the_spec_and_given_ids_alone(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = f"generate --task arithmetic --limit 2 --model {SPEC},memory=0.5,parallel=2"
    assert cotpress(monkeypatch, f"{command} --out t.jsonl --engine ray --processes 4") == 0
    (config,) = cluster.configs
    assert config["model_source"] == str(TINY)
    assert config["concurrency"] == 4
    engine = config["engine_kwargs"]
    assert "model" not in engine
    assert engine["max_model_len"] == 512
    assert (engine["gpu_memory_utilization"], engine["tensor_parallel_size"]) == (0.5, 2)
    assert not any(
        config[stage] for stage in ("chat_template_stage", "tokenize_stage", "detokenize_stage")
    )
    (rows,) = cluster.asked
    asked = models.load(f"hf:{TINY}")
    problems = [one.problem for one in storage.read(Path("t.jsonl"), Trace)]
    assert [row["tokenized_prompt"] for row in rows] == [
        asked.prompt_ids(problem.prompt())  # type: ignore[attr-defined]
        for problem in problems
    ]
    assert {"number", "tokenized_prompt", "sampling_params"} == set(rows[0])


def test_a_failed_request_is_noted_and_asked_for_alone(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = f"generate --task arithmetic --limit 20 --model {SPEC} --max-tokens 12 --out"
    assert cotpress(monkeypatch, f"{command} here.jsonl") == 0
    cluster.fails = 1
    ray = f"{command} there.jsonl --engine ray"
    assert cotpress(monkeypatch, ray) == 0
    (failed,) = storage.read(errors_path(Path("there.jsonl")), Failure)
    assert failed.reason == "too long"
    assert storage.count(Path("there.jsonl"), Trace) == 19
    assert cotpress(monkeypatch, ray) == 0
    assert len(cluster.asked[-1]) == 1
    assert timeless("there.jsonl") == timeless("here.jsonl")
    assert cotpress(monkeypatch, ray) == 0
    assert len(cluster.asked) == 2  # nothing to do: no engine is started


def test_eval_through_ray_data_writes_the_rows_of_one_process(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = (
        f"eval --task arithmetic --limit 6 --model {SPEC} --ratios 0.5 {DRAWN} "
        "--baseline be-concise budget-forcing --budgets 4 --out"
    )
    assert cotpress(monkeypatch, f"{command} here.jsonl") == 0
    cluster.in_process = 0
    assert cotpress(monkeypatch, f"{command} there.jsonl --engine ray --processes 2") == 0
    assert not cluster.in_process
    assert timeless("there.jsonl") == timeless("here.jsonl")
    here, there = (
        [
            msgspec.structs.replace(row, seconds_per_problem=0)
            for row in storage.read(Path(f"{name}.rows.jsonl"), EvalRow)
        ]
        for name in ("here", "there")
    )
    assert here == there


def test_a_version_of_ray_that_does_not_fit_and_engines_that_stop_are_one_sentence(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = f"generate --task arithmetic --limit 2 --model {SPEC} --out t.jsonl --engine ray"
    llm = sys.modules["ray.data.llm"]

    def older(**_: Any) -> None:
        raise TypeError("no field tokenize_stage")

    def stopped(_: Any, postprocess: Any) -> Any:
        raise OSError("a worker died")

    for name, wrong, expected in (
        ("vLLMEngineProcessorConfig", older, "pip install 'ray[llm]>=2.60' on every machine"),
        ("build_processor", stopped, "the vLLM engines of Ray stopped (a worker died)"),
    ):
        with monkeypatch.context() as patched:
            patched.setattr(llm, name, wrong)
            assert cotpress(patched, command) == 2
        assert expected in capsys.readouterr().err


def test_a_shard_of_what_engines_answer_is_refused(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = f"generate --task arithmetic --model {SPEC} --out t.jsonl --engine ray --shard 0/2"
    assert cotpress(monkeypatch, command) == 2
    assert "--shard is one process" in capsys.readouterr().err


def test_answers_of_engines_are_given_in_order_where_that_is_asked(cluster: Cluster) -> None:
    from cotpress.engine.on_ray_data import RayEngines

    here = models.load(SPEC)
    there = RayEngines(here, 2)  # type: ignore[arg-type]
    requests = [
        models.Request(key=str(n), messages=[{"role": "user", "content": f"{n} ?"}])
        for n in range(9)
    ]
    sampling = models.Sampling(max_tokens=9, temperature=1.0)
    answers = [(one.text, one.n_tokens) for one in there.generate(requests, sampling)]
    assert answers == [(one.text, one.n_tokens) for one in here.generate(requests, sampling)]
    assert list(there.generate([], sampling)) == []
    with pytest.raises(CotpressError, match="is not asked for latent tokens"):
        list(there.generate(requests, models.Sampling(latents=2)))
