"""`CompressedTrace -> CompressedTrace`: each cut with a conclusion that is written anew, after the
reasoning that is left.

A conclusion that was written after the whole reasoning can say what the shortened one does not
support. ThinkDial (arXiv 2508.18773) therefore has the model go on from the truncated reasoning,
and teaches what it then concludes. So does this: the model reads the question, the cut reasoning,
the mark that closes its thinking, or, where there is none, the first words of the trace's own
conclusion up to the answer (leads.py), and writes the rest. What is wrong then, `build` leaves out.

`concluded` is also how the controls of an evaluation come to their answers.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy
from itertools import islice

import msgspec

from cotpress.lm.marks import ENDS, marked
from cotpress.lm.markup import Markup, markup_of
from cotpress.models import Model, Request, Sampling
from cotpress.pipeline.build import unfit
from cotpress.pipeline.generate import Failed
from cotpress.pipeline.leads import Lead, lead
from cotpress.records import CompressedTrace, Concluded, Cut, Trace

BATCH = 16
"""Traces whose cuts are concluded together."""

WHOLE = "left whole, with the conclusion they have"

Grade = Callable[[Iterable[Trace]], Iterator[Trace]]
"""Traces in, the same traces with grades out, in order."""

Lost = Callable[[CompressedTrace, str], None]
"""Is told of a trace one of whose cuts the model could not conclude, and why."""


def conclude(
    compressed: Iterable[CompressedTrace],
    model: Model,
    grade: Grade,
    sampling: Sampling,
    *,
    noted: Counter[str] | None = None,
) -> Iterator[CompressedTrace]:
    """Each trace with what `model`, the one to be taught, concludes from each of its cuts, graded;
    the same reasoning of a trace is concluded once.

    So ThinkDial (arXiv 2508.18773) goes on from a truncated reasoning.

    Args:
        compressed: What `compress` gives; read 16 at a time.
        model: Reads the question and the cut reasoning, and writes the rest.
        grade: Traces in, the same traces with grades out, in order; such as `grade` with its
            `grader_of`.
        sampling: How tokens are chosen; `max_tokens` holds for a conclusion.
        noted: Gets the number of cuts that stay as they are, by reason: nothing was dropped, or
            `build` would leave the trace out.

    Returns:
        An iterator of the same traces, in order; each other cut has `concluded`.

    Raises:
        CotpressError: The model cannot answer a request or cannot continue a begun answer.
    """
    items = iter(compressed)
    blocks = iter(lambda: list(islice(items, BATCH)), [])
    return conclude_blocks(blocks, model, grade, sampling, noted=noted)


def conclude_blocks(
    blocks: Iterable[Sequence[CompressedTrace]],
    model: Model,
    grade: Grade,
    sampling: Sampling,
    *,
    noted: Counter[str] | None = None,
    failed: Lost | None = None,
) -> Iterator[CompressedTrace]:
    """The same for traces in blocks, each of which is concluded together. `failed` is told of those
    that the model could not conclude, and they are left out whole; without it the model raises.
    """
    noted = Counter() if noted is None else noted
    markup = markup_of(model)
    usual = Lead(markup.closing, "")
    for batch in blocks:
        asked: dict[tuple[str, str], tuple[Trace, Cut]] = {}
        for one in batch:
            read = as_read(one.trace, model, markup)
            for cut in one.cuts:
                if reason := unfit(one.trace):
                    noted[f"not concluded ({reason})"] += 1
                elif cut.reasoning == one.trace.reasoning:
                    noted[WHOLE] += 1
                else:
                    asked.setdefault((one.key, cut.reasoning), (copy(read), cut))
        missed: dict[int, str] = {}
        said = _said([*asked.values()], model, sampling, usual, missed if failed else None)
        answered = [(key, read) for key, (read, _) in asked.items() if id(read) not in missed]
        found = {
            key: _record(one, known=read.grade is not None or bool(read.problem.answer))
            for (key, read), one in zip(answered, grade(map(_bare, said)), strict=True)
        }
        lost = {key[0]: missed[id(read)] for key, (read, _) in asked.items() if id(read) in missed}
        for one in batch:
            if failed and one.key in lost:
                failed(one, lost[one.key])
                continue
            cuts = [_with(cut, found.get((one.key, cut.reasoning))) for cut in one.cuts]
            yield msgspec.structs.replace(one, cuts=cuts)


def _said(
    asked: Sequence[tuple[Trace, Cut]],
    model: Model,
    sampling: Sampling,
    usual: Lead,
    missed: dict[int, str] | None,
) -> list[Trace]:
    """The conclusions of one block. `missed` gets why there is none, by the `id` of the trace that
    was asked with, each of which is an object of its own; without it the model raises.
    """
    if not asked:
        return []
    traces, short = zip(*asked, strict=True)

    def failed(trace: Trace, reason: str) -> None:
        assert missed is not None
        missed[id(trace)] = reason

    told = None if missed is None else failed
    return list(concluded(traces, short, "conclude", model, sampling, usual, told))


def as_read(trace: Trace, model: Model, markup: Markup) -> Trace:
    """The trace in the marks that the model reads and writes, with `model` for its writer."""
    marks = {"opening": trace.opening, "closing": trace.closing, "ending": trace.ending}
    if markup.family:
        marks = {"opening": markup.opening, "closing": markup.closing, "ending": markup.ending}
    elif marked(trace.opening + trace.closing) and trace.model != model.name:
        marks = {"opening": "", "closing": "\n\n", "ending": ""}
    return msgspec.structs.replace(trace, model=model.name, **marks)


def _with(cut: Cut, found: Concluded | None) -> Cut:
    return msgspec.structs.replace(cut, concluded=found) if found else cut


def _bare(trace: Trace) -> Trace:
    """The trace with its conclusion alone, without a mark that ends it."""
    end = ENDS.search(trace.conclusion)
    conclusion = trace.conclusion[: end.start()] if end else trace.conclusion
    return msgspec.structs.replace(trace, conclusion=conclusion.strip())


def _record(trace: Trace, *, known: bool) -> Concluded:
    """What a cut keeps of the trace that its conclusion made; a grade only where the answer is
    `known`.
    """
    return Concluded(
        model=trace.model,
        conclusion=trace.conclusion,
        n_tokens=trace.n_conclusion_tokens,
        finished=trace.finished,
        grade=trace.grade if known else None,
    )


def concluded(
    originals: Sequence[Trace],
    cuts: Sequence[Cut],
    name: str,
    model: Model,
    sampling: Sampling,
    usual: Lead,
    failed: Failed | None = None,
) -> Iterator[Trace]:
    """Each original with its reasoning as cut and a new conclusion by `model`, the untouched one;
    ungraded. `name` tells the draws of one control from those of another.

    Originals without a conclusion are led to theirs by the `usual` lead. `failed` is told of those
    that the model could not conclude, and they are left out; without it the model raises.
    """
    leads = [lead(trace) if trace.conclusion else usual for trace in originals]
    markup = model.token_ends(
        [trace.opening + "".join(begin) for trace, begin in zip(originals, leads, strict=True)]
    )
    requests = (
        Request(
            key=f"{trace.problem.id}|{trace.sample}|{name}",
            messages=trace.problem.prompt(),
            prefill=trace.opening + short.reasoning + "".join(begin),
            may_fail=failed is not None,
        )
        for trace, short, begin in zip(originals, cuts, leads, strict=True)
    )
    answers = zip(originals, cuts, leads, markup, model.generate(requests, sampling), strict=True)
    for trace, short, begin, marks, answer in answers:
        if answer.error and failed:
            failed(trace, answer.error)
            continue
        line, more, _ = answer.text.partition("\n")
        in_line = bool(begin.stem and more and line.strip())
        yield msgspec.structs.replace(
            trace,
            reasoning=short.reasoning,
            closing=begin.closing,
            conclusion=begin.stem + (line if in_line else answer.text),
            n_tokens=short.n_tokens,
            n_conclusion_tokens=len(marks)
            + (len(model.token_ends([line])[0]) if in_line else answer.n_tokens),
            finished=answer.finished or in_line,
            seconds=answer.seconds,
            grade=None,
        )
