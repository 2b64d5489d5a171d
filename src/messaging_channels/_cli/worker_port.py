"""What a worker's process says of itself: its port with metrics and health, and its log lines."""

from __future__ import annotations

import argparse
import logging
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, TypeVar

from messaging_channels._cli.counting import CountingObserver
from messaging_channels._cli.exposition import serving_metrics
from messaging_channels._client.dispatcher import Dispatcher
from messaging_channels._client.worker import Worker
from messaging_channels._config.settings import Configuration
from messaging_channels._model.errors import LedgerUnavailable, MessagingError
from messaging_channels.plugins.ledger_queue import Metric, metrics

Result = TypeVar("Result")
LOG_LEVELS = ("debug", "info", "warning", "error")


class _Patience:
    """Asks the ledger one thing at a time, and waits for 2 s: whoever probes is told in time, and no thread is left for each probe."""

    def __init__(self) -> None:
        self._pending: Future[Any] | None = None
        self._lock = threading.Lock()

    def ask(self, question: Callable[[], Result]) -> Result:
        """Return the answer.

        Raises:
            LedgerUnavailable: none came in time.
            MessagingError: what the question raised.
        """
        with self._lock:
            pending = self._pending
            if pending is None or pending.done():
                pending = self._pending = Future()
                threading.Thread(target=_answer, args=(pending, question), daemon=True).start()
        try:
            result: Result = pending.result(timeout=_PATIENCE)
        except TimeoutError:
            raise LedgerUnavailable(f"it did not answer within {_PATIENCE:g} s") from None
        return result


def _answer(pending: Future[Any], question: Callable[[], Any]) -> None:
    try:
        pending.set_result(question())
    except BaseException as fault:  # noqa: BLE001  whoever asked raises it
        pending.set_exception(fault)


_PATIENCE = 2.0
"""Seconds."""


@dataclass(slots=True)
class WorkerPort:
    """The dispatcher and the worker of a process, as they are at the moment, and what the process counted."""

    counts: CountingObserver = field(default_factory=CountingObserver)
    dispatcher: Dispatcher | None = None
    worker: Worker | None = None
    _reading: _Patience = field(default_factory=_Patience)
    _writing: _Patience = field(default_factory=_Patience)

    def open_dispatcher(self) -> Dispatcher:
        """Read the configuration, and make a dispatcher that is counted and logged."""
        configuration = Configuration.read(use_sandbox_defaults=True)
        return Dispatcher.from_parts(configuration.build(observers=[self.counts], logs=True))

    def serving(self, options: argparse.Namespace) -> AbstractContextManager[int | None]:
        """Serve `/metrics` and `/health` while the worker runs, if a port was asked for."""
        if options.metrics_port is None:
            return nullcontext()
        return serving_metrics(
            options.metrics_port,
            lambda: list(self.numbers()),
            host=options.metrics_host,
            problem=self.problem,
        )

    def problem(self) -> str:
        """Return what is wrong with the lanes or the ledger; an empty text if nothing is."""
        health = self.worker.health() if self.worker is not None else None
        if health is not None and not health.is_healthy:
            return (
                f"lanes_stuck: {health.stuck} of {health.lanes} lanes hang or have died,"
                f" the longest for {health.longest_seconds:.0f} s"
            )
        dispatcher = self.dispatcher
        try:
            if dispatcher is not None:
                self._writing.ask(dispatcher.queue.check_writable)
        except MessagingError as fault:
            return fault.code
        return ""

    def numbers(self) -> Iterator[Metric]:
        """Yield all numbers; those of the queue only while the ledger answers."""
        dispatcher, stats = self.dispatcher, None
        try:
            stats = self._reading.ask(dispatcher.queue.stats) if dispatcher is not None else None
        except MessagingError:
            stats = None
        yield Metric("messaging_channels_ledger_up", {}, int(stats is not None))
        yield from () if stats is None else metrics(stats)
        yield from self._lanes()
        if dispatcher is not None:
            open_now = (one.provider for one in dispatcher.circuits if one.open_until > time.time())
            for provider, number in sorted(Counter(open_now).items()):
                yield Metric("messaging_channels_circuits_open", {"provider": provider}, number)
        yield from self.counts.metrics()

    def _lanes(self) -> Iterator[Metric]:
        if self.worker is not None:
            health = self.worker.health()
            idle = health.lanes - health.busy
            for state, number in (("busy", health.busy), ("idle", idle), ("stuck", health.stuck)):
                yield Metric("messaging_channels_worker_lanes", {"state": state}, number)


def log_to_standard_error(level: str | None) -> None:
    """Write log lines with their time in UTC to the standard error: those of the library from `level` on, of others from warnings on."""
    if level is None:
        level = "info" if Configuration.read(use_sandbox_defaults=True).telemetry().logs else "warning"
    handler = logging.StreamHandler(sys.stderr)
    formatter = logging.Formatter(
        "%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s %(message)s", "%Y-%m-%dT%H:%M:%S"
    )
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("messaging_channels").setLevel(level.upper())
