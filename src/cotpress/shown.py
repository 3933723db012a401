"""Text of strangers on a terminal or a page: file contents, names and complaints of servers may
hold control sequences that move the cursor, rename the window or hide what stands beside them.
"""

import re

CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""Control characters but tab and line feed, what turns the direction of a text, and half
characters.
"""

UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)
"""Characters that act without being seen: controls, direction marks and overrides, lone
surrogates.
"""


def shown(text: str) -> str:
    r"""The text as it can be printed: a control character as `\u001b`, as JSON has it."""
    return CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def visible(text: str) -> str:
    """Text in which no character acts unseen: each that would is shown by its number, ⟨U+202E⟩."""
    return UNSEEN.sub(lambda match: f"⟨U+{ord(match.group()):04X}⟩", text)
