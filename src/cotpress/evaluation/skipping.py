"""Arms that shorten the thinking of the untouched model from outside: skip it, or end it at a
budget of tokens.

- `no-think`: the thinking is empty and closed from the start (arXiv 2504.09858); a model that marks
  none is led to its conclusion at once.
- `budget-forcing` (s1, arXiv 2501.19393): the first B tokens of the model's own thinking, the mark
  or the words that lead to its conclusion, and the conclusion. What ends sooner by itself stays as
  it is.
- `native-budget`: the engine ends the thinking at B tokens (vLLM's `thinking_token_budget`,
  llama-server's `thinking_budget_tokens`).

B is a budget that was asked for, or the one that spends as many tokens in the mean as the method
really did.
"""

from collections.abc import Iterator, Sequence

import msgspec

from cotpress.evaluation.asking import Asking
from cotpress.evaluation.blind import shorten
from cotpress.lm.markup import markup_of
from cotpress.models import Request
from cotpress.pipeline.conclude import concluded
from cotpress.pipeline.generate import answer, split_answer, unanswered
from cotpress.pipeline.leads import usual_lead
from cotpress.records import Asked, Cut, Trace


def no_think(asking: Asking) -> Iterator[Trace]:
    """Answers without thinking."""
    model, markup = asking.model, markup_of(asking.model)
    if not markup.family:
        empty = [Cut(asked=Asked(), reasoning="", kept=0.0, n_tokens=0) for _ in asking.todo]
        usual = usual_lead(asking.originals.values())
        yield from concluded(
            asking.answers, empty, asking.name, model, asking.sampling, usual, asking.failed
        )
        return
    begun = markup.opening + markup.closing
    requests = (
        Request(
            key=f"{problem.id}|{sample}|{asking.name}",
            messages=problem.prompt(),
            prefill=begun,
            may_fail=asking.failed is not None,
        )
        for problem, sample in asking.todo
    )
    answers = model.generate(requests, asking.sampling)
    for (problem, sample), said in zip(asking.todo, answers, strict=True):
        trace = unanswered(problem, model, sample=sample)
        if said.error and asking.failed:
            asking.failed(trace, said.error)
            continue
        whole = msgspec.structs.replace(said, text=begun + said.text)
        yield split_answer(trace, whole, model, asking.marker)


def budget_forced(asking: Asking) -> Iterator[Trace]:
    """The untouched model's own thinking up to the budget, with a new conclusion where it is
    longer.
    """
    budget, originals = budget_of(asking), asking.answers
    over = [trace for trace in originals if trace.n_tokens > budget]
    ends = asking.model.token_ends([trace.reasoning for trace in over])
    cuts = [
        shorten(trace, places, "truncation", min(1.0, budget / max(1, len(places))), 0)
        for trace, places in zip(over, ends, strict=True)
    ]
    usual = usual_lead(asking.originals.values(), markup_of(asking.model))
    named = f"{asking.name}|{budget}"
    within = (trace for trace in originals if trace.n_tokens <= budget)
    yield from (msgspec.structs.replace(trace, grade=None) for trace in within)
    yield from concluded(over, cuts, named, asking.model, asking.sampling, usual, asking.failed)


def natively_budgeted(asking: Asking) -> Iterator[Trace]:
    """The untouched model's answers under the engine's own budget."""
    sampling = msgspec.structs.replace(asking.sampling, thinking_budget=budget_of(asking))
    todo = (unanswered(problem, asking.model, sample=sample) for problem, sample in asking.todo)
    return answer(todo, asking.model, sampling, marker=asking.marker, failed=asking.failed)


def budget_of(asking: Asking) -> int:
    """The budget that was asked for; else that which spends the method's mean."""
    if asking.asked.budget is not None:
        return asking.asked.budget
    return common_budget([trace.n_tokens for trace in asking.originals.values()], asking.actual)


def common_budget(lengths: Sequence[int], share: float) -> int:
    """The largest budget B, at least 1, at which the mean of min(length, B) is no more than `share`
    of the mean length.
    """
    wanted, spent = share * sum(lengths), 0
    rising = sorted(lengths)
    for i, length in enumerate(rising):
        left = len(rising) - i
        if spent + length * left >= wanted:
            return max(1, int((wanted - spent) // left))
        spent += length
    return max([1, *rising])
