"""Folders made by a run: one run at a time, finished once, gone on
with by the same run and refused to any other.
"""

from pathlib import Path

import msgspec
import pytest

from cotpress import folders, storage
from cotpress.errors import CotpressError
from cotpress.folders import Kind, finish, is_finished, making, tidy_alone
from cotpress.latent.folder import KIND as VQVAE
from cotpress.serving.export import KIND as EXPORT
from cotpress.training.folder import KIND as TRAINING

GROWN = Kind("about.json", "a cake", "was baked otherwise")
WHOLE = Kind("about.json", "a cake", "was baked otherwise", whole=True)

both = pytest.mark.parametrize(
    "kind", [GROWN, WHOLE], ids=["grown in its place", "put there whole"]
)


class About(msgspec.Struct):
    fingerprint: str


def bake(out: Path, kind: Kind, mark: str = "a", *, dies: bool = False) -> bool:
    """Make a folder; False where there was nothing to do."""
    with making(out, kind, mark) as place:
        if place is None:
            return False
        (place / "dough").write_text(mark)
        if dies:
            raise KeyboardInterrupt
        finish(place, kind, About(mark))
    return True


@both
def test_a_folder_is_made_once_and_holds_nothing_of_the_making(tmp_path, kind):
    out = tmp_path / "deep" / "out"
    assert bake(out, kind)
    # what a run leaves that is killed just after it has finished
    (out / "about.json.part.json").write_bytes(b"{}")
    assert not bake(out, kind)
    assert sorted(path.name for path in out.iterdir()) == ["about.json", "dough"]
    assert sorted(path.name for path in out.parent.iterdir()) == ["out"]
    assert is_finished(out, kind, "a")
    assert not is_finished(out, kind, "b")


@both
def test_another_run_is_refused_whether_the_folder_is_finished_or_not(tmp_path, kind):
    bake(tmp_path / "done", kind)
    with pytest.raises(
        CotpressError,
        match="done was baked otherwise: choose another --out, or replace it with --overwrite",
    ):
        bake(tmp_path / "done", kind, "b")
    with pytest.raises(KeyboardInterrupt):
        bake(tmp_path / "half", kind, dies=True)
    if kind.whole:
        assert not (tmp_path / "half").exists()
    else:
        with pytest.raises(CotpressError, match="half was baked otherwise"):
            bake(tmp_path / "half", kind, "b")
        assert (tmp_path / "half" / "dough").read_text() == "a"
    assert bake(tmp_path / "half", kind)


@both
def test_a_run_that_came_to_nothing_stands_in_nobodys_way(tmp_path, kind):
    with pytest.raises(CotpressError, match="no flour"), making(tmp_path / "out", kind, "a"):
        raise CotpressError("no flour")
    assert bake(tmp_path / "out", kind, "b")


@both
def test_what_is_something_else_is_refused_and_untouched(tmp_path, kind):
    (tmp_path / "out").mkdir()
    assert bake(tmp_path / "out", kind)  # an empty folder is nobody's
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter").write_text("dear")
    (tmp_path / "file").write_text("x")
    for name in ("mine", "file"):
        with pytest.raises(CotpressError, match=f"{name} holds something else than a cake"):
            bake(tmp_path / name, kind)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["letter"]


def test_what_a_killed_run_left_is_removed_with_its_lock_unless_another_has_it(tmp_path):
    out, left = tmp_path / "x", tmp_path / "x" / "crumbs"
    bake(out, GROWN)
    left.mkdir()
    lock = tmp_path / "x.lock"
    lock.touch()
    with storage.locked(out):
        tidy_alone(out, GROWN, left)
        assert left.exists()
    lock.touch()
    tidy_alone(out, GROWN, left)
    assert sorted(tmp_path.iterdir()) == [out]
    assert not left.exists()


@both
def test_two_runs_at_once_are_one_too_many(tmp_path, kind):
    with (
        pytest.raises(CotpressError, match="is being written by another run"),
        making(tmp_path / "out", kind, "a"),
        making(tmp_path / "out", kind, "a"),
    ):
        pass


@both
def test_a_damaged_about_file_is_another_runs(tmp_path, kind):
    bake(tmp_path / "out", kind)
    (tmp_path / "out" / "about.json").write_text("{")
    with pytest.raises(CotpressError, match="out was baked otherwise"):
        bake(tmp_path / "out", kind)


def test_trainings_vqvaes_and_exports_are_such_folders_each_with_an_about_file_of_its_own():
    kinds = [TRAINING, VQVAE, EXPORT]
    assert len({kind.about for kind in kinds}) == len({kind.noun for kind in kinds}) == 3
    assert all(isinstance(kind, folders.Kind) for kind in kinds)
