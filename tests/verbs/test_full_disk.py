"""A full disk is one sentence wherever weights are written, and the run goes on where there is room."""

import errno
import os

import pytest

pytest.importorskip("trl")
pytest.importorskip("peft")
pytest.importorskip("resource")

import resource

import msgspec
from command import cotpress
from latent_fixtures import long_trace
from make import sum_examples
from safetensors import SafetensorError
from train_fixtures import make_model

from cotpress.errors import CotpressError
from cotpress.lm.saving import writing

COMMANDS = {
    "export": "export ./base --out out",
    "train": "train train.jsonl --model ./base --out out --method full --epochs 2 --batch 3",
    "train, at a checkpoint": "train train.jsonl --model ./base --out out --method full --epochs 2 --batch 3 --save-every 1",
    "train-vqvae": "train-vqvae long.jsonl --target ./base --out out --codebook 16 --steps 4 --batch 8",
}


@pytest.fixture
def there(tmp_path, monkeypatch):
    """A folder with a model, training examples and traces."""
    monkeypatch.chdir(tmp_path)
    make_model(tmp_path / "base")
    for name, records in (
        ("train", sum_examples(6)),
        ("long", [long_trace(i) for i in range(40)]),
    ):
        lines = [msgspec.json.encode(one) + b"\n" for one in records]
        (tmp_path / f"{name}.jsonl").write_bytes(b"".join(lines))
    return tmp_path


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_a_full_disk_is_one_sentence_and_the_same_command_goes_on(
    there, monkeypatch, capsys, command
):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4_000, before[1]))
    try:
        assert cotpress(monkeypatch, command) == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.startswith("cotpress: cannot write ")
    assert "make room, and run the same command again." in said
    assert cotpress(monkeypatch, command) == 0


@pytest.mark.parametrize(
    "trouble",
    [
        Exception("File too large (os error 27)"),
        OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
        SafetensorError(
            "Error while serializing: I/O error: No space left on device (os error 28)"
        ),
        RuntimeError(
            "[enforce fail] . PytorchStreamWriter failed writing file data/0: file write failed"
        ),
    ],
)
def test_what_libraries_say_of_a_full_disk_is_known(tmp_path, trouble):
    with pytest.raises(CotpressError, match="no room left"), writing(tmp_path / "out"):
        raise trouble


def test_other_troubles_stay_what_they_are(tmp_path):
    with pytest.raises(RuntimeError, match="shapes"), writing(tmp_path / "out"):
        raise RuntimeError("shapes do not fit")
