"""What a published package needs beside its code: a citation, a release workflow, issue forms."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

import cotpress

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
TEMPLATES = ROOT / ".github" / "ISSUE_TEMPLATE"


def read(path: Path) -> dict:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def test_the_citation_has_what_the_format_asks_for() -> None:
    cited = read(ROOT / "CITATION.cff")
    assert cited["cff-version"] == "1.2.0"
    assert {"message", "title", "authors", "type"} <= set(cited)
    for work in [cited, *cited["references"]]:
        assert work["title"]
        assert all("name" in one or "family-names" in one for one in work["authors"])
    assert all({"type", "title", "authors"} <= set(one) for one in cited["references"])


def test_the_citation_is_of_this_version_under_this_license() -> None:
    cited = read(ROOT / "CITATION.cff")
    assert str(cited["version"]) == cotpress.__version__
    assert cited["license"] == PROJECT["license"]


def test_the_papers_that_are_cited_are_those_of_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert all(one["url"] in readme for one in read(ROOT / "CITATION.cff")["references"])


def test_a_release_is_built_checked_and_published_without_a_token() -> None:
    workflow = read(ROOT / ".github" / "workflows" / "release.yml")
    build, publish = workflow["jobs"]["build"], workflow["jobs"]["publish"]
    commands = " ".join(step.get("run", "") for step in build["steps"])
    assert "python -m build" in commands
    assert "twine check --strict" in commands
    assert publish["needs"] == "build"
    assert publish["permissions"] == {"id-token": "write"}
    assert "secrets." not in (ROOT / ".github" / "workflows" / "release.yml").read_text("utf-8")


def test_the_tools_of_a_release_are_those_of_the_checks() -> None:
    pins = "\n".join(
        (ROOT / name).read_text(encoding="utf-8")
        for name in ("constraints.txt", "docs/requirements.txt")
    )
    workflow = (ROOT / ".github" / "workflows" / "release.yml").read_text(encoding="utf-8")
    used = re.findall(r"(?:build|twine)==[\d.]+", workflow)
    assert len(used) == 2
    assert all(pin in pins for pin in used)


@pytest.mark.parametrize("form", ["bug", "feature"])
def test_an_issue_form_asks_for_something(form: str) -> None:
    found = read(TEMPLATES / f"{form}.yml")
    assert found["name"]
    assert found["description"]
    fields = [one for one in found["body"] if one["type"] != "markdown"]
    assert all(one["id"] and one["attributes"]["label"] for one in fields)
    assert any(one.get("validations", {}).get("required") for one in fields)


def test_a_report_of_a_fault_comes_with_what_doctor_prints() -> None:
    [doctor] = [one for one in read(TEMPLATES / "bug.yml")["body"] if one.get("id") == "doctor"]
    assert "cotpress doctor" in doctor["attributes"]["label"]
    assert doctor["validations"]["required"]
