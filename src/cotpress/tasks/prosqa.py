"""ProsQA: which of two kinds does a person belong to? A search in a graph of made-up kinds (Hao et
al. 2024, arXiv 2412.06769).

    … Every terpus is a brimpus. Tom is a terpus. Every brimpus is a lempus. … Is Tom a lempus or
    scrompus?

`prosqa` makes problems without end. The release has no generator, and the paper's, taken literally,
does not give the released data; this one was found by likelihood on the released items
(specification section 7.3) and has their statistics, which a test holds. So a training set made
here is a re-creation, and says nothing about the released training file. `prosqa:FILE` reads the
released format (one JSON list) as the split `validation`, unless `split=NAME` says otherwise.

The target is the leaf farthest from both roots, so "take the option that lies deeper below its own
root" is right in 94 % of the released items without a look at the person who is asked about
(section 7.4). Two control sets take that away: `control=twins` asks every item about the other root
too, right option swapped, so that a rule that ignores the person gets exactly half; `control=depth`
keeps only items whose options lie equally deep. The statements of an item are its world, and all
questions about one world are in the same split.
"""

from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Literal, NamedTuple

import msgspec

from cotpress import inputs, storage
from cotpress.errors import BadRecord, CotpressError
from cotpress.plugins import Spec
from cotpress.records import Problem, Trace
from cotpress.tasks import Task, _procedural, worked_trace

INSTRUCTION = "Reason step by step. End with ### and the answer as a sentence."
MARKER = "### "
Control = Literal["none", "twins", "depth"]

PERSONS = (
    *(
        "Alex",
        "Bob",
        "Carol",
        "Davis",
        "Eva",
        "Fae",
        "Gabriel",
        "Jack",
        "Max",
        "Oliver",
        "Polly",
        "Rex",
        "Sally",
        "Sam",
    ),
    *("Stella", "Tom", "Wren"),
)
KINDS = (
    *(
        "bompus",
        "boompus",
        "brimpus",
        "chorpus",
        "dumpus",
        "felpus",
        "fompus",
        "gerpus",
        "gorpus",
        "grimpus",
        "gwompus",
    ),
    *(
        "hilpus",
        "impus",
        "jelpus",
        "jompus",
        "kerpus",
        "lempus",
        "lorpus",
        "numpus",
        "quimpus",
        "rempus",
        "rompus",
        "rorpus",
    ),
    *(
        "scrompus",
        "shumpus",
        "sterpus",
        "storpus",
        "terpus",
        "timpus",
        "tumpus",
        "vumpus",
        "worpus",
        "wumpus",
        "yerpus",
    ),
    *("yimpus", "yumpus", "zhorpus", "zumpus"),
)
PARENTS = 1.5
"""Mean of the Poisson law of a new node's number of parents."""
SLOPE = 1.5
"""A parent is drawn with weight SLOPE * depth + 1."""
FIRST, SECOND = 0.35, 0.70
"""Parents come from the first family with FIRST, else from
the second with SECOND, else from all nodes.
"""
LONGEST = 6
"""Steps of the longest solution in the release; the shortest has 3."""


class Item(msgspec.Struct, frozen=True):
    """A problem in the fields of the released files."""

    question: str
    answer: str
    steps: list[str]
    """Statements along a shortest path from root to target."""
    idx_to_symbol: list[str]
    """Name of each node; a capital letter: a person."""
    edges: list[tuple[int, int]]
    """(u, v): u is a v; u < v."""
    root: int
    """0 or 1: who is asked about."""
    target: int
    neg_target: int


class Graph(NamedTuple):
    """Nodes 0 and 1 are the two roots; a node's label says
    from which of them it descends (bits 1 and 2).
    """

    parents: list[list[int]]
    labels: list[int]


