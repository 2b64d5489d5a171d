"""The command `worker`: it sends what waits until it is stopped, and reads its configuration anew when it is told to (SIGHUP)."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TypeAlias

from messaging_channels._client.dispatcher import Dispatcher
from messaging_channels._client.worker import Worker
from messaging_channels._model.errors import ConfigurationError

_STOPS = (signal.SIGTERM, signal.SIGINT)
_RELOAD: int | None = getattr(signal, "SIGHUP", None)
"""None on Windows."""
MetricsOf: TypeAlias = "Callable[[Callable[[], Dispatcher], int | None], AbstractContextManager[int | None]]"
"""Serves the metrics of the dispatcher that is in use, on a port if there is one."""


class _Runner:
    """Runs one worker after another, each with the configuration as it was when it began."""

    def __init__(
        self,
        options: argparse.Namespace,
        open_dispatcher: Callable[[], Dispatcher],
        make: Callable[[Dispatcher], Worker],
        metrics_of: MetricsOf,
    ) -> None:
        self._metrics_of = metrics_of
        self._dispatcher: Dispatcher
        self._options = options
        self._open = open_dispatcher
        self._make = make
        self._is_reloading = False
        self._worker: Worker | None = None
        self._is_over = False

    def run(self) -> None:
        """Run until SIGTERM or Ctrl-C. What is under way is finished before the configuration is read again."""
        self._dispatcher = self._open()
        try:
            self._worker = self._make(self._dispatcher)
            self._listen()
            words = f"worker started ({self._options.concurrency} threads); stop it with SIGTERM or Ctrl-C"
            with self._metrics_of(lambda: self._dispatcher, self._options.metrics_port) as port:
                told = f"; metrics at http://127.0.0.1:{port}/metrics" if port is not None else ""
                print(words + told, file=sys.stderr, flush=True)
                self._worker.run()
                while self._is_reloading and not self._is_over:
                    self._is_reloading = False
                    self._dispatcher = self._reload(self._dispatcher)
                    self._worker = self._make(self._dispatcher)
                    if not self._is_over:  # else it was told to stop in between
                        self._worker.run()
        finally:
            self._dispatcher.close()

    def _reload(self, old: Dispatcher) -> Dispatcher:
        """Return a dispatcher of the configuration as it is now; the old one if that is wrong."""
        try:
            new = self._open()
        except ConfigurationError as error:
            print(f"configuration not reloaded: {error}", file=sys.stderr, flush=True)
            return old
        old.close()
        print("configuration reloaded", file=sys.stderr, flush=True)
        return new

    def _listen(self) -> None:
        for number in _STOPS:
            signal.signal(number, self._stop)
        if _RELOAD is not None:
            signal.signal(_RELOAD, self._begin_reload)

    def _stop(self, number: int, frame: object) -> None:  # noqa: ARG002  what a handler is called with
        self._is_over = True
        if self._worker is not None:
            self._worker.stop()

    def _begin_reload(self, number: int, frame: object) -> None:  # noqa: ARG002  what a handler is called with
        self._is_reloading = True
        if self._worker is not None:
            self._worker.stop()


def run_worker(
    options: argparse.Namespace,
    open_dispatcher: Callable[[], Dispatcher],
    make: Callable[[Dispatcher], Worker],
    metrics_of: MetricsOf,
) -> int:
    """Run the command. `open_dispatcher` reads the configuration, `make` makes a worker of it."""
    if options.drain:
        with open_dispatcher() as dispatcher:
            print(f"{make(dispatcher).drain()} messages processed", file=sys.stderr)
        return 0
    _Runner(options, open_dispatcher, make, metrics_of).run()
    print("stopped", file=sys.stderr)
    return 0
