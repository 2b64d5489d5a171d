"""Many messages of one call, drawn as they are sent or stored: the loops of both clients."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from messaging_channels._model.time_left import bounded
from messaging_channels._queue.enqueue import MAX_TRANSACTION_SIZE, Enqueuer, EnqueueResult
from messaging_channels._sending.bulk import CHUNK, Bulk, SendResult, chunks

if TYPE_CHECKING:
    from messaging_channels._sending.pipeline import SendPipeline
    from messaging_channels._sending.send_options import SendOptions

Run = Callable[[Any], Any]
RunAsync = Callable[[Any], Awaitable[Any]]


def send_each(
    run: Run,
    pipeline: SendPipeline,
    message: Any,  # noqa: ANN401  checked before
    to: Iterable[Any],
    terms: SendOptions,
) -> Iterator[SendResult]:
    """Send chunk after chunk; see `Dispatcher.send_each`."""
    for chunk in chunks(message, to, CHUNK):
        bulk, bound = Bulk(pipeline, terms), _bound(pipeline, terms)
        yield from run(bound(bulk.prepare(chunk)))
        while bulk.pending:
            yield from run(bound(bulk.step()))


async def send_each_async(
    run: RunAsync,
    pipeline: SendPipeline,
    message: Any,  # noqa: ANN401  checked before
    to: Iterable[Any],
    terms: SendOptions,
) -> AsyncIterator[SendResult]:
    """Send chunk after chunk; see `Dispatcher.send_each`."""
    for chunk in chunks(message, to, CHUNK):
        bulk, bound = Bulk(pipeline, terms), _bound(pipeline, terms)
        for each in await run(bound(bulk.prepare(chunk))):
            yield each
        while bulk.pending:
            for each in await run(bound(bulk.step())):
                yield each


def _bound(pipeline: SendPipeline, terms: SendOptions) -> Callable[[Any], Any]:
    """Return what keeps the flows of one chunk to the time that the caller gives, from now."""
    return partial(bounded, seconds=terms.timeout, clock=pipeline.clock, begun=pipeline.clock())


def enqueue_each(
    run: Run,
    enqueuer: Enqueuer,
    message: Any,  # noqa: ANN401  checked before
    to: Iterable[Any],
    terms: dict[str, Any],
) -> Iterator[EnqueueResult]:
    """Store chunk after chunk; see `Dispatcher.enqueue_each`."""
    for chunk in chunks(message, to, MAX_TRANSACTION_SIZE):
        yield from run(enqueuer.enqueue_each(chunk, terms))


async def enqueue_each_async(
    run: RunAsync,
    enqueuer: Enqueuer,
    message: Any,  # noqa: ANN401  checked before
    to: Iterable[Any],
    terms: dict[str, Any],
) -> AsyncIterator[EnqueueResult]:
    """Store chunk after chunk; see `Dispatcher.enqueue_each`."""
    for chunk in chunks(message, to, MAX_TRANSACTION_SIZE):
        for each in await run(enqueuer.enqueue_each(chunk, terms)):
            yield each