def load(
    target: str = "",
    *,
    split: str = "",
    control: Control = "none",
    nodes: int = 28,
    hops: int = 3,
    seed: int = 0,
) -> Task:
    """Problems of the generator, or of a released file.

    `split`: what all of a file is. `control`: see above. `nodes`: before isolated ones are taken
    away; `hops`: steps of the shortest solution. Fewer of both make a setting for small models.
    """
    if not target and (nodes < 8 or not 1 <= hops <= LONGEST):
        raise CotpressError(f"task prosqa needs nodes of at least 8 and hops from 1 to {LONGEST}.")
    if target and (nodes, hops, seed) != (28, 3, 0):
        raise CotpressError(
            "task prosqa: nodes, hops and seed are for the generator: "
            "leave them out where a file is read."
        )
    options = {"control": control, "nodes": str(nodes), "hops": str(hops)}
    usual = {"control": "none", "nodes": "28", "hops": "3"}
    name = str(
        Spec(
            "prosqa",
            Path(target).name,
            {key: value for key, value in options.items() if value != usual[key]},
        )
    )
    trace = partial(_trace, task=name)
    if not target:
        make = partial(generated, seed=seed, control=control, nodes=nodes, hops=hops)
        return _procedural.task(
            name,
            lambda wanted: (trace(*known) for known in make(wanted)),
            grader="exact",
            marker=MARKER,
        )
    whole = split or "validation"

    def read(wanted: str) -> Iterator[Trace]:
        return (
            trace(f"prosqa/{wanted}/{known}", item)
            for known, item in controlled(released(inputs.place(target)), control)
        )

    return Task(
        name,
        lambda wanted: (one.problem for one in read(wanted)),
        (whole,),
        "exact",
        MARKER,
        file=lambda wanted: inputs.place(target),
        gold=read,
    )


def generated(
    split: str, *, seed: int = 0, control: Control = "none", nodes: int = 28, hops: int = 3
) -> Iterator[tuple[str, Item]]:
    """(id, item) of a split, without end."""
    drawn = _procedural.draw(split, seed, partial(make_item, nodes=nodes, hops=hops), world)
    for known, item in controlled(((str(index), item) for index, item in drawn), control):
        yield f"prosqa/{seed}/{nodes}/{hops}/{split}/{known}", item


def released(path: Path) -> Iterator[tuple[str, Item]]:
    """(number, item) of a released file; `BadRecord` for a file of another format."""
    content = b"".join(line for _, line in storage.lines(path))
    try:
        items = msgspec.json.decode(content, type=list[Item])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRecord(f"{path}: not ProsQA's JSON list of problems: {error}.") from error
    for number, item in enumerate(items):
        ends = {
            item.root,
            item.target,
            item.neg_target,
            *(end for edge in item.edges for end in edge),
        }
        if item.root not in (0, 1) or not ends <= set(range(len(item.idx_to_symbol))):
            raise BadRecord(
                f"{path}: item {number} names a node that it does not have, "
                "or a root that is not 0 or 1."
            )
        yield str(number), item


def controlled(items: Iterator[tuple[str, Item]], control: Control) -> Iterator[tuple[str, Item]]:
    """The items of a control set."""
    for known, item in items:
        if control != "depth" or depth(item, item.target) == depth(item, item.neg_target):
            yield known, item
            if control == "twins":
                yield f"{known}/twin", twin(item)


def world(item: Item) -> str:
    """The statements of an item in one order: what two
    questions about the same world have in common.
    """
    return " ".join(sorted(_statement(item.idx_to_symbol, edge) for edge in item.edges))


def twin(item: Item) -> Item:
    """The same world and options, asked about the other root; the right option is the other one."""
    root, target = 1 - item.root, item.neg_target
    asked, persons = item.question.rpartition(" Is ")[0], item.idx_to_symbol
    options = item.question.rpartition(f" Is {persons[item.root]}")[2]
    return msgspec.structs.replace(
        item,
        question=f"{asked} Is {persons[root]}{options}",
        answer=f"{persons[root]} is a {persons[target]}.",
        steps=_steps(item.idx_to_symbol, shortest_path(item.edges, root, target)),
        root=root,
        target=target,
        neg_target=item.target,
    )


def depth(item: Item, option: int) -> int:
    """Steps from an option's own root: the one of nodes 0 and 1 above it."""
    return min(
        len(path) - 1 for root in (0, 1) if (path := shortest_path(item.edges, root, option))
    )


def shortest_path(edges: list[tuple[int, int]], start: int, end: int) -> list[int]:
    """Nodes of a shortest path, the first by order of the edges; empty where there is none."""
    came: dict[int, int] = {start: start}
    queue = [start]
    for node in queue:
        for u, v in edges:
            if u == node and v not in came:
                came[v] = u
                queue.append(v)
    path = [end] if end in came else []
    while path and path[-1] != start:
        path.append(came[path[-1]])
    return path[::-1]


