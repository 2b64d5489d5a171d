"""The command `worker`: it sends what waits until it is stopped, and reads its configuration anew when it is told to (SIGHUP)."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable
from contextlib import suppress

from messaging_channels._cli.worker_port import WorkerPort, log_to_standard_error
from messaging_channels._client.dispatcher import Dispatcher
from messaging_channels._client.worker import Worker
from messaging_channels._model.errors import ConfigurationError, MessagingError

_STOPS = (signal.SIGTERM, signal.SIGINT)
_RELOAD: int | None = getattr(signal, "SIGHUP", None)
"""None on Windows."""


class _Runner:
    """Runs one worker after another, each with the configuration as it was when it began."""

    def __init__(
        self,
        options: argparse.Namespace,
        make: Callable[[Dispatcher], Worker],
        port: WorkerPort,
    ) -> None:
        self._options = options
        self._make = make
        self._port = port
        self._is_reloading = False
        self._is_over = False

    def run(self) -> None:
        """Run until SIGTERM or Ctrl-C. What is under way is finished before the configuration is read again."""
        dispatcher = self._use(self._port.open_dispatcher())
        try:
            worker = self._renew(dispatcher)
            self._listen()
            words = f"worker started ({self._options.concurrency} threads); stop it with SIGTERM or Ctrl-C"
            with self._port.serving(self._options) as port:
                told = (
                    f"; metrics at http://{self._options.metrics_host}:{port}/metrics"
                    if port is not None
                    else ""
                )
                print(words + told, file=sys.stderr, flush=True)
                worker.run()
                while self._is_reloading and not self._is_over:
                    self._is_reloading = False
                    dispatcher = self._reload(dispatcher)
                    worker = self._renew(dispatcher)
                    if not (
                        self._is_over or self._is_reloading
                    ):  # else it was told to in between, before there was a worker to stop
                        worker.run()
        finally:
            dispatcher.close()

    def _use(self, dispatcher: Dispatcher) -> Dispatcher:
        self._port.dispatcher = dispatcher
        return dispatcher

    def _renew(self, dispatcher: Dispatcher) -> Worker:
        worker = self._port.worker = self._make(dispatcher)
        return worker

    def _reload(self, old: Dispatcher) -> Dispatcher:
        """Return a dispatcher of the configuration as it is now; the old one if that is wrong."""
        try:
            new = self._port.open_dispatcher()
        except ConfigurationError as error:
            print(f"configuration not reloaded: {error}", file=sys.stderr, flush=True)
            return old
        self._use(new)  # whoever probes asks this one from now on
        old.close()
        with suppress(MessagingError):  # a ledger that is away: paused accounts are tried in their own time
            new.queue.resume_accounts()
        print("configuration reloaded", file=sys.stderr, flush=True)
        return new

    def _listen(self) -> None:
        for number in _STOPS:
            signal.signal(number, self._stop)
        if _RELOAD is not None:
            signal.signal(_RELOAD, self._begin_reload)

    def _stop(self, number: int, frame: object) -> None:  # noqa: ARG002  what a handler is called with
        self._is_over = True
        self._stop_worker()

    def _begin_reload(self, number: int, frame: object) -> None:  # noqa: ARG002  what a handler is called with
        self._is_reloading = True
        self._stop_worker()

    def _stop_worker(self) -> None:
        if self._port.worker is not None:
            self._port.worker.stop()


def run_worker(options: argparse.Namespace, make: Callable[[Dispatcher], Worker]) -> int:
    """Run the command: `make` makes a worker of a dispatcher."""
    log_to_standard_error(options.log_level)
    port = WorkerPort()
    if options.drain:
        with port.open_dispatcher() as dispatcher:
            print(f"{make(dispatcher).drain()} messages processed", file=sys.stderr)
        return 0
    _Runner(options, make, port).run()
    print("stopped", file=sys.stderr)
    return 0
