"""Keys-Finding Maze: reach the goal through closed doors, with at most one key in the hand (Su et
al. 2025, arXiv 2502.03275).

The paper's generator is not released; this is one of our own (specification section 7.6). `rooms` x
`rooms` rooms of `size` x `size` cells, with walls one cell thick between them. A random tree of
passages joins all rooms; three of them (or all, where there are fewer) are doors, closed, one red,
one green, one blue, each with a key of its colour somewhere. The question::

    maze_size 7 7
    agent 2 2
    walls 0 3, 1 3, 2 3, 3 0, 3 1, 3 3, 3 5, 3 6, 4 3, 6 3
    objective 1 4
    keys red 4 1, green 4 6, blue 2 0
    doors red 5 3, green 3 4, blue 3 2

and its answer: to the blue key, through its door to the red key, through that one's to the green
key, and to the objective::

    agent 2 2, 2 1, 2 0, 2 1, 2 2, 3 2, 4 2, 4 1, 4 2, 5 2, 5 3, 5 4, 4 4, 4 5, 4 6, 4 5, 4 4, 3 4,
    2 4, 1 4

One step is one cell up, down, left or right. Stepping on a key with empty hands takes it; a door
opens to its key, which is used up; there is no dropping. The worked reasoning is the trace of an A*
search over such states, with ties broken at random (`create x y f h`: cell, cost so far plus
estimate, estimate), with one token per word and coordinate; its plan is optimal. A plan is right if
it is legal and ends at the objective, however long. The paper's 1-feasible-10 is the share of
problems with a right plan among ten: `cotpress generate --samples 10 --temperature 1`, and
`cotpress grade` counts them.
"""

import heapq
import math
import re
from collections.abc import Iterator
from functools import partial
from random import Random
from typing import NamedTuple

from cotpress import grading
from cotpress.errors import CotpressError
from cotpress.plugins import Spec
from cotpress.records import Grade, Problem, Trace
from cotpress.tasks import Task, _procedural, worked_trace

INSTRUCTION = (
    "Lead the agent to the objective, cell by cell. A door needs the key "
    "of its colour; only one key can be carried. "
    "End with: agent x y, x y, and so on."
)
MARKER = "agent "
COLOURS = ("red", "green", "blue")

Cell = tuple[int, int]
"""x and y from 0."""
State = tuple[Cell, tuple[Cell | str, ...]]
"""Where the agent is, and each key: its cell, IN_HAND or USED (its door is open)."""
IN_HAND, USED = "in hand", "used"


class Maze(NamedTuple):
    """What the question says. `keys[i]` opens `doors[i]`, in the order of COLOURS."""

    side: int
    agent: Cell
    walls: frozenset[Cell]
    objective: Cell
    keys: tuple[Cell, ...]
    doors: tuple[Cell, ...]


class Search(NamedTuple):
    """What A* did."""

    events: list[str]
    plan: list[Cell]
    """Cells from the agent's to the objective; empty where it cannot be reached."""


def load(target: str = "", *, rooms: int = 2, size: int = 3, seed: int = 0) -> Task:
    """Mazes without end; no target. `rooms`: along each side;
    `size`: cells along each side of a room.
    """
    if not 2 <= rooms <= 5 or not 2 <= size <= 9:
        raise CotpressError("task maze needs rooms from 2 to 5 and a size from 2 to 9.")
    make = partial(worked, rooms=rooms, size=size, seed=seed)
    return _procedural.task(_name(rooms, size), make, grader=check, marker=MARKER, target=target)


def worked(split: str, *, rooms: int = 2, size: int = 3, seed: int = 0) -> Iterator[Trace]:
    """The mazes of a split, without end, with the trace of a search and an optimal plan."""
    drawn = _procedural.draw(
        split, seed, partial(make_maze, rooms=rooms, size=size), lambda made: told(made[0])
    )
    for index, (maze, search) in drawn:
        problem = Problem(
            id=f"maze/{seed}/{rooms}/{size}/{split}/{index}",
            question=told(maze),
            answer=said(search.plan),
            task=_name(rooms, size),
            instruction=INSTRUCTION,
        )
        yield worked_trace(problem, "\n".join(search.events), said(search.plan))


