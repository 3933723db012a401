"""A model is named by its spec or by its folder, and a name
that is neither is answered with the cure.
"""

from pathlib import Path

import pytest

from cotpress import models, plugins
from cotpress.errors import CotpressError


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    specs: list[str] = []
    monkeypatch.setattr(plugins, "load", lambda kind, spec, offers: specs.append(spec))
    return specs


def test_a_folder_is_a_model_with_or_without_a_slash_in_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loaded: list[str]
) -> None:
    (tmp_path / "runs" / "x").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    for spec in ("runs", "runs/x", "./runs", str(tmp_path / "runs"), "runs,adapter=a"):
        models.load(spec)
    assert loaded == [
        "hf:runs",
        "hf:runs/x",
        "hf:./runs",
        f"hf:{tmp_path / 'runs'}",
        "hf:runs,adapter=a",
    ]


def test_a_model_of_the_package_goes_before_a_folder_of_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loaded: list[str]
) -> None:
    (tmp_path / "tiny").mkdir()
    monkeypatch.chdir(tmp_path)
    models.load("tiny")
    assert loaded == ["tiny"]


def test_a_name_that_is_neither_says_how_hub_and_disk_are_written() -> None:
    with pytest.raises(
        CotpressError, match=r"unknown model 'gpt2'.* A model of the Hub is hf:NAME"
    ):
        models.load("gpt2")
    with pytest.raises(CotpressError, match=r"no model folder Qwen/Q: .* write hf:Qwen/Q\."):
        models.load("Qwen/Q")
