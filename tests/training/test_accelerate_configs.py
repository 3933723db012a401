"""The files of recipes/accelerate/ are what accelerate reads, for as many GPUs as their names
say.
"""

from pathlib import Path

import pytest

pytest.importorskip("accelerate")

from accelerate import FullyShardedDataParallelPlugin
from accelerate.commands.config.config_args import load_config_from_file
from accelerate.commands.launch import launch_command_parser

FOLDER = Path(__file__).parents[2] / "recipes" / "accelerate"
GPUS = {"one": 1, "eight": 8, "sixty-four": 64}


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_accelerate_reads_the_file_for_as_many_gpus_as_it_is_named_after(path):
    found = load_config_from_file(str(path))
    assert found.num_processes == next(n for name, n in GPUS.items() if path.stem.startswith(name))
    assert (found.mixed_precision, found.use_cpu) == ("bf16", False)
    launched = launch_command_parser().parse_args(["--config_file", str(path), "x.py"])
    assert launched.config_file == str(path)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*fsdp.yaml")), ids=lambda path: path.stem)
def test_the_weights_are_shared_out_and_saved_whole(path, monkeypatch):
    known = vars(launch_command_parser().parse_args(["x.py"]))
    given = load_config_from_file(str(path)).fsdp_config
    assert set(given) <= set(known)
    for name, value in given.items():
        monkeypatch.setenv(name.upper(), str(value))
    plugin = FullyShardedDataParallelPlugin()
    assert (plugin.fsdp_version, plugin.reshard_after_forward) == (2, True)
    assert plugin.state_dict_type.name == "FULL_STATE_DICT"


def test_the_weights_are_shared_out_by_deepspeed_too():
    given = load_config_from_file(str(FOLDER / "eight-gpus-deepspeed.yaml")).deepspeed_config
    assert set(given) <= set(vars(launch_command_parser().parse_args(["x.py"])))
    assert given["zero_stage"] == 3
