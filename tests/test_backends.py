"""`--backend`: with a vLLM that is none, whether a model is asked there, and what the engine gets."""

import sys
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace

import pytest

pytest.importorskip("torch")
pytest.importorskip("peft")
import torch
from command import cotpress
from make import sum_examples
from train_fixtures import make_model

from cotpress import backends, models, storage
from cotpress.backends import chosen
from cotpress.errors import CotpressError
from cotpress.models import Request, Sampling
from cotpress.models.hf import load
from cotpress.records import Trace
from cotpress.training.sft import TrainOptions, train
from cotpress.verbs import run as walk
from cotpress.verbs.evaluate import evaluate
from cotpress.verbs.generate import generate
from cotpress.walks import step

SHORT = {"task": "arithmetic", "limit": 3, "max_tokens": 8}


@dataclass
class Engines:
    """What was asked of vLLM, in order."""

    told: list[str] = field(default_factory=list)
    options: list[dict] = field(default_factory=list)
    calls: list[tuple[list, list, object]] = field(default_factory=list)

    @property
    def running(self) -> int:
        return self.told.count("start") - self.told.count("end")


@pytest.fixture
def engines(monkeypatch):
    """A vLLM whose every answer is the first token of the prompt, twice."""
    seen = Engines()

    class LLM:
        def __init__(self, **options):
            if options["gpu_memory_utilization"] > 1:
                raise ValueError("no room\nfor it")
            seen.told.append("start")
            seen.options.append(options)
            core = SimpleNamespace(shutdown=lambda: seen.told.append("end"))
            self.llm_engine = SimpleNamespace(engine_core=core)

        def generate(self, prompts, params, use_tqdm, lora_request=None):
            seen.told.append("ask")
            seen.calls.append((prompts, params, lora_request))
            ids = [one["prompt_token_ids"][0] for one in prompts]
            said = [SimpleNamespace(token_ids=[i, i], finish_reason="length") for i in ids]
            return [SimpleNamespace(outputs=[one]) for one in said]

    fakes = {
        "vllm": {"LLM": LLM, "SamplingParams": SimpleNamespace},
        "vllm.lora.request": {"LoRARequest": lambda name, number, path: (name, number, path)},
    }
    for name, members in fakes.items():
        module = ModuleType(name)
        vars(module).update(members, __spec__=SimpleNamespace())
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.delitem(sys.modules, "cotpress.models.vllm", raising=False)
    monkeypatch.delenv("VLLM_WORKER_MULTIPROCESSING_METHOD", raising=False)
    yield seen
    sys.modules.pop("cotpress.models.vllm", None)


