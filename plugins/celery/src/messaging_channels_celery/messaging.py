"""The dispatcher of a process of Celery's, and what an application registers."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from messaging_channels import Configuration, Dispatcher, Worker
from messaging_channels_celery.bootstep import worker_step
from messaging_channels_celery.notifier import PROCESS_TASK, CeleryNotifier
from messaging_channels_celery.tasks import MessagingTask

if TYPE_CHECKING:
    from celery import Celery


class Messaging:
    """Gives an application one dispatcher for each process, made when it is first asked for, and tasks that send. Nothing is connected before."""

    def __init__(
        self,
        app: Celery,
        make_arguments: Callable[[], Mapping[str, Any]] | None = None,
        *,
        sandbox: bool = False,
        worker: Mapping[str, Any] | None = None,
    ) -> None:
        """Register the task that wakes workers.

        Args:
            app: the application.
            make_arguments: returns the arguments of a `Dispatcher`; it needs a ledger. Without it, they come from the environment and the TOML file.
            sandbox: the sandbox sends where no provider is configured, for development.
            worker: the keywords of a `Worker` that sends what waits, inside each of Celery's workers (`{}` for the usual). None for no worker there.
        """
        self.notifier = CeleryNotifier(app)
        self._app = app
        self._make_arguments = make_arguments or (lambda: _configured_arguments(sandbox))
        self._lock = threading.Lock()
        self._own: Dispatcher | None = None
        self._replacement: Dispatcher | None = None
        self._base = type("MessagingTask", (MessagingTask,), {"abstract": True, "get_dispatcher": self._get})
        # not shared: a task of this app, and not of every app in the process
        app.task(name=PROCESS_TASK, ignore_result=True, shared=False)(self._process)
        if worker is not None:
            app.steps["worker"].add(worker_step(self._get, worker))
        atexit.register(self.close)

    @property
    def dispatcher(self) -> Dispatcher:
        """The dispatcher of this process; what it enqueues wakes Celery's workers.

        Raises:
            ConfigurationError: a setting is missing or malformed.
        """
        found = self._replacement or self._own
        if found is not None:
            return found
        with self._lock:
            if self._own is None:
                arguments = dict(self._make_arguments())
                arguments["notifiers"] = [*arguments.get("notifiers", ()), self.notifier]
                self._own = Dispatcher(**arguments)
            return self._own

    def task(self, function: Callable[..., Any] | None = None, **options: Any) -> Any:  # noqa: ANN401  Celery's own
        """Make a task of a function whose first argument is the task itself, with `send`; see `MessagingTask`. The options are those of `app.task`."""
        decorate: Callable[..., Any] = self._app.task(bind=True, base=self._base, **options)
        return decorate if function is None else decorate(function)

    def replace(self, dispatcher: Dispatcher | None) -> None:
        """Use this one instead, such as `outbox.dispatcher` in a test; None for the own one again."""
        self._replacement = dispatcher

    def close(self) -> None:
        """Close the dispatcher; the next call makes another one."""
        with self._lock:
            own, self._own = self._own, None
        if own is not None:
            own.close()

    def _get(self) -> Dispatcher:
        return self.dispatcher

    def _process(self, message_id: str) -> bool:
        return Worker(self.dispatcher).process(message_id)


def _configured_arguments(sandbox: bool) -> Mapping[str, Any]:
    return Configuration.read(use_sandbox_defaults=sandbox).dispatcher_arguments()
