"""Data sets of the hub, asked for over HTTP of a stand-in on loopback, by a process of its own: the
address is read where `datasets` is imported.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("datasets")

from dataset_hub import SHA, serving

import cotpress
from cotpress import inputs, tasks
from cotpress.errors import CotpressError, MissingExtra, UnknownName

CLIENT = """
import json, sys
from pathlib import Path
from cotpress import inputs, storage, tasks
from cotpress.errors import CotpressError
from cotpress.verbs.import_ import import_

def told(text):
    try:
        if text.startswith("import "):
            out = Path(sys.argv[0]).parent / "out.jsonl"
            columns = {"question": "q", "reasoning": "level", "answer": "a"}
            import_(text.removeprefix("import "), out=out, **columns)
            about = json.loads(storage.meta_path(out).read_bytes())
            return about["counts"]["out"], about["options"]["file"]
        if text.startswith("task "):
            task = tasks.load(text.removeprefix("task "))
            problems = list(task.problems(task.splits[-1]))
            return [[one.question, one.answer, one.stratum] for one in problems], task.identity(task.splits[-1])
        (source,) = inputs.sources([text])
        return [row.values for row in source.rows()], source.content()
    except CotpressError as error:
        return str(error), ""

print(json.dumps([told(text) for text in sys.argv[1:]]))
"""


def rows(name: str, n: int) -> list[dict[str, str]]:
    return [{"q": f"{name} {i}?", "a": str(i), "level": str(i % 5)} for i in range(n)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data set of two shards of `train` and one of `test`."""
    here = tmp_path / "set" / "data"
    here.mkdir(parents=True)
    for name, part in {
        "train-00000-of-00002": rows("one", 30),
        "train-00001-of-00002": rows("two", 20),
        "test-00000-of-00001": rows("test", 10),
    }.items():
        (here / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in part))
    (tmp_path / "set" / "README.md").write_text("---\nlicense: mit\n---\n")
    return tmp_path / "set"


def ask(address: str, home: Path, *texts: str, offline: bool = False) -> list[Any]:
    """(rows or sentence, content) of each text, as a process sees them that knows that hub."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    env |= {"HF_ENDPOINT": address, "HF_HOME": str(home), "NO_PROXY": "127.0.0.1"}
    env |= {"PYTHONPATH": str(Path(cotpress.__file__).parents[1])}
    env |= {"HF_HUB_OFFLINE": "1"} if offline else {}
    home.mkdir(exist_ok=True)
    (home / "client.py").write_text(CLIENT)
    found = subprocess.run(
        [sys.executable, home / "client.py", *texts], env=env, capture_output=True, text=True
    )
    assert found.returncode == 0, found.stderr
    return json.loads(found.stdout.splitlines()[-1])


def test_the_rows_of_a_split_are_streamed_shard_after_shard_and_known_by_their_commit(
    folder: Path, tmp_path: Path
) -> None:
    with serving(folder) as address:
        train, test, there = ask(
            address,
            tmp_path / "home",
            "hub:some/set",
            "hub:some/set,split=test,config=default",
            f"hub:some/set,revision={SHA},split=test",
        )
    assert train == [rows("one", 30) + rows("two", 20), f"{SHA}//train"]
    assert test == [rows("test", 10), f"{SHA}/default/test"]
    assert there == [rows("test", 10), f"{SHA}//test"]
    assert not list((tmp_path / "home").rglob("*.arrow"))


def test_traces_are_imported_from_the_hub_and_say_of_which_commit(
    folder: Path, tmp_path: Path
) -> None:
    with serving(folder) as address:
        found = ask(address, tmp_path / "home", "import hub:some/set,split=test")
    assert found == [[10, f"{SHA}//test"]]


def test_what_the_hub_does_not_have_is_one_sentence_with_what_it_has(
    folder: Path, tmp_path: Path
) -> None:
    with serving(folder) as address:
        texts = ("hub:some/set,split=nope", "hub:some/set,config=nope", "hub:other/set")
        texts = (*texts, "task hub:some/set,split=nope")
        split, config, name, task = (said for said, _ in ask(address, tmp_path, *texts))
    assert "['train', 'test']): name config= and split= as they are called there, or " in split
    assert "['train', 'test']" in task
    assert "): name config= and split= as they are called there, or download it" in task
    assert "['default']): name config= and split= as they are called there, or " in config
    assert "'other/set' doesn't exist" in name
    assert "): check its name, or " in name
    assert all("\n" not in said for said in (split, config, name))


def test_a_gated_data_set_says_how_it_is_opened(folder: Path, tmp_path: Path) -> None:
    with serving(folder, gated=True) as address:
        ((said, _),) = ask(address, tmp_path, "hub:some/set")
    assert (
        "accept its terms at huggingface.co/datasets/some/set and log in with hf auth login" in said
    )


def test_without_a_network_the_cure_is_to_download_it(tmp_path: Path) -> None:
    task, source = ask("http://127.0.0.1:9", tmp_path, "task aime24", "hub:some/set", offline=True)
    assert source[0].endswith(
        "go online, set HF_ENDPOINT to a mirror, or download it elsewhere (hf download --repo-type dataset some/set "
        "--local-dir FOLDER) and name the folder."
    )
    assert task[0].endswith("set HF_ENDPOINT to a mirror, or read a file with aime24:FILE.")


def test_a_task_of_a_data_set_is_read_again_without_a_network(folder: Path, tmp_path: Path) -> None:
    task = "task hub:some/set,split=test,question=q,answer=a,stratum=level"
    home = tmp_path / "home"
    with serving(folder) as address:
        ((problems, identity),) = ask(address, home, task)
    assert problems == [[row["q"], row["a"], row["level"]] for row in rows("test", 10)]
    assert identity.endswith(f"stratum=level@{SHA}//test")
    assert ask(address, home, task, offline=True) == [[problems, identity]]


def test_without_its_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(
        MissingExtra,
        match=r"data set some/set needs the package 'datasets': pip install 'cotpress\[data\]'",
    ):
        next(inputs.Hub("some/set").rows())


def test_a_data_set_is_named_as_a_spec() -> None:
    (found,) = inputs.sources(["hub:some/set,config=c,split=s,revision=r"])
    assert found == inputs.Hub("some/set", "c", "s", "r")
    assert found.name == "hub:some/set,config=c,split=s,revision=r"
    with pytest.raises(UnknownName, match="option of hub 'conf'; did you mean config"):
        inputs.sources(["hub:some/set,conf=c"])
    with pytest.raises(CotpressError, match="write hub:OWNER/NAME"):
        inputs.sources(["hub:"])


def test_a_task_of_the_hub_keeps_to_its_grader_and_needs_a_data_set() -> None:
    task = tasks.load("hub:some/set,split=test,grader=choice")
    assert (task.name, task.grader, task.splits) == (
        "hub:some/set,split=test,grader=choice",
        "choice",
        ("test",),
    )
    assert tasks.load("hub:some/set").splits == ("train", "validation", "test")
    with pytest.raises(CotpressError, match="write hub:OWNER/NAME"):
        tasks.load("hub")