@pytest.fixture
def on_gpu(monkeypatch):
    monkeypatch.setattr("cotpress.lm.devices.usual", lambda: "cuda")
    monkeypatch.delenv("COTPRESS_DEVICE", raising=False)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A base and an adapter that was trained on it."""
    folder = tmp_path_factory.mktemp("models")
    make_model(folder / "base")
    options = TrainOptions(epochs=1, batch=4, gradient_checkpointing=False)
    base = load(str(folder / "base"))
    train(sum_examples(4, 0.5), base, folder / "short", options, say=lambda line: None)
    return folder


def test_without_a_gpu_or_vllm_models_answer_as_they_are_named(folders, monkeypatch, engines):
    monkeypatch.setattr("cotpress.lm.devices.usual", lambda: "cpu")
    assert chosen([str(folders / "base")], "auto") == ([str(folders / "base")], "")


def test_a_vllm_that_is_not_installed_is_not_taken(folders, monkeypatch, on_gpu):
    monkeypatch.setattr(backends.importlib.util, "find_spec", lambda name: None)
    assert chosen([str(folders / "base")], "auto") == ([str(folders / "base")], "")


def test_on_a_gpu_vllm_answers_in_the_precision_of_hf_and_that_is_said(folders, engines, on_gpu):
    base = str(folders / "base")
    specs, said = chosen([f"hf:{base},dtype=float16,template.x=1", base], "auto")
    assert specs == [f"vllm:{base},template.x=1,dtype=float16", f"vllm:{base},dtype=bfloat16"]
    assert "vLLM answers" in said
    assert chosen([base], "hf") == ([base], "")


@pytest.mark.parametrize("device", ["cpu", "cuda:1"])
def test_a_device_that_was_chosen_for_the_process_is_not_overruled(
    folders, engines, on_gpu, monkeypatch, device
):
    monkeypatch.setenv("COTPRESS_DEVICE", device)
    assert chosen([str(folders / "base")], "auto").specs == [str(folders / "base")]


@pytest.mark.parametrize("other", ["tiny", "hf:{},device=cpu", "hf:{},batch_tokens=64"])
def test_two_models_are_compared_on_one_backend(folders, engines, on_gpu, other):
    base = str(folders / "base")
    both = [base, other.format(base)]
    specs, said = chosen(both, "auto")
    assert specs == both
    assert said.startswith("transformers answers, because ")
    with pytest.raises(CotpressError):
        chosen(both, "vllm")


def test_what_vllm_cannot_do_stays_with_transformers(folders, engines, on_gpu):
    base = str(folders / "base")
    said = "transformers answers, because --blend is not for vLLM"
    assert chosen([base], "auto", beyond="--blend") == ([base], said)
    with pytest.raises(CotpressError, match="--blend is not for vLLM"):
        chosen([base], "vllm", beyond="--blend")


def test_an_adapter_is_put_on_its_base_by_the_engine(folders, engines):
    base, short = str(folders / "base"), str(folders / "short")
    for spec in (f"vllm:{short}", f"vllm:{base},adapter={short}"):
        model, here = models.load(spec), models.load(spec.replace("vllm:", "hf:"))
        assert model.name == spec
        assert model.revision == here.revision
        (one,) = sum_examples(1, 0.5)
        next(iter(model.generate([Request(key="x|0", messages=one.prompt)], Sampling())))
        prompts, _, lora = engines.calls[-1]
        assert [p["prompt_token_ids"] for p in prompts] == [here.prompt_ids(one.prompt)]
        assert lora == (spec, 1, short)
        about = engines.options[-1]
        assert (about["model"], about["enable_lora"], about["max_lora_rank"]) == (base, True, 8)
    assert "enable_lora" not in models.load(f"vllm:{base}")._engine


def test_an_adapter_that_vllm_refuses_answers_merged_in_transformers(
    folders, engines, on_gpu, tmp_path
):
    import json
    import shutil

    shutil.copytree(folders / "short", tmp_path / "x")
    config = json.loads((tmp_path / "x" / "adapter_config.json").read_text())
    (tmp_path / "x" / "adapter_config.json").write_text(json.dumps(config | {"use_dora": True}))
    specs, said = chosen([str(tmp_path / "x")], "auto")
    assert specs == [str(tmp_path / "x")]
    assert "is a DoRA" in said


def test_all_samples_of_a_problem_go_to_the_engine_in_one_call(folders, engines, tmp_path):
    out = tmp_path / "traces.jsonl"
    generate(
        model=str(folders / "base"), backend="vllm", out=out, samples=4, temperature=1.0, **SHORT
    )
    ((prompts, params, _),) = engines.calls
    assert len(prompts) == 12
    assert len({one.seed for one in params}) == 12
    traces = list(storage.read(out, Trace))
    assert [one.sample for one in traces] == [0, 1, 2, 3] * 3
    assert {one.model for one in traces} == {f"vllm:{folders / 'base'}"}


def test_an_evaluation_holds_one_engine_at_a_time(folders, engines, tmp_path):
    evaluate(
        model=str(folders / "short"),
        backend="vllm",
        ratios=[1.0, 0.5],
        out=tmp_path / "eval.jsonl",
        instruction_mismatch="allow",
        **SHORT,
    )
    base, short = (f"vllm:{folders / name}" for name in ("base", "short"))
    assert engines.told == ["start", "ask", "end", "start", "ask", "ask", "end"]
    assert [one.get("enable_lora") for one in engines.options] == [None, True]
    names = [trace.model for trace in storage.read(tmp_path / "eval.jsonl", Trace)]
    assert names == [base] * 3 + [short] * 6


def test_a_walk_ends_the_engine_before_the_next_step(folders, engines, tmp_path, monkeypatch):
    model, seen = str(folders / "base"), []
    monkeypatch.setattr("cotpress.verbs.train.train", lambda: seen.append(engines.running))
    out = tmp_path / "t.jsonl"
    walk.run([step("generate", model=model, backend="vllm", out=out, **SHORT), step("train")])
    assert engines.told == ["start", "ask", "end"]
    assert seen == [0]


def test_an_engine_that_was_ended_starts_again_when_it_is_asked(folders, engines):
    model = models.load(f"vllm:{folders / 'base'}")
    asked = [Request(key="x|0", messages=sum_examples(1)[0].prompt)]
    for _ in range(2):
        list(model.generate(asked, Sampling()))
        backends.end_engines()
    assert engines.told == ["start", "ask", "end"] * 2


def test_an_engine_that_does_not_start_is_one_sentence_with_the_cure(folders, engines):
    model = models.load(f"vllm:{folders / 'base'},memory=1.5")
    with pytest.raises(CotpressError, match=r"does not start with .*\(no room\): give it less mem"):
        list(model.generate([Request(key="x|0", messages=sum_examples(1)[0].prompt)], Sampling()))
    assert backends.end_engines() is None


def test_the_option_is_on_the_command_line(folders, engines, tmp_path, monkeypatch, capsys):
    out = tmp_path / "t.jsonl"
    words = f"generate --task arithmetic --limit 1 --max-tokens 4 --out {out}"
    assert cotpress(monkeypatch, f"{words} --model tiny --backend vllm") != 0
    assert (
        "vLLM takes a folder or a model of the Hub, and tiny is neither" in capsys.readouterr().err
    )
    assert cotpress(monkeypatch, f"{words} --model {folders / 'base'} --backend vllm") == 0
    assert not torch.cuda.is_available() or engines.running == 1
