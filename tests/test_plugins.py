"""Plug-ins: specs, the folder as the registry, the user's own
packages, and what is said when something is missing.
"""

import re
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cotpress import models, plugins
from cotpress.errors import CotpressError, MissingExtra, UnknownName
from cotpress.plugins import Spec, parse_spec

SENTENCE = Spec("jsonl", "f", {"instruction": "Think, then, if x = y, say so", "id": "n"})
KINDS = ("tasks", "models", "scorers")


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("tiny", Spec("tiny")),
        ("hf:Qwen/Qwen2.5-0.5B", Spec("hf", "Qwen/Qwen2.5-0.5B")),
        ("jsonl:C:\\data,v2\\a.jsonl", Spec("jsonl", "C:\\data,v2\\a.jsonl")),
        ("surprisal:hf:org/model,unit=word", Spec("surprisal", "hf:org/model", {"unit": "word"})),
        ("random,seed=3", Spec("random", options={"seed": "3"})),
        (
            "http:http://host:8000/v1,model=a=b",
            Spec("http", "http://host:8000/v1", {"model": "a=b"}),
        ),
        ("my_pkg.my_scorer:x", Spec("my_pkg.my_scorer", "x")),
        (" tiny , dtype=float32", Spec("tiny", options={"dtype": "float32"})),
        ("hf:a,b,c,dtype=", Spec("hf", "a,b,c", {"dtype": ""})),
        ("jsonl:f,instruction=Think, then, if x = y, say so,id=n", SENTENCE),
    ],
)
def test_a_spec_is_name_target_and_options(text: str, spec: Spec) -> None:
    assert parse_spec(text) == spec


@pytest.mark.parametrize("text", ["", ":x", ",a=1", "x,=1", "x,a=1,b", "x,a=1,a=2", "  "])
def test_a_malformed_spec_is_one_sentence(text: str) -> None:
    with pytest.raises(CotpressError, match="cannot read"):
        parse_spec(text)


NAME = st.from_regex(r"[a-z][a-z0-9.-]*", fullmatch=True)


@given(
    st.builds(
        Spec,
        NAME,
        st.text().filter(lambda target: "=" not in target and not target.endswith(",")),
        st.dictionaries(NAME, st.text().filter(lambda value: "," not in value)),
    )
)
def test_a_spec_survives_its_written_form(spec: Spec) -> None:
    assert parse_spec(str(spec)) == spec


@pytest.mark.parametrize("kind", KINDS)
def test_every_file_of_a_folder_is_listed_with_one_line(kind: str) -> None:
    found = plugins.available(kind)
    assert found
    for name, line in found.items():
        assert re.fullmatch(r"[a-z][a-z0-9-]*", name)
        assert line.strip(), f"{kind}/{name} does not say what it is"


@pytest.mark.parametrize("kind", KINDS)
def test_names_are_known_without_reading_a_file(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = list(plugins.available(kind))
    monkeypatch.setattr(plugins, "first_line", None)
    assert plugins.names(kind) == listed
    with pytest.raises(UnknownName):
        plugins.find(kind, "unheard-of")


def test_listing_imports_nothing() -> None:
    script = "import sys; from cotpress import plugins; plugins.available('models'); print('cotpress.models' in sys.modules)"
    found = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert found.stdout == "False\n"


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match="unknown model 'tinny'; did you mean tiny"):
        plugins.load("models", "tinny")


