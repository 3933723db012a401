"""The maze: what a step may do, plans that are checked by
walking them, and a search whose plans are optimal.
"""

from itertools import islice, pairwise
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cotpress import storage, tasks
from cotpress.errors import CotpressError
from cotpress.records import Trace
from cotpress.tasks import maze
from cotpress.tasks.maze import IN_HAND, USED, Maze, State, step
from cotpress.verbs.grade import grade

QUESTION = """maze_size 7 7
agent 2 2
walls 0 3, 1 3, 2 3, 3 0, 3 1, 3 3, 3 5, 3 6, 4 3, 6 3
objective 1 4
keys red 4 1, green 4 6, blue 2 0
doors red 5 3, green 3 4, blue 3 2"""
PLAN = "agent 2 2, 2 1, 2 0, 2 1, 2 2, 3 2, 4 2, 4 1, 4 2, 5 2, 5 3, 5 4, 4 4, 4 5, 4 6, 4 5, 4 4, 3 4, 2 4, 1 4"

#  K K D .   one room, a door, a corridor: red key, green key, red door, floor
CORRIDOR = Maze(4, (0, 1), frozenset({(2, 1), (0, 2)}), (3, 0), ((0, 0), (1, 0)), ((2, 0), (2, 3)))


def shortest(world: Maze) -> int:
    """Length of a shortest plan by breadth-first search, with none of the search's shortcuts."""
    start: State = (world.agent, world.keys)
    frontier, seen, n = {start}, {start}, 0
    while not any(state[0] == world.objective for state in frontier):
        n += 1
        around = {
            (s, (s[0][0] + dx, s[0][1] + dy))
            for s in frontier
            for dx, dy in ((0, 1), (1, 0), (0, -1), (-1, 0))
        }
        frontier = {after for state, cell in around if (after := step(world, state, cell))} - seen
        seen |= frontier
    return n


def problem(question: str = QUESTION):
    (trace,) = islice(maze.worked("train"), 1)
    return msgspec.structs.replace(trace.problem, question=question)


def test_the_example_of_the_documentation_is_the_first_problem_and_its_answer_is_optimal():
    (trace,) = islice(tasks.load("maze").worked("train"), 1)
    assert (trace.problem.question, trace.conclusion) == (QUESTION, PLAN)
    assert QUESTION.replace("\n", "\n    ") in (maze.__doc__ or "")
    assert PLAN.count(",") == shortest(maze.read(QUESTION))


def test_a_key_is_taken_with_empty_hands_only_opens_its_door_and_is_used_up():
    start: State = ((0, 1), CORRIDOR.keys)
    red = step(CORRIDOR, start, (0, 0))
    assert red == ((0, 0), (IN_HAND, (1, 0)))
    over_green = step(CORRIDOR, red, (1, 0))
    assert over_green == ((1, 0), (IN_HAND, (1, 0))), "one key at a time"
    at_door = step(CORRIDOR, over_green, (2, 0))
    assert at_door == ((2, 0), (USED, (1, 0)))
    back = step(CORRIDOR, at_door, (1, 0))
    assert back == ((1, 0), (USED, IN_HAND))
    assert step(CORRIDOR, back, (2, 0)) == ((2, 0), (USED, IN_HAND)), "an opened door stays open"


def test_a_wall_a_closed_door_the_edge_a_jump_and_standing_still_are_no_steps():
    with_green: State = ((1, 0), (CORRIDOR.keys[0], IN_HAND))
    assert step(CORRIDOR, with_green, (2, 0)) is None, "a door of another colour"
    for cell in ((0, 2), (-1, 1), (1, 2), (0, 1), (3, 1)):
        assert step(CORRIDOR, ((0, 1), CORRIDOR.keys), cell) is None


