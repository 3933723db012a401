"""ProsQA: the released items are understood, the generator has their
statistics, control sets take shortcuts away.
"""

import json
from collections import Counter
from functools import cache
from itertools import islice, pairwise
from pathlib import Path
from statistics import mean

import pytest

from cotpress import tasks
from cotpress.errors import BadRecord, CotpressError, UnknownName
from cotpress.tasks import prosqa
from cotpress.tasks.prosqa import Item

VALID = Path(__file__).parents[3] / "shared" / "data" / "prosqa_valid.json"
needs_data = pytest.mark.skipif(not VALID.exists(), reason="no shared data")
SAMPLE = 1500


@cache
def made() -> list[Item]:
    return [item for _, item in islice(prosqa.generated("train"), SAMPLE)]


@cache
def released() -> list[Item]:
    return [item for _, item in prosqa.released(VALID)]


def persons(item: Item) -> int:
    return sum(name[0].isupper() for name in item.idx_to_symbol)


def depths(item: Item) -> tuple[int, int]:
    return prosqa.depth(item, item.target), prosqa.depth(item, item.neg_target)


def ancestors(item: Item, node: int) -> set[int]:
    above = {u for u, v in item.edges if v == node}
    return above.union(*(ancestors(item, parent) for parent in above))


def check(item: Item) -> None:
    """What holds for every item, released or made."""
    names = item.idx_to_symbol
    assert len(set(names)) == len(names)
    assert set(names) <= {*prosqa.PERSONS, *prosqa.KINDS}
    assert all(u < v for u, v in item.edges)
    assert len(set(item.edges)) == len(item.edges)
    assert {v for v, name in enumerate(names) if name[0].isupper()} == set(range(len(names))) - {
        v for _, v in item.edges
    }
    assert {item.target, item.neg_target}.isdisjoint(u for u, _ in item.edges)
    assert {0, 1} & ancestors(item, item.target) == {item.root}
    assert {0, 1} & ancestors(item, item.neg_target) == {1 - item.root}
    assert all(f" {step}" in f" {item.question}" for step in item.steps)
    assert len(item.steps) == len(prosqa.shortest_path(item.edges, item.root, item.target)) - 1
    said = [step.removeprefix("Every ").removesuffix(".").split(" is a ") for step in item.steps]
    assert all(left[1] == right[0] for left, right in pairwise(said))
    assert item.answer == f"{said[0][0]} is a {said[-1][1]}."


@needs_data
def test_the_released_items_have_the_measured_facts():
    items = released()
    assert len(items) == 300
    assert sum(item.root == 1 for item in items) == 195
    assert Counter(len(item.steps) for item in items) == {3: 124, 4: 133, 5: 36, 6: 7}
    assert {name for item in items for name in item.idx_to_symbol} == {
        *prosqa.PERSONS,
        *prosqa.KINDS,
    }
    for item in items:
        check(item)


@needs_data
def test_taking_the_deeper_option_never_loses_on_the_released_items():
    found = Counter(
        (target > other) - (target < other) for target, other in map(depths, released())
    )
    assert found == {1: 271, 0: 29}


def test_every_item_made_is_such_an_item_with_the_farthest_leaf_as_its_target():
    for item in made():
        check(item)
        target, other = depths(item)
        assert other <= target
        assert 3 <= target <= 6


@needs_data
def test_the_generator_has_the_statistics_of_the_release():
    """Two-sample tolerances: four standard errors of the
    difference, with the released standard deviations.
    """
    ours, theirs = made(), released()
    for what, deviation in (
        (lambda item: len(item.idx_to_symbol), 2.05),
        (lambda item: len(item.edges), 5.0),
        (lambda item: len(item.steps), 0.76),
        (persons, 0.8),
        (lambda item: item.root, 0.48),
        (lambda item: depths(item)[0] > depths(item)[1], 0.3),
        (lambda item: f" a {item.idx_to_symbol[item.target]} or " in item.question, 0.5),
    ):
        assert (
            abs(mean(map(what, ours)) - mean(map(what, theirs)))
            < 4 * deviation * (1 / 300 + 1 / SAMPLE) ** 0.5
        )


