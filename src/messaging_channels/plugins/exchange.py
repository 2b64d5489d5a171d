"""Descriptions of I/O, and the flows that yield them.

A provider, a resolver and the dispatcher only describe what should happen; a driver in `messaging_channels._transport` makes it happen, waiting
in a thread or in an event loop. So each of them is written once and serves synchronous and asynchronous callers alike.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable, Mapping, Sequence
from dataclasses import field
from functools import cache
from types import ModuleType
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

from messaging_channels._model.values import fast_frozen

Reply = TypeVar("Reply")
Result = TypeVar("Result")


class Exchange(Generic[Reply]):
    """A description of one I/O operation. The type parameter is the type of its result.

    A plugin may define its own: a subclass, and an executor for it in `Provider.executors`.
    """

    __slots__ = ()

    may_send: bool = True
    """Whether completing it may send a message. Say False for what certainly does not: a token, a look-up, a clock."""


Flow: TypeAlias = Generator[Exchange[Any], Any, Result]
"""A generator that yields exchanges, is sent their replies, and returns its result. `TransportError` is thrown into it."""


def ask(exchange: Exchange[Reply]) -> Flow[Reply]:
    """Yield one exchange and return its reply; used with `yield from`.

    Raises:
        TransportError: the exchange could not be completed; it says whether the other side may have acted on it.
    """
    reply: Reply = yield exchange
    return reply


@fast_frozen(frozen=True, slots=True)
class Timeouts:
    """Seconds allowed for each phase of one exchange, and for the whole of it."""

    connect: float = 10.0
    write: float = 30.0
    read: float = 30.0
    total: float | None = None
    """For all phases together, however slowly the other side reads or writes. None for the longest of the three."""

    @property
    def limit(self) -> float:
        """Seconds after which the exchange ends, whatever phase it is in."""
        return max(self.connect, self.write, self.read) if self.total is None else self.total


@fast_frozen(frozen=True, slots=True)
class HttpResponse:
    """The answer to an `HttpRequest`, read whole. Header names are in lower case."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def ok(self) -> bool:
        """Whether the status is one of success (2xx)."""
        return self.status // 100 == _SUCCESS

    def json(self) -> Any:  # noqa: ANN401  the caller parses it into one of its own values
        """Return the body parsed as JSON.

        A byte order mark before it is passed over.

        Raises:
            ValueError: the body is not JSON.
        """
        body = self.body
        if body[:1] in _MARKS:
            body = _without_mark(body)
        return _json_codec().from_json(body)


@fast_frozen(frozen=True, slots=True)
class HttpRequest(Exchange[HttpResponse]):
    """An HTTP request. Redirects are not followed; any status is a response, not an error.

    Keep secrets and addresses out of the path of `url`; they belong into `headers` and `body`, which no repr shows. Where a vendor's API
    wants them in the query, they may be there: the repr leaves it out.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    body: bytes = field(default=b"", repr=False)
    timeouts: Timeouts | None = None
    """None for those of the transport."""
    may_send: bool = True

    def __repr__(self) -> str:
        """Show the method and the URL without its query."""
        path, query, _ = self.url.partition("?")
        return f"HttpRequest({self.method} {path}{query and '?…'})"

    @classmethod
    def post_json(cls, url: str, payload: object, *, headers: Mapping[str, str]) -> HttpRequest:
        """Describe a POST of `payload` as UTF-8 JSON. `headers` should already hold the content type."""
        return cls("POST", url, headers, _json_codec().to_json(payload))


@fast_frozen(frozen=True, slots=True)
class Sleep(Exchange[None]):
    """Wait for some seconds."""

    seconds: float
    may_send: bool = False


@fast_frozen(frozen=True, slots=True)
class CurrentTime(Exchange[float]):
    """Ask for the time: seconds since the epoch, UTC."""

    may_send: bool = False


@fast_frozen(frozen=True, slots=True)
class BlockingCall(Exchange[Reply]):
    """Call a blocking function, such as a vendor's SDK: in the caller's thread, or in a worker thread under an event loop.

    The function may be called from several threads at once. What it raises is raised into the flow.
    """

    function: Callable[[], Reply]
    may_send: bool = True


@fast_frozen(frozen=True, slots=True)
class Coalesce(Exchange[Reply]):
    """Have one item done together with whatever else waits under the same key, without waiting for company.

    While fewer than a few are under way, it is done at once; what comes meanwhile waits, and goes out together when one of them has ended.
    """

    key: Hashable
    item: Any = field(repr=False)
    max_batch_size: int
    """How many items may be done together."""
    perform_batch: Callable[[Sequence[Any]], Flow[Sequence[Reply]]] = field(repr=False)
    """Does several items at once; returns their replies in order. It may be run by another caller's driver."""
    may_send: bool = True


@fast_frozen(frozen=True, slots=True)
class Gather(Exchange[Sequence[Any]]):
    """Run several flows at the same time, in threads or in tasks; reply their results, in order, when all of them have ended.

    What one of them raises is raised then; the others are not cut off by it. None of them may ask for this itself.
    """

    flows: Sequence[Flow[Any]] = field(repr=False)
    may_send: bool = True


class Executor(Protocol):
    """Performs exchanges of one type for synchronous callers. Called from several threads at once."""

    def perform(self, exchange: Any) -> Any:  # noqa: ANN401  the exchange's own type decides
        """Perform it and return its reply. Raises TransportError when it could not be completed."""

    def close(self) -> None:
        """Release all resources. Called once, after the last `perform`."""


class AsyncExecutor(Protocol):
    """Performs exchanges of one type for asynchronous callers. Called from many tasks of one event loop; see `ExecutorPair.is_shared`."""

    async def perform(self, exchange: Any) -> Any:  # noqa: ANN401  the exchange's own type decides
        """Perform it and return its reply. Raises TransportError when it could not be completed."""

    async def close(self) -> None:
        """Release all resources. Called once, after the last `perform`."""


@fast_frozen(frozen=True, slots=True)
class ExecutorPair:
    """How exchanges of a type are performed, sync and async. Each is built when first needed."""

    sync: Callable[[], Executor]
    asynchronous: Callable[[], AsyncExecutor]
    is_shared: bool = False
    """Whether one asynchronous executor serves every event loop. Otherwise each loop has its own, closed when the loop ends."""


@cache  # an import statement costs each message more than a look into a cache
def _json_codec() -> ModuleType:
    import pydantic_core  # noqa: PLC0415  five times as fast as json, and slow to import

    return pydantic_core


def _without_mark(body: bytes) -> bytes:
    """Return the text behind a byte order mark as UTF-8."""
    for mark, encoding in _ENCODINGS:
        if body.startswith(mark):
            return body[len(mark) :].decode(encoding).encode()
    return body


_SUCCESS = 2
_ENCODINGS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\x00\x00", "utf-32-le"),
    (b"\x00\x00\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
_MARKS = frozenset(mark[:1] for mark, _ in _ENCODINGS)
