"""Calls of a vendor's blocking SDK."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import TypeVar

from messaging_channels._model.errors import Phase, TransportError
from messaging_channels.plugins.exchange import BlockingCall

Result = TypeVar("Result")
_NOT_CONNECTED = (ConnectionRefusedError, socket.gaierror)
_DEPTH = 10


def sdk_call(
    function: Callable[[], Result], *, connect_errors: tuple[type[BaseException], ...] = ()
) -> BlockingCall[Result]:
    """Return the exchange that calls a function of a vendor's blocking SDK. Where the SDK could not connect, the message was not sent.

    An exception counts as "could not connect" if it, its cause, its context or one of its arguments is a refused connection, a host that was not found, or
    one of `connect_errors`, such as `requests.exceptions.ConnectTimeout`. It becomes a TransportError of the phase CONNECT. Another exception passes: the
    outcome of the message is then unknown.
    """

    def call() -> Result:
        try:
            return function()
        except Exception as error:
            if any(isinstance(one, (*_NOT_CONNECTED, *connect_errors)) for one in _chain(error)):
                problem = f"the SDK could not connect ({type(error).__name__})"
                raise TransportError(problem, phase=Phase.CONNECT) from error
            raise

    return BlockingCall(call)


def _chain(error: BaseException, depth: int = _DEPTH) -> Iterator[BaseException]:
    """Return an exception with those that it comes from or holds, as SDKs wrap those of their HTTP library."""
    yield error
    held = (error.__cause__, error.__context__, getattr(error, "reason", None), *error.args)
    for one in held if depth else ():
        if isinstance(one, BaseException):
            yield from _chain(one, depth - 1)
