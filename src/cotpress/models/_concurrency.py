"""Many requests at once for a caller that asks for one after the other: an
event loop in a thread, and a clock they share.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from time import perf_counter


class Clock:
    """Time shared by the requests in flight: the shares of all requests
    add up to the time during which there were any.
    """

    def __init__(self) -> None:
        self.shared, self.last, self.in_flight = 0.0, perf_counter(), 0

    def turn(self, change: int) -> float:
        """One request more or less; how much a request in flight
        since the beginning would have had until now.
        """
        now = perf_counter()
        self.shared += (now - self.last) / max(1, self.in_flight)
        self.last, self.in_flight = now, self.in_flight + change
        return self.shared


@contextmanager
def running(close: Callable[[], Awaitable[None]]) -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop in a thread: it goes on while the caller works, and does not mind one that runs
    already (notebooks).

    Leaving it, finished or not, cancels what is still under way.
    """
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="cotpress-http", daemon=True)
    thread.start()

    async def finish() -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await close()

    try:
        yield loop
    finally:
        asyncio.run_coroutine_threadsafe(finish(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
