"""`messaging-channels doctor`: everything that keeps a first message from going out, found without sending one."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from messaging_channels._cli.queue import workers_in_words
from messaging_channels._client.dispatcher import Dispatcher
from messaging_channels._config.settings import PREFIX, Configuration
from messaging_channels._model.errors import MessagingError, TransportError
from messaging_channels._transport.drivers import Transport
from messaging_channels.plugins.diagnosis import Finding, SupportsDiagnosis
from messaging_channels.plugins.exchange import HttpRequest, ask

if TYPE_CHECKING:
    from messaging_channels.plugins.ledger_queue import QueueStats
    from messaging_channels.plugins.provider import Provider


def doctor(*, offline: bool = False) -> list[Finding]:
    """Return what was found, in the order in which it should be mended."""
    try:
        configuration = Configuration.read(use_sandbox_defaults=True, check=False)
    except MessagingError as error:
        return [Finding("settings", "error", str(error))]
    findings = [*_settings(configuration), *_plugins(configuration)]
    try:
        parts = configuration.build()
    except MessagingError as error:
        found = Finding("settings", "error", str(error))
        return findings if found in findings else [*findings, found]
    if not any(one.is_error for one in findings):
        findings.insert(0, _what_was_read(configuration))
    with Dispatcher.from_parts(parts) as dispatcher:
        findings += _routes(configuration)
        findings += _ledger(dispatcher, has_ledger=parts.ledger is not None)
    for provider in () if offline else parts.providers:
        findings += _provider(provider, parts.http)
    return findings


def _what_was_read(configuration: Configuration) -> Finding:
    read = configuration.file_name if configuration.file else "no file"
    variables = sum(name.startswith(PREFIX) for name in configuration.environment)
    return Finding("settings", "ok", f"{read} and {variables} environment variables read")


def _settings(configuration: Configuration) -> Iterator[Finding]:
    for problem in (*configuration.misspellings(), *configuration.unknown_providers()):
        yield Finding("settings", "error", str(problem))


def _plugins(configuration: Configuration) -> Iterator[Finding]:
    for failure in configuration.plugins.failed.values():
        yield Finding(f"plugin {failure.name}", "error", failure.problem, "mend or uninstall it")


def _routes(configuration: Configuration) -> Iterator[Finding]:
    routes, configured = configuration.routes(), configuration.configured_providers()
    for channel in configuration.plugins.channels:
        names = routes[channel.name].providers if channel.name in routes else ()
        words = ", ".join(names) if names else "the configured providers that carry it"
        if names == ("sandbox",):
            yield Finding(
                f"route {channel.name}",
                "warning",
                "sandbox: nothing leaves this machine",
                "configure a provider, then name it in [routes]",
            )
        elif names or configured:
            yield Finding(f"route {channel.name}", "ok", words)
        else:
            yield Finding(
                f"route {channel.name}",
                "warning",
                "no provider is configured for it",
                "messaging-channels init writes a file to fill in",
            )


def _ledger(dispatcher: Dispatcher, *, has_ledger: bool) -> Iterator[Finding]:
    if not has_ledger:
        yield Finding(
            "ledger",
            "warning",
            "none is configured: keys, the queue and opt-outs are kept in memory only",
            "set [ledger] url",
        )
        return
    try:
        dispatcher.queue.check_writable()
        stats = dispatcher.queue.stats()
    except MessagingError as error:
        yield Finding(
            "ledger",
            "error",
            str(error),
            "check its URL, its rights, and that no older version made its tables",
        )
        return
    yield Finding("ledger", "ok", "writable, with the tables of this version")
    yield Finding("opt-outs", "ok", "kept in the ledger, and asked before every message")
    yield _worker(stats)
    if stats.clock_ahead_seconds is not None:
        yield _compared(stats.clock_ahead_seconds, "the database")
    for account in stats.paused_accounts:
        yield Finding("accounts", "error", f"paused: {account.as_dict()}", "mend its credentials or credit")


def _worker(stats: QueueStats) -> Finding:
    """Say whether what is due is being sent."""
    words, start = workers_in_words(stats), "start one: messaging-channels worker"
    late = f"{stats.ready} messages are due, the oldest for {stats.oldest_age_seconds:.0f} s"
    if stats.ready and stats.oldest_age_seconds > _LATE:
        hint = "look at the log of the workers, and at paused accounts" if stats.workers else start
        return Finding("worker", "error", f"{late}; {words}", hint)
    if stats.ready and not stats.workers:
        return Finding("worker", "warning", f"{stats.ready} messages are due just now; {words}", start)
    if not stats.workers and stats.worker_age_seconds is not None:
        return Finding("worker", "warning", f"nothing is due; {words}", start)
    return Finding("worker", "ok", f"nothing is overdue; {words}")


def _provider(provider: Provider, http: Any) -> Iterator[Finding]:  # noqa: ANN401  settings of the transport
    """Look up the vendor's hosts, try TLS, compare clocks, and let the provider ask about its settings."""
    name = provider.name
    if not isinstance(provider, SupportsDiagnosis):
        return
    reached, executors = True, dict(getattr(provider, "executors", {}))
    with Transport(http, executors) as transport:
        for url in dict.fromkeys(provider.endpoints):
            for finding in _host(name, url, transport):
                reached = reached and not finding.is_error
                yield finding
        if not reached:
            return
        try:
            yield from transport.run(provider.diagnose())
        except MessagingError as error:
            yield Finding(
                f"{name} credentials", "warning", f"could not be checked: {error}", "try again later"
            )


def _host(name: str, url: str, transport: Transport) -> Iterator[Finding]:
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or {"https": 443, "http": 80}.get(parts.scheme, 25)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        yield Finding(
            f"{name} DNS",
            "error",
            f"{host} has no address ({error.strerror or error})",
            "check the host in its settings, and this machine's DNS",
        )
        return
    yield Finding(
        f"{name} DNS", "ok", f"{host} is {', '.join(dict.fromkeys(str(one[4][0]) for one in found))}"
    )
    if not parts.scheme.startswith("http"):
        return
    try:
        response = transport.run(ask(HttpRequest("GET", url, {}, may_send=False)))
    except TransportError as error:
        yield Finding(
            f"{name} connection",
            "error",
            str(error),
            "check proxy, firewall and certificates: [http] proxy, ca_file",
        )
        return
    secure = "TLS" if parts.scheme == "https" else "without TLS"
    yield Finding(
        f"{name} connection",
        "ok" if secure == "TLS" or _is_local(host) else "warning",
        f"{host}:{port} answers ({secure})",
    )
    yield from _clock(name, response.headers.get("date", ""))


def _clock(name: str, told: str) -> Iterator[Finding]:
    """Compare our clock with the vendor's: signatures and tokens fail where they differ."""
    try:
        apart = time.time() - parsedate_to_datetime(told).timestamp()
    except (ValueError, TypeError):
        return
    yield _compared(apart, name)


def _compared(apart: float, name: str) -> Finding:
    """Say whether this machine's clock agrees with another one; `apart` is by how many seconds it is ahead."""
    if abs(apart) <= _MOST_APART:
        return Finding("clock", "ok", f"within {_MOST_APART:.0f} s of that of {name}")
    words = f"{abs(apart):.0f} s {'ahead of' if apart > 0 else 'behind'} that of {name}"
    return Finding("clock", "error", words, "synchronize it (NTP)")


def _is_local(host: str) -> bool:
    return host in ("localhost", "127.0.0.1", "::1")


_LATE = 60.0
"""Seconds after which a message that is due says that no worker runs."""
_MOST_APART = 30.0
