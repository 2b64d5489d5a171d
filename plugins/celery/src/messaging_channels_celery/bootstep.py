"""A worker of ours inside Celery's: it sends what waits in the ledger, in threads of the main process.

The processes of the prefork pool are made and replaced while it runs; dispatchers and ledgers begin anew in each of them. It ends when Celery's worker
ends, after what it has begun.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from celery import bootsteps

from messaging_channels import Worker

if TYPE_CHECKING:
    from messaging_channels import Dispatcher

_LOG = logging.getLogger(__name__)
_PATIENCE = 60.0
"""Seconds that a request under way may take when Celery's worker is to end."""


def worker_step(get_dispatcher: Callable[[], Dispatcher], options: Mapping[str, Any]) -> type[Any]:
    """Return the step for `app.steps["worker"]`."""

    class MessagingWorkerStep(bootsteps.StartStopStep):
        """Starts and stops a worker."""

        requires = ("celery.worker.components:Pool",)

        def __init__(self, parent: Any, **named: Any) -> None:  # noqa: ANN401  Celery's own
            super().__init__(parent, **named)
            self._worker: Worker | None = None
            self._thread: threading.Thread | None = None

        def start(self, parent: Any) -> None:  # noqa: ANN401, ARG002  likewise
            """Begin; the pool's processes are there already."""
            self._worker = Worker(get_dispatcher(), **options)
            self._thread = threading.Thread(target=self._worker.run, name="messaging-channels", daemon=True)
            self._thread.start()
            _LOG.info("messaging-channels: worker started")

        def stop(self, parent: Any) -> None:  # noqa: ANN401, ARG002  likewise
            """End, after what was begun."""
            if self._worker is not None and self._thread is not None:
                self._worker.stop()
                self._thread.join(_PATIENCE)

        def terminate(self, parent: Any) -> None:  # noqa: ANN401  likewise
            """End likewise: what was begun is in the ledger in any case."""
            self.stop(parent)

    return MessagingWorkerStep
