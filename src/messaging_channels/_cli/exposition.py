"""Numbers of the queue in the text format of Prometheus, and a small server for them beside a worker.

Source of the format: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import TYPE_CHECKING

from messaging_channels._model.errors import MessagingError

if TYPE_CHECKING:
    from messaging_channels.plugins.ledger_queue import Metric

_HELP = {
    "messaging_channels_queue_messages": "Messages in the queue by state.",
    "messaging_channels_queue_paused": "Accounts that a provider refuses.",
    "messaging_channels_queue_ready": "Messages that are due.",
    "messaging_channels_queue_oldest_age_seconds": "Seconds for which the oldest message could have been sent.",
    "messaging_channels_queue_events_total": "What workers did.",
}
_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def render(metrics: Sequence[Metric]) -> str:
    """Return numbers in the text format, each family with its help and type."""
    lines: list[str] = []
    for name, group in groupby(metrics, key=lambda one: one.name):
        members = list(group)
        lines.append(f"# HELP {name} {_HELP.get(name, name)}")
        lines.append(f"# TYPE {name} {'counter' if members[0].is_counter else 'gauge'}")
        lines += map(str, members)
    return "\n".join([*lines, ""])


@contextmanager
def serving_metrics(
    port: int, read: Callable[[], Sequence[Metric]], *, host: str = "127.0.0.1"
) -> Generator[int]:
    """Serve `/metrics`, and `/health` (503 while the ledger does not answer), in a thread of its own; yield the port.

    Raises:
        OSError: the port is taken.
    """
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer  # noqa: PLC0415  seldom needed

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path not in ("/metrics", "/health"):
                self.send_error(404)
                return
            try:
                status, body = 200, render(read())
            except MessagingError as fault:
                status, body = 503, f"{fault.code}\n"
            told = (body if self.path == "/metrics" or status != _OK else "ok\n").encode()
            self.send_response(status)
            self.send_header("content-type", _CONTENT_TYPE)
            self.send_header("content-length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the standard library's name
            """Log nothing: a probe asks every few seconds."""

    server = ThreadingHTTPServer((host, port), Handler)
    thread = threading.Thread(target=server.serve_forever, name="messaging-channels-metrics", daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


_OK = 200