def test_a_plan_may_be_longer_than_the_best_but_not_illegal():
    detour = PLAN.replace("agent 2 2,", "agent 2 2, 1 2, 2 2,")
    assert maze.check(detour, problem()).correct
    assert maze.check(
        PLAN.replace("agent ", "So I go: agent (").replace(", ", "), (") + ")", problem()
    ).correct
    cells = PLAN.removeprefix("agent ").split(", ")
    for at in range(len(cells)):
        rest = cells[:at] + cells[at + 1 :]
        found = maze.check("agent " + ", ".join(rest), problem())
        legal = all(
            abs(int(a[0]) - int(b[0])) + abs(int(a[2]) - int(b[2])) == 1 for a, b in pairwise(rest)
        )
        assert found.status == "ok"
        assert not found.correct or legal
    without_red_key = PLAN.replace(" 4 1, 4 2,", "")
    assert not maze.check(without_red_key, problem()).correct


@pytest.mark.parametrize("text", ["", "create 2 2 3 3", "agent", "agent 1 2, 3", "I do not know."])
def test_a_text_without_a_plan_has_no_answer(text):
    assert maze.check(text, problem()).status == "no_answer"


@pytest.mark.parametrize(
    "question", ["Where?", QUESTION.replace("blue 3 2", ""), "agent 1\nmaze_size 7 7"]
)
def test_a_question_that_tells_no_maze_is_an_error_of_that_grade_alone(question):
    assert maze.check(PLAN, problem(question)).status == "error"


def test_a_plan_of_a_million_numbers_or_of_endless_digits_is_wrong_and_no_more():
    assert not maze.check("agent " + "2 2, 2 1, " * 100_000, problem()).correct
    assert maze.check("agent " + "9" * 100_000, problem()).status == "no_answer"


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 3), st.integers(2, 4))
def test_every_maze_is_read_back_as_told_and_its_worked_plan_is_optimal_and_legal(
    seed: int, rooms: int, size: int
):
    world, found = maze.make_maze(Random(seed), rooms=rooms, size=size)
    assert maze.read(maze.told(world)) == world
    assert maze.walk(world, found.plan)
    assert found.plan[-1] == world.objective
    assert len(found.plan) - 1 == shortest(world)
    assert len(found.events) >= len(found.plan)


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_a_corrupted_plan_is_graded_as_walking_it_says(data):
    trace = data.draw(st.sampled_from(list(islice(maze.worked("train"), 20))))
    cells = trace.conclusion.removeprefix("agent ").split(", ")
    at = data.draw(st.integers(0, len(cells) - 1))
    cells[at] = f"{data.draw(st.integers(-1, 7))} {data.draw(st.integers(-1, 7))}"
    world, state, ok = maze.read(trace.problem.question), None, True
    for cell in [tuple(map(int, cell.split())) for cell in cells]:
        if state is None:
            ok, state = cell == world.agent, (world.agent, world.keys)
        elif ok:
            state = step(world, state, cell)
            ok = state is not None
    ended = ok and state[0] == world.objective
    assert maze.check("agent " + ", ".join(cells), trace.problem).correct == ended


def test_one_feasible_of_ten_is_counted_over_problems(tmp_path, capsys):
    first, second = islice(maze.worked("test"), 2)
    wrong = msgspec.structs.replace(first, conclusion="agent 0 0")
    traces = [msgspec.structs.replace(wrong, sample=n) for n in range(9)] + [
        msgspec.structs.replace(first, sample=9)
    ]
    traces += [msgspec.structs.replace(second, conclusion="agent 0 0", sample=n) for n in range(10)]
    storage.write_atomic(
        tmp_path / "t.jsonl", b"".join(msgspec.json.encode(trace) + b"\n" for trace in traces)
    )
    grade(tmp_path / "t.jsonl", out=tmp_path / "g.jsonl")
    assert "1 of 2 problems have a correct answer among theirs" in capsys.readouterr().err
    assert sum(trace.grade.correct for trace in storage.read(tmp_path / "g.jsonl", Trace)) == 1


def test_knobs_that_cannot_be_are_refused():
    with pytest.raises(CotpressError, match="rooms from 2 to 5"):
        tasks.load("maze,rooms=1")
    with pytest.raises(CotpressError, match="takes no target"):
        tasks.load("maze:x")
