"""Whether an account works, step by step and in words: name, connection, TLS, login, limits, and a mail to oneself."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Iterator
from typing import NamedTuple

from messaging_channels.errors import BadInput, TransportError
from messaging_channels.messages import Email
from messaging_channels.plugins import EmailAddress, Envelope, Outcome
from messaging_channels.testing import Transport
from messaging_channels_smtp.oauth import OAuthBusy, OAuthError
from messaging_channels_smtp.protocol.probe import ProbeReport, probe
from messaging_channels_smtp.protocol.server import Server, ServerCapabilities
from messaging_channels_smtp.protocol.steps import Stage
from messaging_channels_smtp.provider import Smtp
from messaging_channels_smtp.socket_backend import Session


class Finding(NamedTuple):
    """What one step showed."""

    step: str
    ok: bool
    words: str


def check_account(smtp: Smtp, *, to: EmailAddress | None = None, send: bool = True) -> Iterator[Finding]:
    """Try the account, and tell what each step showed, until one of them fails.

    `to` gets a mail if `send` says so; without it, the account's own sender does.
    """
    for step in (_resolve(smtp.server), _log_in(smtp), _send_mail(smtp, to) if send else iter(())):
        for finding in step:
            yield finding
            if not finding.ok:
                return


def _resolve(server: Server) -> Iterator[Finding]:
    try:
        found = socket.getaddrinfo(server.host, server.port, type=socket.SOCK_STREAM)
    except OSError as error:
        words = f"{server.host} has no address ({error.strerror or error}): check the setting host"
        yield Finding("DNS", False, words)
        return
    addresses = dict.fromkeys(str(one[4][0]) for one in found)
    yield Finding("DNS", True, f"{server.host} is {', '.join(addresses)}")


def _log_in(smtp: Smtp) -> Iterator[Finding]:
    token: str | None = None
    if smtp.tokens is not None:
        try:
            with Transport(None, {}) as transport:
                token = transport.run(smtp.tokens.current())
        except (OAuthError, OAuthBusy, TransportError) as error:
            yield Finding("token", False, f"{error}: check oauth_url, the client, and its token or scope")
            return
        yield Finding("token", True, "the token endpoint gives an access token")
    session = Session()
    report = session.run(smtp.server, probe(smtp.server, token))
    yield from _told(smtp.server, report)


def _told(server: Server, report: ProbeReport) -> Iterator[Finding]:
    reached = list(_reached(server, report))
    yield from reached
    if report.failure:
        reply = f" ({report.reply.code} {report.reply.enhanced})".replace(" )", ")") if report.reply else ""
        hint = _HINTS.get(report.stage, "")
        yield Finding(report.stage, False, f"{report.failure}{reply}{hint and ': '}{hint}")


def _reached(server: Server, report: ProbeReport) -> Iterator[Finding]:
    """Tell of the steps that were well."""
    if report.own_name is None:
        return
    yield Finding(
        "connect", True, f"port {server.port} answers; we call ourselves {server.hostname or report.own_name}"
    )
    if report.capabilities is None:
        return
    yield Finding("TLS", True, _TLS_WORDS[server.tls])
    yield Finding("EHLO", True, ", ".join(report.capabilities.keywords) or "the server offers no extensions")
    yield Finding("AUTH", True, "logged in" if server.username else "no login is configured")
    yield Finding("limits", True, _limits(report.capabilities))


def _limits(offered: ServerCapabilities) -> str:
    size = f"mails of at most {offered.size} octets" if offered.size else "no limit of size is announced"
    others = [
        f"{most} {name}" for most, name in ((offered.max_mails, "mails a connection"), (offered.max_recipients, "recipients a mail")) if most < _MANY
    ]  # fmt: skip
    missing = [
        what
        for offer, what in (
            (offered.utf8, "addresses of other scripts"),
            (offered.dsn, "requests for reports"),
            (offered.pipelining, "commands in groups, which are faster"),
        )
        if not offer
    ]
    lacking = f"; not offered: {', '.join(missing)}" if missing else ""
    return ", ".join([size, *others]) + lacking


def _send_mail(smtp: Smtp, to: EmailAddress | None) -> Iterator[Finding]:
    recipient = to or smtp.sender
    if recipient is None:
        yield Finding("mail", False, "no sender is configured: set sender, or name a recipient with --to")
        return
    mail = Email(
        "A mail from messaging-channels",
        "This mail shows that the account can send. It was asked for by `messaging-channels smtp check`.",
        sender=smtp.sender or recipient,
    )
    envelope = Envelope(secrets.token_hex(16), "email", mail, recipient)
    try:
        with Transport(None, smtp.executors) as transport:
            (result,) = transport.run(smtp.send([envelope]))
    except (BadInput, TransportError) as error:
        yield Finding("mail", False, str(error))
        return
    if result.outcome is Outcome.ACCEPTED:
        taken = f" as {result.provider_id}" if result.provider_id else ""
        yield Finding("mail", True, f"taken for {recipient}{taken}; look whether it arrives, and not as spam")
    else:
        yield Finding("mail", False, f"{result.outcome}: {result.detail}")


_MANY = 1_000_000
_TLS_WORDS = {
    "starttls": "spoken after STARTTLS, the certificate is good for the host",
    "implicit": "spoken from the first octet, the certificate is good for the host",
    "none": "not spoken: only for a server on this machine",
}
_HINTS = {
    Stage.CONNECT: "check host, port and tls (587 with starttls, 465 with implicit), and whether a firewall lets it through",
    Stage.TLS: "check that host is the name in the certificate, and ca_file where the authority is your own",
    Stage.HELLO: "check hostname: some servers want a name that resolves",
    Stage.AUTH: "check username and password; with two factors, mailers want a password for applications or OAuth",
}
