"""URLs where a verb takes a file: `s3://…`, `gs://…` become paths of the work folder (remote.py)
before the verb is called, so that no verb knows of them.
"""

from pathlib import Path

from cyclopts import App, Token
from cyclopts.argument import Argument, ArgumentCollection

from cotpress import remote
from cotpress.console.words import kinds


def local(app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
    """Put a path of this disk in the place of every URL among the files of a command; cyclopts
    calls it between reading the words and converting them.
    """
    for argument in arguments:
        if Path in kinds(argument.hint) and any(map(_is_remote, argument.tokens)):
            argument.tokens[:] = [
                token.evolve(value=str(_place(token.value, argument)))
                if _is_remote(token)
                else token
                for token in argument.tokens
            ]


def _is_remote(token: Token) -> bool:
    return remote.is_remote(token.value)


def _place(url: str, argument: Argument) -> Path:
    from cotpress.verbs.common import say

    if "--out" in argument.names:
        here = remote.place_output(url)
        say(f"{url} is made as {here}, and uploaded once it is complete")
        return here
    here = remote.fetch(url, beside=remote.BESIDE)
    say(f"{url} is read from {here}")
    return here
