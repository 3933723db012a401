"""Rows of a data set on the Hugging Face hub, through `datasets`: streamed, or kept in its cache,
from which it is read again without a network.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from cotpress.errors import CotpressError, UnknownName
from cotpress.inputs.row import Row
from cotpress.plugins import Spec, parse_spec, require

OPTIONS = ("config", "split", "revision")
UNREACHABLE = ("couldn't reach", "offline", "cannot connect", "connection refused")
"""What `datasets` and the HTTP library of the day say when there is no reply."""


@dataclass(frozen=True)
class Hub:
    """A split of a data set on the hub."""

    dataset: str
    config: str = ""
    split: str = "train"
    revision: str = ""
    keep: bool = False
    """Download the whole split into the cache of `datasets`, instead of streaming it."""
    instead: str = ""
    """What to write where the hub cannot be reached."""

    @property
    def name(self) -> str:
        """The data set in its written form."""
        options = {name: getattr(self, name) for name in OPTIONS if getattr(self, name)}
        return str(Spec("hub", self.dataset, options))

    def rows(self) -> Iterator[Row]:
        """The rows of the split, in order."""
        with self._reached():
            if self.keep:
                self._builder.download_and_prepare()
                rows = self._builder.as_dataset(split=self.split)
            else:
                rows = self._builder.as_streaming_dataset(split=self.split)
            for number, values in enumerate(rows):
                yield Row(values, f"{self.dataset}, {self.split} row {number}")

    def content(self) -> str:
        """The commit that the rows are of, and which of them they are."""
        with self._reached():
            return f"{self._builder.hash}/{self.config}/{self.split}"

    @cached_property
    def _builder(self) -> Any:
        datasets = require("datasets", f"data set {self.dataset}")
        return datasets.load_dataset_builder(
            self.dataset, self.config or None, revision=self.revision or None
        )

    @contextmanager
    def _reached(self) -> Iterator[None]:
        """Say in one sentence what the hub, or what stands between it and us, had to say."""
        what = f"data set {self.dataset}"
        require("datasets", what)
        DatasetsError = require("datasets.exceptions", what).DatasetsError
        # its first base is what the HTTP library of the day raises when there is no reply
        HubError = require("huggingface_hub.errors", what).HfHubHTTPError
        try:
            yield
        # what is wrong with a name or a file is a ValueError there
        except (DatasetsError, *HubError.__bases__, ValueError, RuntimeError) as error:
            raise CotpressError(self._said(error)) from error

    def _said(self, error: Exception) -> str:
        first = " ".join(str(error).split())[:300] or type(error).__name__
        here = f"hf download --repo-type dataset {self.dataset} --local-dir FOLDER"
        instead = self.instead or f"download it elsewhere ({here}) and name the folder"
        if any(word in first.lower() for word in UNREACHABLE):
            return (
                f"cannot get the data set {self.dataset}: the Hub cannot be reached, and it is not "
                f"in the cache: go online, set HF_ENDPOINT to a mirror, or {instead}."
            )
        if "gated" in first.lower():
            cure = (
                f"accept its terms at huggingface.co/datasets/{self.dataset} and log in "
                "with hf auth login"
            )
        elif "doesn't exist" in first:
            cure = "check its name, or log in with hf auth login if it is private"
        elif any(word in first for word in ("BuilderConfig", "Config name", "split")):
            cure = "name config= and split= as they are called there"
        else:
            cure = "go online"
        return f"cannot get the data set {self.dataset} ({first}): {cure}, or {instead}."


def hub(text: str) -> Hub:
    """The data set that `hub:OWNER/NAME[,config=…][,split=…][,revision=…]` names."""
    spec = parse_spec(text)
    if not spec.target:
        raise CotpressError("hub needs a data set: write hub:OWNER/NAME,split=train.")
    for name in spec.options:
        if name not in OPTIONS:
            raise UnknownName("option of hub", name, OPTIONS)
    config, split, revision = (spec.options.get(name, "") for name in OPTIONS)
    return Hub(spec.target, config, split or "train", revision)
