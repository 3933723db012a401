"""The command line as a user meets it, in this process."""

import pytest

from cotpress import cli


def cotpress(monkeypatch: pytest.MonkeyPatch, command: str) -> int:
    """The exit code of `cotpress COMMAND`, whose words are split at white space."""
    return typed(monkeypatch, command.split())


def typed(monkeypatch: pytest.MonkeyPatch, words: list[str]) -> int:
    """The exit code of `cotpress WORDS…`."""
    monkeypatch.setattr("sys.argv", ["cotpress", *words])
    try:
        cli.main()
    except SystemExit as stopped:
        return int(stopped.code or 0)
    return 0
