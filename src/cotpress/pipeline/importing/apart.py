"""One completion -> opening, reasoning, closing, conclusion and ending, whatever shape it came in.

Reasoning in a column of its own is gold or a model's: it keeps the conclusion at its end, if it has
one (LIMO, MATH), or gets that of its own column, or one made from the reference answer. Where a
server says the reasoning twice, apart and inside of the reply, it is taken once.
"""

from cotpress.answers import ANNOUNCED, BOX, stated
from cotpress.lm.marks import thought_in
from cotpress.pipeline.importing.foreign import TEMPLATE, TOOLS, unknown_mark, without_template
from cotpress.pipeline.importing.references import CALCULATOR, final_line
from cotpress.pipeline.importing.replies import Note, Reply
from cotpress.pipeline.importing.values import Unusable, named, text
from cotpress.pipeline.split import Parts, several_thoughts, split

LEAD = 25
"""Characters of a worked solution's last sentence before it announces the answer: "Therefore, "."""


def take_apart(reply: Reply, answer: str, note: Note) -> Parts:
    """Opening, reasoning, closing, conclusion and ending of a reply; a reply that was cut off has
    no conclusion. `Unusable` for one that is not one reasoning and its conclusion.
    """
    if reply.reasoning is None:
        parts = _of_completion(text(reply.content, "completion"), note)
    else:
        parts = _of_two(reply, answer, note)
    if not parts.reasoning.strip():
        raise Unusable("no reasoning")
    if several_thoughts(parts):
        raise Unusable("more than one block of thinking")
    if TOOLS.search(parts.reasoning) or TOOLS.match(parts.conclusion.lstrip()):
        raise Unusable("a tool call in the text of the completion")
    if TEMPLATE.search(parts.reasoning) or TEMPLATE.search(parts.conclusion):
        note("chat markup of a template inside of the text")
    without = parts._replace(
        reasoning=CALCULATOR.sub("", parts.reasoning),
        conclusion=CALCULATOR.sub("", parts.conclusion),
    )
    if without != parts:
        note("calculator marks such as <<48/2=24>> taken out")
    return without


def _of_completion(whole: str, note: Note) -> Parts:
    """A completion that came as one text."""
    said = _bare(whole, note)
    _refuse_unknown(said)
    return split(said)


def _of_two(reply: Reply, answer: str, note: Note) -> Parts:
    """A reasoning that stands apart, with the conclusion that belongs to it."""
    reasoning = _bare(text(reply.reasoning, "reasoning"), note)
    conclusion = _bare(text(reply.content, "conclusion", optional=True), note)
    _refuse_unknown(reasoning, whole=False)
    reasoning, conclusion, ending = _once(reasoning, conclusion, note)
    if reply.think and not thought_in(reasoning):
        parts = Parts("<think>\n", reasoning.strip("\n"), "\n</think>\n\n", "")
    elif thought_in(reasoning):
        parts = split(reasoning)
        if parts.conclusion and conclusion and parts.conclusion.strip() != conclusion.strip():
            note("a conclusion beside the one that the reasoning has already: not taken")
        conclusion, ending = parts.conclusion or conclusion, parts.ending or ending
        if not parts.conclusion:
            tag = "\n</think>" if "<think>" in parts.opening else ""
            parts = parts._replace(closing=(parts.closing.rstrip() or tag) + "\n\n")
    else:
        parts = _gold(reasoning, note) if reply.gold else Parts("", reasoning, "\n\n", "")
        conclusion = parts.conclusion or conclusion
    if reply.gold and not conclusion.strip():
        if not answer:
            raise Unusable("no answer to make a conclusion from")
        conclusion = stated(answer)
    return parts._replace(
        conclusion=conclusion, closing=parts.closing if conclusion else "", ending=ending
    )


def _gold(solution: str, note: Note) -> Parts:
    """A worked solution: without its last line `#### 72`, or split where it concludes itself, in a
    sentence with a box or one that begins with the words that announce the answer.

    What has calculator marks is GSM8K's, whose conclusion is that last line.
    """
    before, found = final_line(solution)
    whole = Parts("", before, "\n\n", "")
    if found or CALCULATOR.search(solution):
        return whole
    parts = split(solution)
    announced = ANNOUNCED.search(parts.conclusion)
    if not BOX.search(parts.conclusion) and not (announced and announced.start() <= LEAD):
        return whole
    if not parts.reasoning:
        note("a solution in one sentence with its answer: the conclusion says that once more")
        return whole
    return parts


def _once(reasoning: str, conclusion: str, note: Note) -> tuple[str, str, str]:
    """Reasoning, conclusion and ending where the conclusion may hold the reasoning once more, or
    the mark that closes it, as some servers leave them.
    """
    thought = thought_in(conclusion)
    if not thought:
        return reasoning, conclusion.lstrip(), ""
    inside = conclusion[thought.begin : thought.end]
    one, other = " ".join(inside.split()), " ".join(reasoning.split())
    if one and one not in other and other not in one:
        raise Unusable("two different reasonings, apart and inside of the completion")
    note("marks of thinking in the conclusion, beside a reasoning that stands apart: taken off")
    parts = split(f"<think>x</think>{conclusion[thought.answer :]}")
    longer = inside.strip() if len(one) > len(other) else reasoning
    return longer, parts.conclusion, parts.ending


def _bare(said: str, note: Note) -> str:
    """A text without the markup of a chat template around it."""
    bare = without_template(said)
    if bare != said:
        note("chat markup of a template taken off")
    return bare


def _refuse_unknown(said: str, *, whole: bool = True) -> None:
    if not thought_in(said) and (mark := unknown_mark(said, whole=whole)):
        raise Unusable(
            f"marks of thinking that no family is known by ({named(mark)}): write <think> and "
            "</think> in their place"
        )
