"""What is in completions and is not part of any reasoning: what a chat template writes around a
turn, marks of thinking that no family is known by, and tool calls written as text.
"""

import re

from cotpress.pipeline.importing.values import words

HEADERS = re.compile(
    r"\s*(?:(?:<\|im_start\|>\s*assistant|<｜Assistant｜>|<\|assistant\|>|<\|assistant_start\|>"
    r"|<\|start_header_id\|>\s*assistant\s*<\|end_header_id\|>|<start_of_turn>\s*model"
    r"|<\|turn>\s*model|<\|im_assistant\|>\s*assistant\s*<\|im_middle\|>"
    r"|<\|START_OF_TURN_TOKEN\|>\s*<\|CHATBOT_TOKEN\|>"
    r"|<\|start_of_role\|>\s*assistant\s*<\|end_of_role\|>|<seed:bos>\s*assistant"
    r"|<\|header_start\|>\s*assistant\s*<\|header_end\|>"
    r"|\]~b\]ai|\[/INST\]|<\|begin_of_text\|>|<｜begin▁of▁sentence｜>|<s>(?!\w)|<bos>)\s*)+"
)
"""How templates begin the assistant's turn, at the beginning of a text."""

_END = (
    r"<\|im_end\|>|<\|eot_id\|>|<\|eom_id\|>|<\|eot\|>|<｜end▁of▁sentence｜>|</s>|<\|endoftext\|>"
    r"|<\|end_of_text\|>|<\|return\|>|<\|end\|>|<end_of_turn>|<turn\|>|<\|END_OF_TURN_TOKEN\|>"
    r"|<\|assistant_end\|>|<seed:eos>|<eos>|\[e~\[|<\|endofprompt\|>|<\|pad\|>|<pad>|\[PAD\]"
    r"|<\|im_start\|>\s*user|<\|start_header_id\|>\s*user\s*<\|end_header_id\|>"
    r"|<start_of_turn>\s*user|<\|turn>\s*user|<\|user\|>|<\|observation\|>|<｜User｜>"
)
END_OF_TURN = re.compile(rf"(?:\s*(?:{_END}))+\s*\Z")
"""How templates end a turn, and begin the next one of the user."""
TAIL = 400
"""Characters in which an end is looked for at once; there may be a thousand of padding."""

TEMPLATE = re.compile(
    r"<(?:\|(?:im_start|im_end|eot_id|eom_id|endoftext|end_of_text|return|end|start_header_id|user"
    r"|observation|END_OF_TURN_TOKEN)\|>|\|turn>|turn\|>|start_of_turn>|end_of_turn>"
    r"|｜(?:User|Assistant|end▁of▁sentence)｜>)"
)
"""Markup of templates in the middle of a text; `</s>` is HTML as well."""

TOOLS = re.compile(
    r"<(?:tool_call>|\|tool_calls?_(?:section_)?begin\|>|｜tool▁calls?▁begin｜>|\|python_tag\|>"
    r"|\|START_ACTION\|>|\|channel\|>commentary\s+to=|\|tool_call>|seed:tool_call>"
    r"|minimax:tool_call>|function=\w+>)|\[TOOL_CALLS\]"
)
"""What begins a tool call that is written into the text."""

_ORDINARY = words(
    "a abbr address article aside audio b base bdi bdo blockquote body br button canvas caption "
    "center cite code col colgroup data datalist dd del details dfn dialog div dl dt em embed "
    "fieldset figcaption figure font footer form frame frameset h1 h2 h3 h4 h5 h6 head header hr "
    "html i iframe img input ins kbd label legend li link main map mark math menu meta meter nav "
    "noscript object ol optgroup option output p param picture pre progress q rp rt ruby s samp "
    "script section select slot small source span strike strong style sub summary sup svg table "
    "tbody td template textarea tfoot th thead time title tr track tt u ul var video wbr xml "
    "answer solution response result final final_answer conclusion question problem quote url list "
    "size color left right justify spoiler tex latex asy hide code inst sys step tool_call "
    "tool_response function json python sql"
)
"""Names of tags that mark no thinking: HTML, BBCode, the answer, the question, code."""

_MARK = re.compile(
    r"\s*(?:<(?P<angle>[A-Za-z][\w:.-]*)>|\[(?P<square>[A-Za-z][\w-]{2,})\]"
    r"|<\|(?:begin_of_|start_of_|begin_|start_)?(?P<special>[A-Za-z]\w*?)"
    r"(?:_begin|_start)?\|>|◁(?P<kimi>\w+)▷)",
)
_CLOSED = {
    "angle": r"</{}>",
    "square": r"\[/{}\]",
    "special": r"<\|(?:/{0}|(?:end_of_|end_){0}|{0}_end)\|>",
    "kimi": r"◁/{}▷",
}
_THOUGHTFUL = re.compile(
    r"</(\w*(?:think|thought|reason|ponder|reflect|deliberat|monolog|scratch|contemplat|meditat"
    r"|analy[sz])\w*)>\s",
    re.IGNORECASE,
)


def without_template(text: str) -> str:
    """A text without what a chat template wrote before and after it."""
    header = HEADERS.match(text)
    begin, last = header.end() if header else 0, len(text)
    while last > begin and (end := END_OF_TURN.search(text, max(begin, last - TAIL), last)):
        if end.group().strip() == "</s>" and "<s>" in text[begin:]:
            break  # struck through, in HTML
        last = end.start()
    return text[begin:last]


def unknown_mark(text: str, *, whole: bool = True) -> str:
    """The mark with which a text begins to think and that no family has, such as `<ponder>`; empty
    where there is none.

    Such a mark stands in front, is closed once, has some words in it and, in a `whole` completion,
    some after it. Where the prompt opened it, only a closing one that is named like thinking
    counts.
    """
    if mark := _MARK.match(text):
        group = str(mark.lastgroup)
        name = mark[group]
        closes = re.compile(_CLOSED[group].format(re.escape(name)), re.IGNORECASE)
        ends = list(closes.finditer(text, mark.end()))
        plain = group == "square" and not (name.isupper() or _THOUGHTFUL.match(f"</{name}> "))
        if plain or name.lower() in _ORDINARY or len(ends) != 1:
            return ""
        inside, after = text[mark.end() : ends[0].start()].strip(), text[ends[0].end() :].strip()
        prose = len(inside.split()) > 3 and not inside.startswith(("<", "["))
        return mark.group().strip() if prose and (after or not whole) else ""
    closing = _THOUGHTFUL.search(text)
    if closing and f"<{closing[1]}>" not in text and len(text[: closing.start()].split()) > 3:
        return f"</{closing[1]}>"
    return ""
