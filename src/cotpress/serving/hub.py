"""Pushing to the Hugging Face Hub what was written here, through `huggingface_hub`.

What can be known early is checked before the long work: the form of the name, and with one request
whether there is a token that the Hub accepts. The token is the one that `huggingface_hub` finds
(`HF_TOKEN`, `hf auth login`); it is taken out of whatever a server says about it.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Literal

from cotpress import __version__
from cotpress.errors import CotpressError
from cotpress.plugins import require

WHAT = "--push"
AGAIN = ", and run the same command again, which finds its output finished and only pushes"
LOG_IN = "log in with hf auth login, or set HF_TOKEN, with a token that may write"


@dataclass(frozen=True)
class Repository:
    """A place on the Hub that may be there already."""

    name: str
    """ORG/NAME."""
    kind: Literal["model", "dataset"]
    private: bool | None = None
    """Of a repository that is not there yet; None: as `hf upload` has it, public unless the
    organisation's own default is private.
    """

    def push_folder(self, folder: Path, verb: str) -> str:
        """Upload what a folder holds to the top of the repository, and return its URL.

        Raises `CotpressError` with what the Hub said; the folder is left as it is.
        """
        with self._reached(AGAIN):
            url = self._made()
            _api().upload_folder(
                repo_id=self.name,
                repo_type=self.kind,
                folder_path=folder,
                commit_message=_message(verb),
            )
        return url

    def push_files(self, files: Mapping[str, Path | bytes], verb: str) -> str:
        """Upload files, each under its name in the repository, in one commit; return the URL.

        Raises `CotpressError` with what the Hub said.
        """
        add = require("huggingface_hub", WHAT).CommitOperationAdd
        with self._reached(AGAIN):
            url = self._made()
            _api().create_commit(
                self.name,
                [add(path, content) for path, content in files.items()],
                repo_type=self.kind,
                commit_message=_message(verb),
            )
        return url

    def check(self) -> None:
        """`CotpressError` for a name of another form, or without a token that the Hub accepts."""
        utils = require("huggingface_hub.utils", WHAT)
        try:
            utils.validate_repo_id(self.name)
            well_formed = self.name.count("/") == 1
        except ValueError:
            well_formed = False
        if not well_formed:
            raise CotpressError(
                f"--push {self.name}: name the repository as ORG/NAME, such as my-name/qwen-short, "
                "in letters, digits, '-', '_' and '.'."
            )
        if not _token():
            raise CotpressError(f"cannot push to {self.name}: there is no token: {LOG_IN}.")
        with self._reached():
            try:
                _api().whoami()
            except _http_error() as error:
                # a mirror may not offer this, and the Hub limits how often it is asked
                if error.response.status_code == HTTPStatus.UNAUTHORIZED:
                    raise

    def _made(self) -> str:
        """Create the repository, unless it is there; its URL."""
        return str(
            _api().create_repo(self.name, repo_type=self.kind, private=self.private, exist_ok=True)
        )

    @contextmanager
    def _reached(self, then: str = "") -> Iterator[None]:
        """Say in one sentence what the Hub, or what stands between it and us, had to say."""
        try:
            yield
        # the first base is what the HTTP library of the day raises when there is no reply
        except (*_http_error().__bases__, OSError, ValueError, RuntimeError) as error:
            raise CotpressError(self._said(error, then)) from None  # the cause may hold the token

    def _said(self, error: Exception, then: str) -> str:
        """What is wrong, what to do, and what to do `then`."""
        name, status = self.name, getattr(getattr(error, "response", None), "status_code", None)
        if status == HTTPStatus.UNAUTHORIZED:
            return f"cannot push to {name}: the Hub does not accept the token: {LOG_IN}{then}."
        if status == HTTPStatus.FORBIDDEN:
            return (
                f"cannot push to {name}: the token may not write there: take one with write access "
                f"to {name.partition('/')[0]}, or name a repository of your own{then}."
            )
        first = " ".join(str(error).split())[:300] or type(error).__name__
        first = first.replace(_token() or "\0", "…")
        if status is not None:
            return (
                f"cannot push to {name}: the Hub answers {status} ({first}): correct what it "
                f"names, or wait{then}."
            )
        if isinstance(error, require("huggingface_hub.errors", WHAT).OfflineModeIsEnabled):
            return f"cannot push to {name}: HF_HUB_OFFLINE is set: unset it{then}."
        if isinstance(error, _http_error().__bases__[0]):
            return (
                f"cannot push to {name}: the Hub cannot be reached ({first}): go online, or set "
                f"HF_ENDPOINT to a mirror{then}."
            )
        return f"cannot push to {name} ({first}): correct that{then}."


def repository(
    push: str, private: bool | None, kind: Literal["model", "dataset"]
) -> Repository | None:
    """The repository that `--push` names, checked; None without `--push`."""
    if not push:
        if private is not None:
            raise CotpressError("--private is for --push, which names the repository.")
        return None
    found = Repository(push, kind, private)
    found.check()
    return found


def _api() -> Any:
    return require("huggingface_hub", WHAT).HfApi(
        library_name="cotpress", library_version=__version__
    )


def _token() -> str | None:
    token: str | None = require("huggingface_hub", WHAT).get_token()
    return token


def _http_error() -> Any:
    return require("huggingface_hub.errors", WHAT).HfHubHTTPError


def _message(verb: str) -> str:
    return f"cotpress {verb} {__version__}"
