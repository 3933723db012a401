"""`cotpress doctor` alone: what the machine and the installation have."""

import json
import urllib.request
from importlib.util import find_spec
from io import BytesIO

import pytest
from command import cotpress

from cotpress.doctor import machine
from cotpress.plugins import EXTRAS


@pytest.fixture
def offline(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def found() -> dict[str, machine.Finding]:
    return {one.about: one for one in machine.examine_machine()}


def test_it_says_what_is_there_as_lines_and_as_json(offline, monkeypatch, capsys):
    assert cotpress(monkeypatch, "doctor") == 0
    said = capsys.readouterr().out
    for about in ("cotpress", "Python", "machine", "torch", *(f"extra {name}" for name in EXTRAS)):
        assert f" {about}: " in said
    assert cotpress(monkeypatch, "doctor --json") == 0
    assert {one["about"] for one in json.loads(capsys.readouterr().out)} >= {"cotpress", "hub"}


def test_an_extra_is_told_by_its_packages_and_a_missing_one_by_the_install_line(
    offline, monkeypatch
):
    monkeypatch.setattr(
        machine, "find_spec", lambda name: None if name == "trl" else find_spec("json")
    )
    about = found()
    assert about["extra train"].level == "warning"
    assert about["extra train"].says.startswith("trl not installed; peft ")
    assert about["extra train"].cure == "pip install 'cotpress[train]'"
    monkeypatch.setattr(machine, "find_spec", lambda name: None)
    about = found()
    assert (about["torch"].level, about["torch"].says) == ("warning", "not installed")
    assert about["extra vllm"].level == "ok"
    assert "pip install 'cotpress[vllm]', if you want it" in about["extra vllm"].says


@pytest.mark.parametrize(
    ("answer", "level", "says"),
    [
        (BytesIO(b""), "ok", "http://127.0.0.1:1 answers"),
        (OSError("refused"), "warning", "http://127.0.0.1:1 cannot be reached (refused)"),
    ],
)
def test_the_hub_is_asked_unless_it_is_not_to_be(monkeypatch, answer, level, says):
    for name in machine.OFFLINE:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")

    def urlopen(request, timeout):
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    assert (found()["hub"].level, found()["hub"].says) == (level, says)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert "because of HF_HUB_OFFLINE" in found()["hub"].says


def test_every_gpu_is_told_with_its_memory(offline, monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda number: (60 * 2**30, 80 * 2**30))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda number: f"card {number}")
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: False)
    assert found()["GPU 1"].says == "card 1, 80 GiB, 60 GiB of it free, no bfloat16"