def check(text: str, problem: Problem) -> Grade:
    """Is the last plan in the text legal in the problem's maze, and does it end at the
    objective?
    """
    plan = _cells(text.rpartition(MARKER)[2]) if MARKER in text else []
    if not plan:
        return grading.NO_ANSWER
    maze = read(problem.question)
    if maze is None:
        return grading.undecided(said(plan), "error")
    return grading.decided(said(plan), walk(maze, plan) and plan[-1] == maze.objective)


def walk(maze: Maze, plan: list[Cell]) -> bool:
    """Whether an agent can go this way, from its cell on."""
    state: State = (maze.agent, maze.keys)
    if plan[0] != maze.agent:
        return False
    for cell in plan[1:]:
        after = step(maze, state, cell)
        if after is None:
            return False
        state = after
    return True


def step(maze: Maze, state: State, cell: Cell) -> State | None:
    """The state after a step onto `cell`; None where there is no such step."""
    (x, y), keys = state
    if (
        abs(cell[0] - x) + abs(cell[1] - y) != 1
        or not all(0 <= at < maze.side for at in cell)
        or cell in maze.walls
    ):
        return None
    for number, door in enumerate(maze.doors):
        if door == cell and keys[number] != USED:
            return (cell, _with(keys, number, USED)) if keys[number] == IN_HAND else None
    if cell in keys and IN_HAND not in keys:
        keys = _with(keys, keys.index(cell), IN_HAND)
    return cell, keys


def search(maze: Maze, random: Random) -> Search:
    """A* with the distance in steps as its estimate; what is equally good is tried in random
    order.
    """
    start: State = (maze.agent, maze.keys)
    came: dict[State, State | None] = {start: None}
    cost = {start: 0}
    events: list[str] = []
    queue: list[tuple[int, float, State]] = []

    def create(state: State) -> None:
        (x, y), estimate = (
            state[0],
            abs(state[0][0] - maze.objective[0]) + abs(state[0][1] - maze.objective[1]),
        )
        events.append(f"create {x} {y} {cost[state] + estimate} {estimate}")
        heapq.heappush(queue, (cost[state] + estimate, random.random(), state))

    create(start)
    while queue:
        state = heapq.heappop(queue)[2]
        if state[0] == maze.objective:
            return Search(events, _way(came, state))
        x, y = state[0]
        around = [(x + 1, y), (x - 1, y), (x, y + 1), (x, y - 1)]
        random.shuffle(around)
        for cell in around:
            after = step(maze, state, cell)
            if after and cost[state] + 1 < cost.get(after, math.inf):
                cost[after] = cost[state] + 1
                came[after] = state
                create(after)
    return Search(events, [])


def make_maze(random: Random, *, rooms: int, size: int) -> tuple[Maze, Search]:
    """A maze whose objective can be reached, and is not in the agent's room."""
    while True:
        maze = _draw(random, rooms, size)
        if (found := search(maze, random)).plan:
            return maze, found


def told(maze: Maze) -> str:
    """The question."""
    things = {"keys": maze.keys, "doors": maze.doors}
    coloured = [
        f"{name} "
        + ", ".join(f"{colour} {x} {y}" for colour, (x, y) in zip(COLOURS, cells, strict=False))
        for name, cells in things.items()
    ]
    walls = ", ".join(f"{x} {y}" for x, y in sorted(maze.walls))
    head = [
        f"maze_size {maze.side} {maze.side}",
        f"agent {maze.agent[0]} {maze.agent[1]}",
        f"walls {walls}",
    ]
    return "\n".join([*head, f"objective {maze.objective[0]} {maze.objective[1]}", *coloured])


