"""Which files a folder and a glob name, and what they are known by."""

import json
from pathlib import Path

import pytest

from cotpress import inputs
from cotpress.errors import CotpressError


def put(path: Path, *values: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps({"a": value}) + "\n" for value in values))
    return path


def texts(source: inputs.Source) -> list[str]:
    return [row.values["a"] for row in source.rows()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Data in two folders, and what stands beside it on the hub and in its cache."""
    put(tmp_path / "b" / "1.jsonl", "3")
    put(tmp_path / "a" / "10.jsonl", "2")
    put(tmp_path / "a" / "1.JSONL", "1")
    put(tmp_path / ".cache" / "x.jsonl", "hidden")
    put(tmp_path / "a" / ".hidden.jsonl", "hidden")
    for name in ("dataset_infos.json", "README.md", "traces.meta.json", "b/model.safetensors"):
        (tmp_path / name).write_text("{}")
    return tmp_path


def test_a_folder_is_its_data_in_order_and_what_is_none_is_passed_over(folder: Path) -> None:
    found = inputs.find(str(folder))
    assert texts(found) == ["1", "2", "3"]
    assert len(found.passed_over) == 6


def test_a_folder_that_is_itself_hidden_is_read(folder: Path) -> None:
    assert texts(inputs.find(str(folder / ".cache"))) == ["hidden"]


def test_a_glob_is_the_files_that_match(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert texts(inputs.find(f"{folder}/*/1*.jsonl")) == ["2", "3"]
    assert texts(inputs.find(f"{folder}/**/1.*")) == ["1", "3"]
    monkeypatch.chdir(folder)
    assert texts(inputs.find("a/*")) == ["1", "2"]


def test_a_file_may_have_the_name_of_a_glob(tmp_path: Path) -> None:
    assert texts(inputs.find(str(put(tmp_path / "a[1]*.jsonl", "1")))) == ["1"]


def test_a_file_that_is_linked_is_read(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "x.jsonl").symlink_to(folder / "b" / "1.jsonl")
    assert texts(inputs.find(str(tmp_path / "links"))) == ["3"]


def test_nothing_to_read_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "notes.md").touch()
    with pytest.raises(CotpressError, match=r": no file of rows among 1: JSON Lines, JSON, CSV"):
        inputs.find(str(tmp_path))
    with pytest.raises(CotpressError, match=r"\*\.jsonl: no file of rows among 0"):
        inputs.find(str(tmp_path / "*.jsonl"))
    with pytest.raises(CotpressError, match=r"no file .*none\.jsonl"):
        texts(inputs.find(str(tmp_path / "none.jsonl")))


def test_a_source_is_known_by_its_content_and_the_names_in_it_and_not_by_where_it_is(
    tmp_path: Path,
) -> None:
    for name in ("one", "two"):
        put(tmp_path / name / "a.jsonl", "1")
        put(tmp_path / name / "b.jsonl", "2")
    one, two = (inputs.find(str(tmp_path / name)) for name in ("one", "two"))
    assert one.content() == two.content()
    put(tmp_path / "two" / "b.jsonl", "3")
    assert one.content() != two.content()
    put(tmp_path / "two" / "b.jsonl", "2").rename(tmp_path / "two" / "c.jsonl")
    assert one.content() != inputs.find(str(tmp_path / "two")).content()


def test_sources_are_read_one_after_another(folder: Path) -> None:
    (files,) = inputs.sources([str(folder / "b"), str(folder / "a" / "10.jsonl")])
    assert texts(inputs.Several((files,))) == ["3", "2"]
    assert inputs.Several((files,)).content() == files.content()
    assert texts(inputs.Several((files, inputs.find(str(folder / ".cache"))))) == [
        "3",
        "2",
        "hidden",
    ]
