"""The output of a program, as a model says it: equal Python values, else the same lines.

For questions such as "what does this print" and CRUXEval (Gu et al. 2024). The answer is what
stands in the last `<answer>` or `[ANSWER]` tags; else in the last box, or the last fenced block
under a line that speaks of an answer or output, whichever is later; else behind the last "the
output is". `assert f(1) == 2` answers 2. A text of one line is the answer itself.

Two texts that both are Python literals are compared as values of the same type: `{1, 2}` is
`{2, 1}` and `'a'` is `"a"`, but 1 is neither True nor 1.0, and '1' is not 1. Anything else is
compared line by line: white space at the end of a line and empty lines at the end do not count;
case, indentation and inner white space do.

Nothing is ever run or evaluated beyond literals. Grading programs that a model has written, by
running them, is out of scope.
"""

import ast
import re
import warnings
from typing import NamedTuple

from cotpress.grading import NO_ANSWER, Grader, decided
from cotpress.grading._announced import announced, tagged
from cotpress.grading._answer import boxed
from cotpress.records import Grade

MAX_LITERAL = 4000
"""Characters. Longer texts are compared as lines, never parsed."""
MAX_DEPTH = 50
"""Brackets in brackets of a text that is parsed."""

_IS = re.compile(
    r"\b(?:answers?|outputs?|results?|return(?:ed)? values?)\b(?:`[^`\n]{0,80}`|[^.\n:=`]){0,60}?"
    r"\b(?:is|are|(?:will|would|should|must) be)\b(?:\s*:)?"
    r"|^[ \t*#>-]*(?:[\w'()]+,?[ \t]+){0,5}(?:answer|output|result|return value)s?\b[ \t*]*[:=]",
    re.IGNORECASE | re.MULTILINE,
)
"""An output after its noun, or after a label at the beginning of a line: what a program prints
may have a colon, too.
"""
_PRINTS = re.compile(
    r"\b(?:prints|outputs|returns|(?:will|would|should) (?:print|output|return)|evaluates to)\b:?",
    re.IGNORECASE,
)
_SPEAKS_OF_IT = re.compile(
    r"\b(?:answer|output|outputs|prints?|printed|result|returns?|returned|stdout|evaluates)\b",
    re.IGNORECASE,
)
_FENCE = re.compile(r"[ \t]*(`{3,}|~{3,})[ \t]*([\w+-]*)[ \t]*")
_PROGRAM = frozenset({"python", "py", "python3", "c", "cpp", "java", "javascript", "js", "bash"})
_SPAN = re.compile(r"(`+)([^`]+)\1([^`]*)")
_BOLD = re.compile(r"\*\*(.+?)\*\*\.?")
_SENTENCE_END = re.compile(r"\.\s+(?=[A-Z])")
_REASON = re.compile(r",?\s+(?:because|since|which|as)\b")


class _Said(NamedTuple):
    """What a text says the output is."""

    text: str
    prose: bool
    """Whether it stands in a sentence, where a full stop and markup are none of it."""


def load(target: str = "") -> Grader:
    """The grader of a program's output."""
    return Grader(quick)


def quick(text: str, answer: str) -> Grade:
    """Whether the output that a text says is that of the reference."""
    said = _read(text.replace("\r\n", "\n"))
    if said is None:
        return NO_ANSWER
    wanted = _lines(_asserted(answer.replace("\r\n", "\n")))
    if not said.prose:
        found = _lines(_asserted(said.text))
        return decided(found, same_output(found, wanted))
    whole = said.text.strip()
    bare = [_asserted(reading) for reading in _readings(whole)]
    shown = next((one for one in bare if _literal(one) is not None), bare[0])
    right = whole == wanted.strip() or any(same_output(one, wanted.strip()) for one in bare)
    return decided(shown, right)


def same_output(said: str, wanted: str) -> bool:
    """Whether two texts are one output: as Python values if both are, else line by line."""
    ours, theirs = _literal(wanted), _literal(said)
    if ours is not None and theirs is not None:
        return ours == theirs
    return _lines(said) == _lines(wanted)


def _read(text: str) -> _Said | None:
    """The output as the text gives it; None where it gives none."""
    pairs = (("<answer>", "</answer>"), ("[ANSWER]", "[/ANSWER]"))
    if places := [place for pair in pairs if (place := tagged(text, *pair))]:
        return _block(max(places)[1])
    stopped = text.rpartition("[ANSWER]")
    if stopped[1] and stopped[2].strip():
        return _block(stopped[2])
    at, fenced = _fenced(text)
    box = boxed(text)
    if box and (fenced is None or text.rfind(box) > at):
        return _Said(box, prose=True)
    if fenced is not None:
        return _Said(fenced, prose=False)
    if found := announced(text, _IS) or announced(text, _PRINTS):
        return _Said(found, prose="\n" not in found.strip())
    bare = text.strip()
    return _Said(bare, prose=True) if bare and "\n" not in bare else None


