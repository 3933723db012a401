"""A full disk while a library writes weights is one sentence, as it is where cotpress writes
itself.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EDQUOT, EFBIG, ENOSPC
from pathlib import Path

from cotpress.errors import CotpressError

SIGNS = (*map(os.strerror, (ENOSPC, EDQUOT, EFBIG)), "PytorchStreamWriter failed writing")
"""What torch, safetensors and tokenizers say where there is no room, in errors of all kinds."""


@contextmanager
def writing(out: Path) -> Iterator[None]:
    """`CotpressError` where there is no room left while `out` is written."""
    try:
        yield
    except Exception as error:  # tokenizers raises no other kind
        if not any(sign in str(error) for sign in SIGNS):
            raise
        raise CotpressError(
            f"cannot write {out}: there is no room left on the disk, or files may not be as large. "
            "What is finished is kept: make room, and run the same command again."
        ) from error
