"""The command line as a user meets it, in this process."""

import pytest

from cotpress import cli


def cotpress(monkeypatch: pytest.MonkeyPatch, command: str) -> int:
    """The exit code of `cotpress COMMAND`, whose words are split at white space."""
    monkeypatch.setattr("sys.argv", ["cotpress", *command.split()])
    try:
        cli.main()
    except SystemExit as stopped:
        return int(stopped.code or 0)
    return 0