def make_item(random: Random, *, nodes: int = 28, hops: int = 3) -> Item:
    """One problem: graphs are drawn until one has two roots
    with leaves of their own, `hops` to 6 steps away.
    """
    while True:
        graph = make_graph(random, nodes)
        edges = [(u, v) for v, parents in enumerate(graph.parents) for u in sorted(parents)]
        inner = {u for u, _ in edges}
        leaves = {
            root: [
                v
                for v in range(2, len(graph.parents))
                if v not in inner and graph.labels[v] == root + 1
            ]
            for root in (0, 1)
        }
        far = [
            (len(shortest_path(edges, root, leaf)) - 1, root, leaf)
            for root in (0, 1)
            for leaf in leaves[root]
        ]
        persons = sum(not parents for parents in graph.parents)
        if not all(leaves.values()) or not hops <= max(far)[0] <= LONGEST:
            continue
        if persons <= len(PERSONS) and len(graph.parents) - persons <= len(KINDS):
            break
    random.shuffle(far)
    _, root, target = max(far, key=lambda found: found[0])
    neg_target = random.choice(leaves[1 - root])
    people, kinds = (
        iter(random.sample(PERSONS, persons)),
        iter(random.sample(KINDS, len(graph.parents) - persons)),
    )
    names = [next(kinds) if parents else next(people) for parents in graph.parents]
    statements = [_statement(names, edge) for edge in edges]
    random.shuffle(statements)
    options = [names[target], names[neg_target]]
    random.shuffle(options)
    shuffled = random.sample(edges, len(edges))  # of several shortest paths any may be used
    return Item(
        question=f"{' '.join(statements)} Is {names[root]} a {options[0]} or {options[1]}?",
        answer=f"{names[root]} is a {names[target]}.",
        steps=_steps(names, shortest_path(shuffled, root, target)),
        idx_to_symbol=names,
        edges=edges,
        root=root,
        target=target,
        neg_target=neg_target,
    )


def make_graph(random: Random, nodes: int) -> Graph:
    """Steps 1 to 4 of specification section 7.3."""
    parents: list[list[int]] = [[], []]
    labels, depths = [1, 2], [0, 0]
    for node in range(2, nodes):
        family = 1 if random.random() < FIRST else 2 if random.random() < SECOND else 0
        pool = [other for other in range(node) if not family or labels[other] == family]
        chosen: list[int] = []
        for _ in range(min(_poisson(random, PARENTS), len(pool))):
            chosen += random.choices(pool, [SLOPE * depths[other] + 1 for other in pool])
            pool.remove(chosen[-1])
        label = 0
        for parent in chosen:
            label |= labels[parent]
        parents.append(chosen)
        labels.append(label)
        depths.append(1 + min(depths[parent] for parent in chosen) if chosen else 0)
    has_children = {parent for chosen in parents for parent in chosen}
    kept = [node for node in range(nodes) if node < 2 or parents[node] or node in has_children]
    number = {node: place for place, node in enumerate(kept)}
    return Graph(
        [[number[parent] for parent in parents[node]] for node in kept],
        [labels[node] for node in kept],
    )


def _poisson(random: Random, mean: float) -> int:
    """A draw from the Poisson law, by Knuth's product of uniforms."""
    count, product, limit = 0, random.random(), 2.718281828459045**-mean
    while product > limit:
        count, product = count + 1, product * random.random()
    return count


def _statement(names: list[str], edge: tuple[int, int]) -> str:
    u, v = (names[node] for node in edge)
    return f"{u} is a {v}." if u[0].isupper() else f"Every {u} is a {v}."


def _steps(names: list[str], path: list[int]) -> list[str]:
    return [_statement(names, edge) for edge in pairwise(path)]


def _trace(known: str, item: Item, *, task: str) -> Trace:
    problem = Problem(
        id=known, question=item.question, answer=item.answer, task=task, instruction=INSTRUCTION
    )
    return worked_trace(problem, "\n".join(item.steps), MARKER + item.answer)