def read(question: str) -> Maze | None:
    """The maze of a question; None if it tells none."""
    lines = dict(line.split(" ", 1) for line in question.strip().split("\n") if " " in line)
    size, agent, objective = (
        _cells(lines.get(name, "")) for name in ("maze_size", "agent", "objective")
    )
    keys, doors = (_coloured(lines.get(name, "")) for name in ("keys", "doors"))
    if not len(size) == len(agent) == len(objective) == 1 or keys.keys() != doors.keys():
        return None
    known = [colour for colour in COLOURS if colour in doors]
    walls = frozenset(_cells(lines.get("walls", "")))
    in_order = (tuple(cells[colour] for colour in known) for cells in (keys, doors))
    return Maze(size[0][0], agent[0], walls, objective[0], *in_order)


def said(plan: list[Cell]) -> str:
    """A plan as an answer."""
    return MARKER + ", ".join(f"{x} {y}" for x, y in plan)


def _draw(random: Random, rooms: int, size: int) -> Maze:
    """Rooms, a tree of passages, doors, keys, agent and objective, solvable or not."""
    side, pitch = rooms * (size + 1) - 1, size + 1
    free = [
        (x, y) for x in range(side) for y in range(side) if x % pitch != size and y % pitch != size
    ]
    passages = _passages(random, rooms, size)
    walls = {(x, y) for x in range(side) for y in range(side)} - set(free) - set(passages)
    doors = tuple(passages[: len(COLOURS)])
    agent = random.choice(free)
    objective = random.choice([cell for cell in free if _room(cell, pitch) != _room(agent, pitch)])
    keys = random.sample([cell for cell in free if cell not in (agent, objective)], len(doors))
    return Maze(side, agent, frozenset(walls), objective, tuple(keys), doors)


def _passages(random: Random, rooms: int, size: int) -> list[Cell]:
    """One cell in the wall between every two rooms of a random spanning tree, in random order."""
    pitch = size + 1
    walls = [((i, j), (i + 1, j)) for i in range(rooms - 1) for j in range(rooms)]
    walls += [((j, i), (j, i + 1)) for i in range(rooms - 1) for j in range(rooms)]
    random.shuffle(walls)
    joined = {(i, j): {(i, j)} for i in range(rooms) for j in range(rooms)}
    passages = []
    for left, right in walls:
        if joined[left] is joined[right]:
            continue
        both = joined[left] | joined[right]
        joined |= dict.fromkeys(both, both)
        at = random.randrange(size)
        (i, j), across = left, left[0] != right[0]
        passages.append(
            (i * pitch + size, j * pitch + at) if across else (i * pitch + at, j * pitch + size)
        )
    return passages


def _room(cell: Cell, pitch: int) -> Cell:
    return cell[0] // pitch, cell[1] // pitch


def _way(came: dict[State, State | None], end: State) -> list[Cell]:
    plan = [end[0]]
    while before := came[end]:
        plan.append(before[0])
        end = before
    return plan[::-1]


def _with(keys: tuple[Cell | str, ...], number: int, where: str) -> tuple[Cell | str, ...]:
    return (*keys[:number], where, *keys[number + 1 :])


def _cells(text: str) -> list[Cell]:
    """The numbers of a text in pairs; none where one is left over."""
    numbers = [int(number) for number in re.findall(r"(?<!\d)-?\d{1,4}(?!\d)", text)]
    return list(zip(numbers[::2], numbers[1::2], strict=True)) if len(numbers) % 2 == 0 else []


def _coloured(text: str) -> dict[str, Cell]:
    return {
        colour: (int(x), int(y))
        for colour, x, y in re.findall(rf"({'|'.join(COLOURS)}) (\d{{1,4}}) (\d{{1,4}})", text)
    }


def _name(rooms: int, size: int) -> str:
    options = {"rooms": (rooms, 2), "size": (size, 3)}
    return str(
        Spec(
            "maze",
            options={
                name: str(value) for name, (value, usual) in options.items() if value != usual
            },
        )
    )