def _block(content: str) -> _Said:
    """What stands between tags: a fenced block in them, lines of their own, or one line."""
    fenced = _fenced("output\n" + content)[1]
    if fenced is not None:
        return _Said(fenced, prose=False)
    return _Said(content, prose="\n" not in content.rstrip())


def _fenced(text: str) -> tuple[int, str | None]:
    """Where the last closed block under a line that speaks of an output begins, and its content.
    A block of a programming language counts if it is a value.
    """
    found: tuple[int, str | None] = (-1, None)
    mark, tag, above, body, at, begin = "", "", "", list[str](), 0, 0
    for line in text.split("\n"):
        fence = _FENCE.fullmatch(line)
        if mark:
            if fence and fence[1].startswith(mark) and not fence[2]:
                content = "\n".join(body)
                program = tag in _PROGRAM and _literal(_asserted(content)) is None
                if _SPEAKS_OF_IT.search(above) and not program:
                    found = begin, content
                mark, above = "", ""
            else:
                body.append(line)
        elif fence:
            mark, tag, body, begin = fence[1], fence[2].lower(), [], at + len(line)
        elif line.strip():
            above = line
        at += len(line) + 1
    return found


def _readings(line: str) -> list[str]:
    """What a sentence may mean as the output, the likeliest first."""
    bare = line.removeprefix("**").strip() if line.count("**") == 1 else line
    if bold := _BOLD.fullmatch(bare):
        bare = bold[1].strip()
    if (span := _SPAN.match(bare)) and span.end() == len(bare):
        return [span[2]]
    if bare.startswith("$") and bare.rstrip(".").endswith("$") and bare.count("$") == 2:
        bare = bare.rstrip(".").strip("$")
    found = [bare.removesuffix("."), _SENTENCE_END.split(bare, maxsplit=1)[0].removesuffix(".")]
    reasoned = _REASON.split(found[1], maxsplit=1)[0]
    return [*found, reasoned] if _literal(reasoned) is not None else found


def _asserted(text: str) -> str:
    """`assert f(1) == 2` -> `2`, as CRUXEval has answers given; any other text as it is."""
    bare = text.strip()
    if not bare.startswith("assert ") or not _is_small(bare):
        return text
    tree = _parsed(bare, "exec")
    if not isinstance(tree, ast.Module) or len(tree.body) != 1:
        return text
    test = tree.body[0].test if isinstance(tree.body[0], ast.Assert) else None
    if isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.Eq):
        return ast.get_source_segment(bare, test.comparators[0]) or text
    return text


def _lines(text: str) -> str:
    """The text without white space at the ends of lines and empty lines at either end."""
    return "\n".join(line.rstrip() for line in text.split("\n")).strip("\n")


def _literal(text: str) -> object | None:
    """A text that is one Python literal, as a value that tells types apart; else None."""
    bare = text.strip()
    if not bare or not _is_small(bare):
        return None
    tree = _parsed(bare, "eval")
    if not isinstance(tree, ast.Expression):
        return None
    try:
        return _typed(ast.literal_eval(tree))
    except (ValueError, TypeError, RecursionError, MemoryError, SyntaxError):
        return None


def _parsed(text: str, mode: str) -> ast.AST | None:
    """The syntax tree of a small text; None where it is not Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree: ast.AST = compile(text, "<answer>", mode, ast.PyCF_ONLY_AST)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        return None
    return tree


def _is_small(text: str) -> bool:
    """Whether a text is short and flat enough to be parsed."""
    if len(text) > MAX_LITERAL:
        return False
    depth = deepest = 0
    for letter in text:
        depth += (letter in "([{") - (letter in ")]}")
        deepest = max(deepest, depth)
    return deepest <= MAX_DEPTH


def _typed(value: object) -> object:
    """The value with the type of every part, so that 1, 1.0 and True differ; sets have no order."""
    if isinstance(value, (list, tuple)):
        return (type(value).__name__, tuple(_typed(one) for one in value))
    if isinstance(value, (set, frozenset)):
        return ("set", frozenset(_typed(one) for one in value))
    if isinstance(value, dict):
        return ("dict", frozenset((_typed(key), _typed(one)) for key, one in value.items()))
    return (type(value).__name__, repr(value))
