"""`scripted:FILE`, a model that says what a file says: for tests, documentation and demonstrations.

A line of the file is `{"text": …}` with `"id"` (a problem's id), or `"prompt_contains"`, or
neither, which fits every request; the first line that fits is said. Tokens are words and single
symbols with the white space before them.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from cotpress import storage
from cotpress.errors import CotpressError
from cotpress.models import Completion, Request, Sampling
from cotpress.records import Record

TOKEN = re.compile(r"\s*(?:\w+|[^\w\s])|\s+")


class Line(Record, frozen=True, kw_only=True):
    """One answer and when to give it."""

    text: str
    id: str = ""
    prompt_contains: str = ""

    def fits(self, request: Request) -> bool:
        """Whether this is the answer to `request`."""
        known = not self.id or request.key == self.id or request.key.startswith(f"{self.id}|")
        return known and self.prompt_contains in "\n".join(
            message["content"] for message in request.messages
        )


class Scripted:
    """Answers by a function of the request, or by request key; a
    prefill that begins the answer is not said again.
    """

    def __init__(
        self,
        answers: Callable[[Request], str] | Mapping[str, str],
        name: str = "scripted",
        *,
        script: str = "",
    ) -> None:
        self.name = name
        self.identity = f"{name}@{script}"
        self._answer = answers if callable(answers) else lambda request: answers[request.key]

    def generate(self, requests: Iterable[Request], sampling: Sampling) -> Iterator[Completion]:
        """The scripted text of each request, cut after `max_tokens` tokens."""
        for request in requests:
            *_, whole = self.growing(request, sampling)
            yield whole

    def growing(self, request: Request, sampling: Sampling) -> Iterator[Completion]:
        """The answer to one request, token by token."""
        tokens = TOKEN.findall(self._answer(request).removeprefix(request.prefill))
        said = tokens[: sampling.max_tokens]
        for n in range(1, len(said)):
            yield Completion(text="".join(said[:n]), n_tokens=n, finished=False)
        yield Completion(text="".join(said), n_tokens=len(said), finished=len(said) == len(tokens))

    def token_ends(self, texts: Sequence[str]) -> list[list[int]]:
        """Where each token ends."""
        return [[match.end() for match in TOKEN.finditer(text)] for text in texts]


def load(target: str) -> Scripted:
    """The model that says the lines of the file `target`."""
    if not target:
        raise CotpressError(
            'model scripted needs a file: scripted:answers.jsonl, with lines such as {"text": "4"}.'
        )
    script = list(storage.read(Path(target), Line))

    def say(request: Request) -> str:
        line = next((line for line in script if line.fits(request)), None)
        if line is None:
            raise CotpressError(
                f"{target} has no line for the request {request.key}: add "
                "one, or one without conditions."
            )
        return line.text

    return Scripted(say, name=f"scripted:{target}", script=storage.hash_file(Path(target)))
