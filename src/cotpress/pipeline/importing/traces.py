"""Rows -> traces: one for every completion, or a count of why there is none."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from msgspec.structs import replace

from cotpress.answers import BOX
from cotpress.lm.marks import thought_in
from cotpress.pipeline.importing import verdicts
from cotpress.pipeline.importing.apart import take_apart
from cotpress.pipeline.importing.chats import Chat, as_chat, content_of, pairs, read_chat
from cotpress.pipeline.importing.columns import Columns
from cotpress.pipeline.importing.head import paths
from cotpress.pipeline.importing.references import reference
from cotpress.pipeline.importing.replies import Note, Reply, replies_in, reply_of, turn_of
from cotpress.pipeline.importing.values import Row, Unusable, at, text
from cotpress.prompts import BOXED
from cotpress.records import Problem, Trace

UNSPLIT = "no conclusion could be separated from the reasoning, and build leaves such traces out"


def import_traces(
    rows: Iterable[Row],
    columns: Columns,
    *,
    count: Callable[[str], int],
    task: str = "import",
    model: str = "import",
    instruction: str = BOXED,
    dropped: Counter[str] | None = None,
    noted: Counter[str] | None = None,
) -> Iterator[Trace]:
    """One trace per completion in `rows`, in order.

    A problem that comes again gets the next sample number.

    Args:
        rows: One mapping of column names to values per row.
        columns: Where question, reasoning, answer and the others stand in a row.
        count: Gives the number of tokens of a text, such as those of the target model.
        task: The task that is recorded with each problem.
        model: Who is recorded as the writer.
        instruction: What precedes each question in the prompt. The default, which asks for a
            boxed answer, is left out where a chat has a system turn or asks for a box already.
        dropped: Gets the number of rows and completions left out, by reason.
        noted: Gets the number of traces in which something was changed or is not known, by what
            it is.

    Yields:
        One `Trace` per completion, with a grade where `columns.verdict` names one.
    """
    dropped = Counter() if dropped is None else dropped
    noted = Counter() if noted is None else noted
    next_sample: Counter[str] = Counter()
    for row in rows:
        said: list[str] = []
        try:
            verdicts.refuse_without_reasoning(row, (columns.reasoning, columns.conclusion))
            chat = _asked(row, columns)
            values = _completions(row, columns, chat)
            problem = _problem(row, columns, chat, task, instruction, said.append)
            if row.get("tools"):
                said.append("what its tools are (column tools) is not carried over")
        except Unusable as why:
            dropped[str(why)] += 1
            continue
        for index, value in enumerate(values):
            of_one = [*said]
            try:
                reply = _reply(row, columns, chat, value, index, of_one.append)
                parts = take_apart(reply, problem.answer, of_one.append)
            except Unusable as why:
                dropped[str(why)] += 1
                continue
            sample = max(index, next_sample[problem.id])
            next_sample[problem.id] = sample + 1
            if sample > index:
                of_one.append("duplicate question: stored as a further sample")
            if not parts.conclusion:
                of_one.append(UNSPLIT)
            cut = verdicts.cut_off(row, reply.finish, index, len(values), of_one.append)
            grade = None
            if columns.verdict:
                grade = verdicts.grade(
                    row, columns.verdict, index, len(values), problem.answer, of_one.append
                )
            elif column := verdicts.unused(row, len(values)):
                of_one.append(f"a verdict of the data set, not used: --verdict {column} takes it")
            noted.update(dict.fromkeys(of_one, 1))
            yield Trace(
                problem=replace(problem, followed=[*problem.followed, *reply.followed]),
                model=model,
                sample=sample,
                reasoning=parts.reasoning,
                conclusion=parts.conclusion,
                n_tokens=count(parts.reasoning),
                n_conclusion_tokens=count(parts.opening)
                + count(parts.closing + parts.conclusion + parts.ending),
                finished=not cut
                and (
                    bool(parts.conclusion)
                    or (reply.reasoning is None and not parts.opening.strip())
                ),
                grade=grade,
                opening=parts.opening,
                closing=parts.closing,
                ending=parts.ending,
            )


def read_problem(row: Row, columns: Columns, *, task: str, instruction: str = BOXED) -> Problem:
    """The problem of a row, whatever its completions are; `Unusable` where there is no question."""
    return _problem(row, columns, _asked(row, columns), task, instruction, lambda _: None)


def _asked(row: Row, columns: Columns) -> Chat:
    """What was asked: the chat of a row, or the text of its question."""
    if columns.messages:
        return read_chat(at(row, columns.messages), replied=True)
    values = [at(row, path) for path in paths(columns.question)]
    if len(values) == 1 and as_chat(values[0]):
        return read_chat(values[0], replied=False)
    several = [text(value, "question", optional=len(values) > 1) for value in values]
    question = text("\n".join(filter(str.strip, several)), "question")
    return Chat(question, history=pairs(row.get("history")))


def _completions(row: Row, columns: Columns, chat: Chat) -> list[Any]:
    """The completions of a row, unread; of a reasoning column, what it holds."""
    if columns.messages:
        return [chat.reply]
    several = (columns.reasoning,) if columns.reasoning else paths(columns.completion)
    found = [one for path in several for one in replies_in(at(row, path))]
    if not found:
        raise Unusable("no reasoning" if columns.reasoning else "no completion")
    return found


def _reply(row: Row, columns: Columns, chat: Chat, value: Any, index: int, note: Note) -> Reply:
    """One completion, with the conclusion that stands beside its reasoning, or after what the chat
    began of it.
    """
    if columns.messages:
        return turn_of(value, note)
    if columns.reasoning:
        ends = replies_in(at(row, columns.conclusion))
        conclusion = ends[0] if len(ends) == 1 else dict(enumerate(ends)).get(index)
        return Reply(conclusion, "" if value is None else value, gold=not columns.conclusion)
    reply = reply_of(value, note)
    begun = content_of(chat.reply) if chat.reply else ""
    thought = thought_in(begun) if isinstance(begun, str) else None
    if thought and not thought.closed and isinstance(reply.content, str):
        return reply._replace(content=begun + reply.content)
    return reply


def _problem(
    row: Row, columns: Columns, chat: Chat, task: str, instruction: str, note: Note
) -> Problem:
    """The question with its reference answer and its surroundings."""
    system = chat.system or text(at(row, columns.system), "system turn", optional=True)
    system = system if system.strip() else ""
    if instruction == BOXED and (system or (chat.turns and BOX.search(chat.question))):
        instruction = ""
        note("its own system turn, or a box in its question, in place of the default --instruction")
    answer = reference(at(row, columns.answer), columns.answer, note)
    if not answer:
        note("no reference answer")
    before = [chat.history, chat.followed] if chat.history or chat.followed else []
    asked = json.dumps([*before, chat.question]) if before else chat.question
    digest = hashlib.sha256(asked.encode()).hexdigest()[:16]
    return Problem(
        id=text(at(row, columns.id), "id") if columns.id else f"{task}/{digest}",
        question=chat.question,
        answer=answer,
        task=task,
        instruction=instruction,
        system=system,
        history=list(chat.history),
        followed=list(chat.followed),
    )
