"""Text of strangers on a terminal: file contents, names and complaints of servers may hold control
sequences that move the cursor, rename the window or hide what stands beside them.
"""

import re

CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""Control characters but tab and line feed, what turns the direction of a text, and half
characters.
"""


def shown(text: str) -> str:
    r"""The text as it can be printed: a control character as `\u001b`, as JSON has it."""
    return CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
