"""What stands beside an output is its own, whatever the output is called."""

from pathlib import Path

import pytest

from cotpress import storage
from cotpress.errors import CotpressError
from cotpress.failures import Failure, errors_path
from cotpress.records import Problem
from cotpress.verbs.common import rows_path


@pytest.fixture(autouse=True)
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The current folder is empty."""
    monkeypatch.chdir(tmp_path)


ENDINGS = ("", ".jsonl", ".json", ".json.jsonl", ".txt", ".", "..jsonl", ".0", ".0.jsonl", ".gz")


def test_outputs_whose_names_differ_in_their_ending_share_no_file_beside_them() -> None:
    made = [
        {
            of(Path(f"m{ending}")).name
            for of in (storage.meta_path, storage.part_path, errors_path, rows_path)
        }
        for ending in ENDINGS
    ]
    names = [name for beside in made for name in beside]
    assert len(set(names)) == len(names)
    assert not set(names) & {f"m{ending}" for ending in ENDINGS}
    assert storage.meta_path(Path("m.jsonl")).name == "m.meta.json"
    assert storage.meta_path(Path("m")).name == "m..meta.json"


@pytest.mark.parametrize("order", [ENDINGS, ENDINGS[::-1]])
def test_runs_into_names_that_differ_in_their_ending_find_each_its_own(
    order: tuple[str, ...],
) -> None:
    for again in (False, True):
        for ending in order:
            with storage.run(
                Path(f"m{ending}"), Problem, f"verb {ending}", {}, version="0", key=lambda p: p.id
            ) as this:
                assert this.failures.again == again
                assert list(this.done) == ([ending] if again else [])
                this.failures.add(f"key {ending}", "refused")
                problem = Problem(id=ending, question="?", answer="", task="t")
                list(this.write([] if again else [problem]))
            (failed,) = storage.read(errors_path(Path(f"m{ending}")), Failure)
            assert failed.key == f"key {ending}"


def test_the_meta_file_of_an_earlier_version_is_read_where_no_other_output_can_be_meant() -> None:
    def run(name: str) -> bool:
        with storage.run(Path(name), Problem, "verb", {}, version="0", key=lambda p: p.id) as this:
            if not this.complete:
                list(this.write([Problem(id="1", question="?", answer="", task="t")]))
            return this.complete

    assert not run("m.jsonl")
    Path("m.jsonl").rename("m")  # so an earlier version left it
    assert run("m")
    assert storage.meta_path(Path("m")).name == "m.meta.json"
    Path("m.jsonl").write_bytes(b"")
    assert storage.meta_path(Path("m")).name == "m..meta.json"
    with pytest.raises(CotpressError, match="m exists and was not made by verb"):
        run("m")


@pytest.mark.parametrize("name", ["m.part", "m.jsonl.part.json", "m.meta.json", "m.lock"])
def test_an_output_is_never_called_like_what_stands_beside_one(name: str) -> None:
    with (
        pytest.raises(CotpressError, match="is called like a file that cotpress keeps"),
        storage.run(Path(name), Problem, "verb", {}, version="0"),
    ):
        pass