@pytest.mark.parametrize("name", ["..", "./runs", "runs/x", "a.b-c", "a..b", "Qwen/Qwen2.5"])
def test_what_is_no_dotted_name_is_never_imported(name: str) -> None:
    with pytest.raises(UnknownName):
        plugins.find("models", name)


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A package of the user's own; gives a function that writes a
    plug-in file into it and returns its dotted name.
    """
    monkeypatch.syspath_prepend(tmp_path)
    package = tmp_path / f"own_{abs(hash(tmp_path))}"
    package.mkdir()
    (package / "__init__.py").touch()

    def write(name: str, code: str) -> str:
        (package / f"{name}.py").write_text(textwrap.dedent(code), encoding="utf-8")
        return f"{package.name}.{name}"

    return write


def test_a_dotted_name_loads_the_users_own_plug_in_with_typed_options(own) -> None:
    name = own(
        "scorer",
        """
        from typing import Literal
        Unit = Literal["word", "token"]
        def load(target, *, seed: int = 0, scale: float | None = None, on: bool = False, unit: Unit = "word", raw=""):
            return target, seed, scale, on, unit, raw
        """,
    )
    loaded = plugins.load("scorers", f"{name}:x,seed=3,scale=0.5,on=true,unit=token,raw=7")
    assert loaded == ("x", 3, 0.5, True, "token", "7")
    assert plugins.load("scorers", Spec(name)) == ("", 0, None, False, "word", "")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("seeed=3", "unknown option of scorer .*'seeed'; did you mean seed"),
        ("seed=three", "option seed=three: Expected `int`, got `str`"),
        ("unit=wrd", "unknown unit of scorer .*'wrd'; did you mean word"),
        ("target=x", "unknown option of scorer"),
    ],
)
def test_a_wrong_option_is_one_sentence(own, options: str, says: str) -> None:
    name = own(
        "scorer",
        "from typing import Literal\ndef load(target, *, seed: int = 0, "
        "unit: Literal['word', 'token'] = 'word'): ...",
    )
    with pytest.raises(CotpressError, match=says):
        plugins.load("scorers", f"{name},{options}")


def test_annotations_may_be_text(own) -> None:
    name = own(
        "scorer",
        "from __future__ import annotations\ndef load(target: str, seed: int = 0): return seed",
    )
    assert plugins.load("scorers", f"{name},seed=4") == 4


def test_a_module_that_is_not_there_is_named_with_the_cure(own) -> None:
    with pytest.raises(
        CotpressError,
        match=r"scorer nowhere\.x: there is no module 'nowhere' on the Python path: .*PYTHONPATH",
    ):
        plugins.find("scorers", "nowhere.x")
    package = own("there", "").partition(".")[0]
    with pytest.raises(CotpressError, match=rf"there is no module '{package}.missing'"):
        plugins.find("scorers", f"{package}.missing")


def test_a_package_that_a_plug_in_lacks_is_named_with_its_extra(
    own, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(
        MissingExtra, match=r"needs the package 'pyarrow': pip install 'cotpress\[parquet\]'"
    ):
        plugins.find("scorers", own("plots", "import pyarrow.csv"))
    with pytest.raises(
        CotpressError, match="needs the package 'no_such_thing', which is not installed"
    ):
        plugins.find("scorers", own("other", "import no_such_thing"))


def test_a_module_without_load_is_one_sentence(own) -> None:
    with pytest.raises(CotpressError, match=r"has no function load\(target"):
        plugins.find("scorers", own("empty", ""))


def test_our_own_mistakes_keep_their_traceback(own) -> None:
    with pytest.raises(ModuleNotFoundError):
        plugins.find("scorers", own("ours", "import cotpress.no_such_module"))
    with pytest.raises(ZeroDivisionError):
        plugins.find("scorers", own("broken", "1 / 0"))


def test_a_required_package_is_imported_or_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert plugins.require("json.decoder", "this test").__name__ == "json.decoder"
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(
        MissingExtra, match=r"report needs the package 'jinja2': pip install 'cotpress\[report\]'"
    ):
        plugins.require("jinja2", "report")


def test_the_extras_are_those_of_the_project() -> None:
    project = tomllib.loads(
        (Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8")
    )["project"]
    assert set(plugins.EXTRAS) < set(project["optional-dependencies"])
    for extra, packages in plugins.EXTRAS.items():
        brought = {
            re.split(r"[<>=\[ ]", line)[0].replace("-", "_")
            for line in project["optional-dependencies"][extra]
        }
        assert brought - {"cotpress", "datasets"} <= set(packages)


@pytest.mark.parametrize("spec", ["Qwen/Qwen2.5-0.5B,dtype=float32", "./runs/x"])
def test_a_model_folder_that_is_not_there_is_told_from_a_hub_name(spec: str) -> None:
    with pytest.raises(
        CotpressError,
        match=r"there is no model folder .*: for a model of that name on the Hub, write hf:",
    ):
        models.load(spec)


# --- installed packages ---------------------------------------------------------------------------


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A package on the path, as pip leaves it, that brings the scorer `filler`; its dotted name."""
    package = tmp_path / "filler_pkg"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "filler.py").write_text("def load(target='', *, weight: int = 1): return weight\n")
    about = tmp_path / "filler_pkg-1.2.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: filler-pkg\nVersion: 1.2\n")
    (about / "entry_points.txt").write_text(
        "[cotpress.scorers]\nfiller = filler_pkg.filler\nrandom = filler_pkg.filler\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    return "filler_pkg.filler"


def test_what_an_installed_package_announces_has_a_short_name(installed: str) -> None:
    assert plugins.load("scorers", "filler,weight=3") == 3
    assert plugins.brought("scorers") == {"filler": "of the package filler-pkg 1.2"}
    assert plugins.brought("tasks") == {}
    with pytest.raises(UnknownName, match="unknown scorer 'filer'; did you mean filler"):
        plugins.find("scorers", "filer")


def test_ours_goes_before_one_of_the_same_name_and_theirs_is_loaded_from_no_file(
    installed: str,
) -> None:
    assert plugins.find("scorers", "random").__name__ == "cotpress.scorers.random"
    assert plugins.is_own("scorers", "filler")
    assert not plugins.is_own("scorers", "random")


def test_installed_plug_ins_are_listed_unimported(
    installed: str, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cotpress.verbs.ls import ls

    monkeypatch.delitem(sys.modules, installed, raising=False)
    ls()
    assert re.search(r"filler +of the package filler-pkg 1\.2", capsys.readouterr().out)
    assert installed not in sys.modules
