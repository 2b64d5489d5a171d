"""Names of hosts turned into addresses within the time that is left, for executors that open connections of their own.

The system's look-up cannot be cut short, so it runs in a thread of its own, for which nobody waits longer than allowed. Look-ups of one name at the same time
share a thread.
"""

from __future__ import annotations

import socket
import threading
from concurrent.futures import Future
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from ipaddress import ip_address

from messaging_channels._model.forks import FreshLock


def resolve_host(host: str, port: int, seconds: float) -> list[str]:
    """Return the addresses of a host, the preferred one first.

    Raises:
        OSError: the name is not found; TimeoutError, which is one: not within so many seconds.
        UnicodeError: it is no name.
    """
    if _is_address(host):
        return [host]
    return _LOOKUPS.begin(host, port).result(max(seconds, 0.0))


async def resolve_host_async(host: str, port: int, seconds: float) -> list[str]:
    """Return the addresses of a host; see `resolve_host`. A loop that ends does not wait for a look-up that is under way."""
    import asyncio  # noqa: PLC0415  imported by whoever runs a loop; slow for those who do not

    if _is_address(host):
        return [host]
    loop = asyncio.get_running_loop()
    found, waiter = _LOOKUPS.begin(host, port), loop.create_future()

    def end() -> None:
        if not waiter.done():
            waiter.set_result(None)

    def wake(_: object) -> None:
        with suppress(RuntimeError):  # the loop was closed meanwhile
            loop.call_soon_threadsafe(end)

    found.add_done_callback(wake)
    async with asyncio.timeout(max(seconds, 0.0)):
        await waiter
    return found.result()


class _Lookups(FreshLock):
    """The look-ups under way. A forked child begins its own: the parent's threads are not there."""

    def __init__(self) -> None:
        super().__init__()
        self._under_way: dict[tuple[str, int], Future[list[str]]] = {}

    def after_fork_in_child(self) -> None:
        """See FreshLock."""
        super().after_fork_in_child()
        self._under_way = {}

    def begin(self, host: str, port: int) -> Future[list[str]]:
        """Return the look-up of a name that is under way, or begin one."""
        with self._lock:
            found = self._under_way.get((host, port))
            if found is None:
                found = self._under_way[host, port] = Future()
                name = "messaging-channels-lookup"
                work = partial(copy_context().run, self._look_up, host, port, found)
                threading.Thread(target=work, name=name, daemon=True).start()
            return found

    def _look_up(self, host: str, port: int, found: Future[list[str]]) -> None:
        try:
            told = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except BaseException as failure:  # noqa: BLE001  whoever waits is told
            self._end(host, port)
            found.set_exception(failure)
        else:
            self._end(host, port)
            found.set_result(list(dict.fromkeys(str(one[4][0]) for one in told)))

    def _end(self, host: str, port: int) -> None:
        with self._lock:
            self._under_way.pop((host, port), None)


def _is_address(host: str) -> bool:
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


_LOOKUPS = _Lookups()
