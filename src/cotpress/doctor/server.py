"""Does this server pass the ratio or budget on to the chat template? Measured by counting prompt
tokens, not by asking.

vLLM drops arguments that a template does not read, gateways those that they do not know; neither
says so, and the only sign is that the prompt stays as long as it was.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

from cotpress.doctor.findings import Finding, ok, problem, warning
from cotpress.lm.chat import is_same_model
from cotpress.prompts import budget_tag, ratio_tag
from cotpress.serving.chat_template import NO_RATIO
from cotpress.serving.export import ASKED

RATIO, BUDGET = 0.5, 256

SERVE = "serve the folder that `cotpress export` wrote"
LITERAL = (
    f"or write the tag {ratio_tag(RATIO).strip()} at the end of "
    "the question, which works everywhere"
)


class Answer(NamedTuple):
    """What came back from one request for one token."""

    status: int
    """HTTP status; 0: no answer at all."""
    said: str
    """The complaint, where there is one."""
    n_prompt: int | None = None
    """Prompt tokens, as the server counts them; None: it does not."""
    model: str = ""
    empty: bool = False
    """There was no choice in it."""


class Server(Protocol):
    """A server that can be asked."""

    url: str
    model: str
    """The name that it is asked for."""

    def names(self) -> list[str] | str:
        """The models that it offers; a text says why there is no list."""
        ...

    def ask(self, content: str, extra: dict[str, Any]) -> Answer:
        """One token of an answer to this user turn, with these fields in the body."""
        ...


def examine_server(server: Server) -> Iterator[Finding]:
    """All findings about a server; the first that makes the others pointless is the last."""
    names = server.names()
    if isinstance(names, str):
        level = warning if server.model else problem
        cure = (
            "start the server, or check the URL, which mostly ends in /v1; a "
            "model that is not listed is named with --model"
        )
        yield level("models", f"it does not list its models ({names})", cure)
        if not server.model:
            return
    elif server.model not in names:
        offered = ", ".join(names) or "none"
        yield problem(
            "models",
            f"it does not offer {server.model or 'a model'}, but: {offered}",
            "name one with --model",
        )
        return
    else:
        yield ok("models", f"it offers {server.model}")
    plain = server.ask(ASKED["content"], {})
    if fault := _fault(server, plain):
        yield fault
        return
    yield ok(
        "answers", f"as {plain.model or server.model}; {plain.n_prompt} prompt tokens for the probe"
    )
    alone = _taught_budgets_alone(server)
    if not alone:
        yield from _ratio(server, plain)
    yield from _budget(server, plain, alone=alone)
    yield from _effort(server, plain, alone=alone)


def _fault(server: Server, plain: Answer) -> Finding | None:
    """Why nothing more can be found out."""
    if not plain.status:
        return problem("answers", plain.said, "start the server, or check the URL")
    if plain.status >= 400:
        return problem(
            "answers",
            f"status {plain.status} for a plain question: {plain.said}",
            "see its log; a key is named with --key",
        )
    if plain.empty:
        return problem(
            "answers",
            "the answer holds no choice",
            "see its log: the model may have failed to load",
        )
    if plain.model and not is_same_model(server.model, plain.model):
        return problem(
            "answers",
            f"{server.model} was asked, {plain.model} answers",
            f"ask for --model {plain.model}, if it is meant",
        )
    if not plain.n_prompt:
        return warning(
            "answers",
            "it does not count prompt tokens, so that nothing can be measured",
            LITERAL.removeprefix("or "),
        )
    return None


def _ratio(server: Server, plain: Answer) -> Iterator[Finding]:
    """The ratio in the template, in the text, at 1.0 and out of range."""
    short, whole, wrong = (
        server.ask(ASKED["content"], _kwargs(compression_ratio=value))
        for value in (RATIO, 1.0, 2.0)
    )
    tagged = server.ask(
        ASKED["content"] + ratio_tag(RATIO),
        _kwargs(compression_ratio=1.0) if whole.status < 400 else {},
    )
    if short.status >= 400 or not short.status:
        says = f"it refuses chat_template_kwargs (status {short.status}: {short.said})"
        yield problem("ratio", says, f"{SERVE}, {LITERAL}")
    elif short.n_prompt == whole.n_prompt:
        says = (
            f"compression_ratio is dropped: {short.n_prompt} prompt "
            f"tokens with {RATIO:g} as with 1.0"
        )
        yield problem("ratio", says, f"{SERVE}, check that no gateway stands between, {LITERAL}")
    elif short.n_prompt != tagged.n_prompt:
        says = (
            f"compression_ratio {RATIO:g} makes {short.n_prompt} prompt tokens, "
            f"the tag of training {tagged.n_prompt}"
        )
        yield problem("ratio", says, SERVE)
    else:
        yield ok(
            "ratio",
            f"compression_ratio {RATIO:g} writes the tag: {whole.n_prompt} "
            f"prompt tokens become {short.n_prompt}",
        )
        if wrong.status < 400:
            yield warning("bad ratio", "a ratio of 2 is answered as if nothing were wrong", SERVE)
        else:
            yield ok("bad ratio", f"a ratio of 2 is refused (status {wrong.status})")
    if whole.status < 400 and whole.n_prompt != plain.n_prompt:
        says = "without compression_ratio the prompt is not that of 1.0: the server has a default"
        yield warning(
            "default",
            says,
            "look for --default-chat-template-kwargs or --chat-template-kwargs, if it is not meant",
        )


def _taught_budgets_alone(server: Server) -> bool:
    """Whether the template says that it takes budgets and no ratios."""
    short = server.ask(ASKED["content"], _kwargs(compression_ratio=RATIO))
    return short.status >= 400 and NO_RATIO in short.said


def _budget(server: Server, plain: Answer, *, alone: bool) -> Iterator[Finding]:
    """The budget in the template, in the text, and one that is none; nothing where the template
    takes ratios (not `alone`) and writes no budgets.
    """
    short, wrong = (
        server.ask(ASKED["content"], _kwargs(thinking_budget=value)) for value in (BUDGET, 0)
    )
    tagged = server.ask(ASKED["content"] + budget_tag(BUDGET), {})
    writes = plain.n_prompt != short.n_prompt == tagged.n_prompt
    if not alone and (short.status >= 400 or not writes):
        return
    if short.status >= 400 or not short.status:
        says = f"it refuses thinking_budget (status {short.status}: {short.said})"
        yield problem("budget", says, f"{SERVE}, {LITERAL}")
    elif short.n_prompt == plain.n_prompt:
        says = f"thinking_budget is dropped: {short.n_prompt} prompt tokens with it as without"
        yield problem("budget", says, f"{SERVE}, check that no gateway stands between")
    elif short.n_prompt != tagged.n_prompt:
        says = (
            f"thinking_budget {BUDGET} makes {short.n_prompt} prompt tokens, the tag of training "
            f"{tagged.n_prompt}"
        )
        yield problem("budget", says, SERVE)
    else:
        yield ok(
            "budget",
            f"thinking_budget {BUDGET} writes the tag: {plain.n_prompt} prompt tokens become "
            f"{short.n_prompt}",
        )
        if wrong.status < 400:
            yield warning("bad budget", "a budget of 0 is answered as if nothing were wrong", SERVE)
        else:
            yield ok("bad budget", f"a budget of 0 is refused (status {wrong.status})")


def _effort(server: Server, plain: Answer, *, alone: bool) -> Iterator[Finding]:
    """OpenAI's own field, for clients that can send no other. Two budgets (`alone`) may be numbers
    of equally many tokens: then a prompt that is longer than the plain one is enough.
    """
    low, high = (
        server.ask(ASKED["content"], {"reasoning_effort": effort}) for effort in ("low", "high")
    )
    if low.status >= 400 or not low.status:
        yield warning(
            "effort",
            f"it refuses reasoning_effort (status {low.status})",
            "send compression_ratio or thinking_budget instead",
        )
    elif low.n_prompt == high.n_prompt and not (alone and low.n_prompt != plain.n_prompt):
        says = (
            "reasoning_effort low and high make the same prompt: it does not reach "
            "the template, or both stand for one ratio"
        )
        yield warning("effort", says, "send compression_ratio or thinking_budget instead")
    else:
        yield ok(
            "effort",
            f"reasoning_effort low makes {low.n_prompt} prompt tokens, high {high.n_prompt}",
        )


def _kwargs(**asked: float) -> dict[str, Any]:
    return {"chat_template_kwargs": asked}