def test_the_generator_has_the_figures_of_its_specification():
    """Section 7.3, last table, 3,000 graphs; here a sample, so within four standard errors of
    both.
    """
    items = made()
    for what, expected, deviation in (
        (lambda item: len(item.idx_to_symbol), 22.81, 2.08),
        (lambda item: len(item.edges), 36.31, 5.0),
        (lambda item: len(item.steps), 3.79, 0.79),
        (persons, 2.55, 0.8),
        (lambda item: item.root, 0.62, 0.49),
        (lambda item: depths(item)[0] > depths(item)[1], 0.887, 0.32),
        (lambda item: len(item.steps) == 6, 0.023, 0.15),
    ):
        assert (
            abs(mean(map(what, items)) - expected) < 4 * deviation * (1 / 3000 + 1 / SAMPLE) ** 0.5
        )


@needs_data
def test_nothing_that_is_made_is_among_the_released_items():
    assert not {prosqa.world(item) for item in made()} & {prosqa.world(item) for item in released()}


def test_a_world_is_in_one_split_only():
    worlds = {
        split: {prosqa.world(item) for _, item in islice(prosqa.generated(split), 300)}
        for split in ("train", "test")
    }
    assert not worlds["train"] & worlds["test"]


def test_a_twin_asks_the_same_question_about_the_other_root():
    item = made()[0]
    other = prosqa.twin(item)
    check(other)
    assert other.question.rpartition(" Is ")[0] == item.question.rpartition(" Is ")[0]
    assert other.question.rpartition(" a ")[2] == item.question.rpartition(" a ")[2]
    assert (other.root, other.target, other.neg_target) == (
        1 - item.root,
        item.neg_target,
        item.target,
    )
    assert prosqa.twin(other).question == item.question


@needs_data
def test_with_twins_a_rule_that_ignores_the_person_is_right_exactly_half_of_the_time():
    items = [item for _, item in prosqa.controlled(prosqa.released(VALID), "twins")]
    assert len(items) == 600

    def deeper_then_alphabet(item: Item) -> str:
        options = sorted((item.target, item.neg_target), key=lambda node: item.idx_to_symbol[node])
        return max(options, key=lambda node: prosqa.depth(item, node))

    assert sum(deeper_then_alphabet(item) == item.target for item in items) == 300


@needs_data
def test_the_depth_control_keeps_the_ties():
    assert len(list(prosqa.controlled(prosqa.released(VALID), "depth"))) == 29
    (trace,) = islice(tasks.load("prosqa,control=depth").worked("test"), 1)
    assert tasks.load(trace.problem.task).name == "prosqa,control=depth"


@needs_data
def test_the_released_file_is_the_validation_split_unless_said_otherwise():
    task = tasks.load(f"prosqa:{VALID}")
    problems = list(task.problems("validation"))
    assert len({problem.id for problem in problems}) == 300
    assert problems[0].question.endswith("Is Tom a lempus or scrompus?")
    assert problems[0].answer == "Tom is a lempus."
    assert {problem.task for problem in problems} == {"prosqa:prosqa_valid.json"}, (
        "not to be mixed with generated ones"
    )
    with pytest.raises(UnknownName, match="Available: validation"):
        task.problems("test")
    assert len(list(tasks.load(f"prosqa:{VALID},split=test").problems("test"))) == 300


def test_a_smaller_setting_makes_smaller_graphs():
    for _, item in islice(prosqa.generated("train", nodes=10, hops=2), 50):
        check(item)
        assert len(item.idx_to_symbol) <= 10
        assert 2 <= len(item.steps) <= 6


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"question": "?"}', "not ProsQA's JSON list"),
        ("[1]", "not ProsQA's JSON list"),
        ("[", "not ProsQA's JSON list"),
        (None, "no file"),
    ],
)
def test_a_file_of_another_kind_is_one_sentence(tmp_path, content, message):
    path = tmp_path / "p.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(CotpressError, match=message):
        list(tasks.load(f"prosqa:{path}").problems("validation"))


def test_an_item_with_a_node_that_is_not_there_is_named(tmp_path):
    item = made()[0]
    fields = {name: getattr(item, name) for name in item.__struct_fields__}
    (tmp_path / "p.json").write_text(json.dumps([fields, fields | {"target": 99}]))
    with pytest.raises(BadRecord, match="item 1 names a node"):
        list(tasks.load(f"prosqa:{tmp_path / 'p.json'}").problems("validation"))


def test_knobs_that_cannot_be_are_refused():
    with pytest.raises(CotpressError, match="nodes of at least 8"):
        tasks.load("prosqa,nodes=3")
    with pytest.raises(CotpressError, match="are for the generator"):
        tasks.load("prosqa:valid.json,seed=1")
    with pytest.raises(UnknownName, match="did you mean twins"):
        tasks.load("prosqa,control=twin")
