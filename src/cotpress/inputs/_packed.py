"""Packed files, read as a stream: gzip, bzip2, xz and zstd, known by how they begin."""

import bz2
import gzip
import io
import lzma
import zlib
from pathlib import Path
from typing import BinaryIO, cast

from cotpress.errors import CotpressError
from cotpress.plugins import require

GZIP, ZSTD, BZIP2, XZ = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"BZh", b"\xfd7zXZ\x00"

SUFFIXES = (".gz", ".zst", ".zstd", ".bz2", ".xz")
"""What packers add to a name."""

DAMAGE = (EOFError, OSError, zlib.error, lzma.LZMAError)
"""What a damaged or cut-off packed file raises while it is read."""

BUFFER = 1 << 18


def unpacked(path: Path) -> BinaryIO:
    """What a file holds, unpacked while it is read; closing it closes the file."""
    with path.open("rb") as file:
        magic = file.read(6)
    if magic.startswith(b"PK\x03\x04"):
        raise CotpressError(f"{path} is a zip archive: unpack it first, with unzip {path}.")
    if magic.startswith(GZIP):
        return cast(BinaryIO, io.BufferedReader(gzip.open(path), BUFFER))
    if magic.startswith(BZIP2):
        return cast(BinaryIO, io.BufferedReader(bz2.open(path), BUFFER))
    if magic.startswith(XZ):
        return cast(BinaryIO, io.BufferedReader(lzma.open(path), BUFFER))
    if magic.startswith(ZSTD):
        # Unlike zstandard's reader, Arrow's says so where a frame is cut off.
        arrow = require("pyarrow", f"unpacking {path}")
        return cast(BinaryIO, io.BufferedReader(arrow.CompressedInputStream(path, "zstd"), BUFFER))
    return path.open("rb", BUFFER)


def bare_suffix(path: Path) -> str:
    """The suffix of what is packed, in lower case: `.jsonl` of `a.jsonl.gz`."""
    name = path.name.lower()
    for suffix in SUFFIXES:
        name = name.removesuffix(suffix)
    return Path(name).suffix
