"""Numbers in the text format of Prometheus, written by its own client (extra `metrics`), and a small server for them beside a worker.

Source of the format: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import groupby
from typing import TYPE_CHECKING

from messaging_channels._model.errors import InvalidSetting, MessagingError

if TYPE_CHECKING:
    from http.server import BaseHTTPRequestHandler

    from prometheus_client.core import Metric as Family

    from messaging_channels.plugins.ledger_queue import Metric

HELP = {
    "messaging_channels_queue_messages": "Messages in the queue by state.",
    "messaging_channels_queue_paused": "Accounts that a provider refuses.",
    "messaging_channels_queue_ready": "Messages that are due.",
    "messaging_channels_queue_oldest_age_seconds": "Seconds for which the oldest message could have been sent.",
    "messaging_channels_queue_events_total": "What workers did.",
    "messaging_channels_workers": "Workers that gave a sign of life in the last 45 seconds.",
    "messaging_channels_worker_age_seconds": "Seconds for which no worker gave a sign of life.",
    "messaging_channels_clock_ahead_seconds": "Seconds by which this machine's clock is ahead of the database's.",
    "messaging_channels_worker_lanes": "Lanes of this worker by state.",
    "messaging_channels_ledger_up": "Whether the ledger answers.",
    "messaging_channels_circuits_open": "Accounts of a provider whose circuit breaker is open.",
    "messaging_channels_attempts_total": "Attempts to send.",
    "messaging_channels_attempt_reasons_total": "Attempts to send by their reason.",
    "messaging_channels_reports_total": "Final reports of providers.",
    "messaging_channels_attempt_seconds": "Seconds of attempts to send.",
}
_HISTOGRAMS = {"messaging_channels_attempt_seconds"}
_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def render(metrics: Sequence[Metric]) -> str:
    """Return numbers in the text format, each family with its help and type.

    Raises:
        InvalidSetting: prometheus_client is not installed.
    """
    require_client()
    from prometheus_client import CollectorRegistry, generate_latest  # noqa: PLC0415  an extra

    registry = CollectorRegistry()
    registry.register(_Collected([_family(name, group) for name, group in groupby(metrics, key=_base_name)]))
    return generate_latest(registry).decode()


def require_client() -> None:
    """Refuse to tell numbers without Prometheus' client.

    Raises:
        InvalidSetting: prometheus_client is not installed.
    """
    if find_spec("prometheus_client") is None:
        raise InvalidSetting(
            "metrics for Prometheus need prometheus_client, which is not installed",
            setting="--metrics-port, --prometheus",
            source="command line",
            hint="run pip install 'messaging-channels[metrics]'",
        )


class _Collected:
    """Families that are made already."""

    def __init__(self, families: Sequence[Family]) -> None:
        self._families = families

    def collect(self) -> Iterator[Family]:
        yield from self._families


def _family(name: str, group: Iterable[Metric]) -> Family:
    from prometheus_client.core import Metric as Family  # noqa: PLC0415  an extra

    members = list(group)
    kind = "counter" if members[0].is_counter else "gauge"
    base = name.removesuffix("_total") if members[0].is_counter else name
    family = Family(base, HELP.get(name, name), "histogram" if name in _HISTOGRAMS else kind)
    for one in members:
        family.add_sample(one.name, dict(one.labels), one.value)
    return family


def _base_name(metric: Metric) -> str:
    base, _, part = metric.name.rpartition("_")
    return base if part in ("bucket", "sum", "count") and base in _HISTOGRAMS else metric.name


@contextmanager
def serving_metrics(
    port: int,
    read: Callable[[], Sequence[Metric]],
    *,
    host: str = "127.0.0.1",
    problem: Callable[[], str] = str,
) -> Generator[int]:
    """Serve `/metrics` and `/health` in a thread of its own; yield the port.

    `/health` answers 503 where `problem` names one, and where `read` raises a MessagingError: then `/metrics` does so, too.

    Raises:
        OSError: the port is taken.
        InvalidSetting: prometheus_client is not installed.
    """
    require_client()
    from http.server import ThreadingHTTPServer  # noqa: PLC0415  seldom needed

    def metrics_page() -> tuple[int, str]:
        return _OK, render(read())

    def health_page() -> tuple[int, str]:
        found = problem()
        if not found:
            read()
        return (_UNAVAILABLE, f"{found}\n") if found else (_OK, "ok\n")

    handler = _handler_of({"/metrics": metrics_page, "/health": health_page})
    server = ThreadingHTTPServer((host, port), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, name="messaging-channels-metrics", daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler_of(pages: Mapping[str, Callable[[], tuple[int, str]]]) -> type[BaseHTTPRequestHandler]:
    """Return what answers with these pages, each of which returns a status and a body."""
    from http.server import BaseHTTPRequestHandler  # noqa: PLC0415  seldom needed

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = pages.get(self.path.partition("?")[0])
            if page is None:
                self.send_error(404)
                return
            try:
                status, body = page()
            except MessagingError as fault:
                status, body = _UNAVAILABLE, f"{fault.code}\n"
            except Exception as fault:  # noqa: BLE001  a probe is answered whatever it is
                status, body = _UNAVAILABLE, f"{type(fault).__name__}\n"
            told = body.encode()
            self.send_response(status)
            self.send_header("content-type", _CONTENT_TYPE)
            self.send_header("content-length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the standard library's name
            """Log nothing: a probe asks every few seconds."""

    return Handler


_OK, _UNAVAILABLE = 200, 503
