"""HTTP with bounds: an answer has a total time and a size, unpacked, and comes from the host that
was asked.

httpx's own timeouts start anew with every byte, it unpacks whatever comes, and follows a redirect
wherever it leads, questions and all.
"""

import asyncio
import sys
import time
import zlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import openai

httpx: Any = sys.modules[openai.DefaultHttpxClient.__mro__[1].__module__.partition(".")[0]]
"""The HTTP library that OpenAI's client stands on: httpx, later httpx2."""

MEGABYTE = 1 << 20

COMPLAINT = 1 << 16
"""Bytes of an error's body that are read."""


class TooLong(Exception):
    """A stream has more bytes than were allowed."""


CUT = "cotpress_cut"
"""Extension of a response: why its body is not whole."""

HOPS = 5
"""Redirects that are followed, on the same host."""


class Body:
    """Takes a body in, piece by piece, up to a number of bytes."""

    def __init__(self, response: Any, most: int) -> None:
        self.is_error = response.status_code >= 400
        self.most = min(most, COMPLAINT) if self.is_error else most
        self.parts: list[bytes] = []
        self.size, self.cut = 0, ""
        packed = response.headers.get("content-encoding", "identity").lower()
        self._unpack = zlib.decompressobj(47) if packed in ("gzip", "deflate") else None
        if self._unpack is None and packed != "identity":
            self.cut = f"an answer packed as {packed}, which was not asked for"

    def add(self, piece: bytes) -> bool:
        """Whether more may come."""
        room = self.most - self.size + 1
        try:
            part = self._unpack.decompress(piece, room) if self._unpack else piece[:room]
        except zlib.error:
            self.cut = "an answer that cannot be unpacked"
            return False
        self.size += len(part)
        if self.size > self.most:
            self.cut = self.cut or f"more than {self.most / MEGABYTE:g} MB"
            part = part[: self.most - self.size]
        self.parts.append(part)
        return not self.cut

    def response(self, of: Any) -> Any:
        """The response, with what was read as its body."""
        dropped = ("content-encoding", "content-length", "transfer-encoding")
        kept = [(name, value) for name, value in of.headers.multi_items() if name not in dropped]
        whole = httpx.Response(
            of.status_code, headers=kept, content=b"".join(self.parts), request=of.request
        )
        if self.cut and not self.is_error:
            whole.extensions[CUT] = self.cut
        return whole


class _Counted(httpx.AsyncByteStream):  # type: ignore[misc]
    """A stream up to a number of bytes and a moment of the event loop's clock."""

    def __init__(self, stream: Any, most: int, over: float) -> None:
        self.stream, self.most, self.over = stream, most, over

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size, pieces = 0, aiter(self.stream)
        while True:
            async with asyncio.timeout_at(self.over):
                piece = await anext(pieces, None)
            if piece is None:
                return
            size += len(piece)
            if size > self.most:
                raise TooLong
            yield piece

    async def aclose(self) -> None:
        await self.stream.aclose()


def _packed(response: Any) -> bool:
    packing: str = response.headers.get("content-encoding", "identity")
    return packing.lower() != "identity"


def same_place(asked: Any, told: Any) -> bool:
    """Whether a redirect stays with the host and port that were asked, or only turns to https."""
    if asked.host != told.host:
        return False
    turns = (asked.scheme, asked.port, told.scheme, told.port) == ("http", None, "https", None)
    return turns or (asked.scheme, asked.port) == (told.scheme, told.port)


def leads_elsewhere(response: Any) -> str:
    """The host that a redirect leads to, if that is another one; else empty."""
    if not response.has_redirect_location:
        return ""
    told = response.request.url.join(response.headers["location"])
    port = "" if told.port is None else f":{told.port}"
    return "" if same_place(response.request.url, told) else f"{told.host}{port}"


def _followed(response: Any, hop: int) -> bool:
    return response.next_request is not None and hop < HOPS and not leads_elsewhere(response)


class AsyncBounded(openai.DefaultAsyncHttpxClient):
    """A client whose answers have at most so many bytes, and come within so many seconds."""

    def __init__(self, most: int, seconds: float, **options: Any) -> None:
        super().__init__(follow_redirects=False, **options)
        self.most, self.seconds = most, seconds

    async def send(self, request: Any, *, stream: bool = False, **options: Any) -> Any:
        """The answer, read; a body that is too long is cut, and says so in its extensions. With
        `stream` a good answer is still to be read, under the same bounds: `TooLong` and
        `TimeoutError` come while it is.
        """
        request.headers["Accept-Encoding"] = "identity"
        options["follow_redirects"] = False
        over = asyncio.get_running_loop().time() + self.seconds
        try:
            async with asyncio.timeout_at(over):
                for hop in range(HOPS + 1):
                    response = await super().send(request, stream=True, **options)
                    if stream and response.is_success and not _packed(response):
                        response.stream = _Counted(response.stream, self.most, over)
                        return response
                    body = Body(response, self.most)
                    try:
                        if not body.cut:
                            async for piece in response.aiter_raw():
                                if not body.add(piece):
                                    break
                    finally:
                        await response.aclose()
                    if not _followed(response, hop):
                        return body.response(response)
                    assert response.next_request is not None
                    request = response.next_request
        except TimeoutError as error:
            raise httpx.ReadTimeout(f"no whole answer in {self.seconds:g} s") from error
        raise AssertionError("unreachable")


class Bounded(openai.DefaultHttpxClient):
    """The same for one request after the other."""

    def __init__(self, most: int, seconds: float, **options: Any) -> None:
        super().__init__(follow_redirects=False, **options)
        self.most, self.seconds = most, seconds

    def send(self, request: Any, *, stream: bool = False, **options: Any) -> Any:
        """The answer, read."""
        request.headers["Accept-Encoding"] = "identity"
        options["follow_redirects"] = False
        over = time.monotonic() + self.seconds
        for hop in range(HOPS + 1):
            response = super().send(request, stream=True, **options)
            body = Body(response, self.most)
            try:
                for piece in () if body.cut else _in_time(response, over):
                    if not body.add(piece):
                        break
            finally:
                response.close()
            if not _followed(response, hop):
                return body.response(response)
            assert response.next_request is not None
            request = response.next_request
        raise AssertionError("unreachable")


def _in_time(response: Any, over: float) -> Iterator[bytes]:
    for piece in response.iter_raw():
        if time.monotonic() > over:
            raise httpx.ReadTimeout("no whole answer in time")
        yield piece
