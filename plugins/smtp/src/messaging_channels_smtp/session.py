"""The transaction with a mail server: an exchange of its own, performed by the standard library's client, step by step.

The steps matter more than the speed: what is lost before the final dot was not sent, since the server has to drop it (RFC 5321 section
4.1.1.4); what is lost after it may have been.
"""

from __future__ import annotations

import asyncio
import re
import smtplib
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import ip_address

from messaging_channels.errors import ExchangeFailed, Phase
from messaging_channels.exchange import Exchange

_LOCAL_NAME = "localhost"
_READY = 220
_ACCEPTED = (250, 251, 252)
_GO_ON = 354


@dataclass(frozen=True, slots=True)
class Server:
    """Where a mail server is, and who we are there. Time-outs are in seconds."""

    host: str
    port: int
    tls: str
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    context: ssl.SSLContext = field(default_factory=ssl.create_default_context, repr=False, compare=False)
    timeout: float = 30.0
    answer_timeout: float = 600.0

    @property
    def is_local(self) -> bool:
        """Whether the host is this machine."""
        try:
            return self.host == "localhost" or ip_address(self.host).is_loopback
        except ValueError:
            return False


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server said last, and to which command."""

    command: str
    code: int
    text: str = field(repr=False)
    refused: int = 0
    """How many of the copies were refused while the first recipient was taken."""


@dataclass(frozen=True, slots=True)
class Transaction(Exchange[Reply]):
    """One mail in its envelope. The first recipient decides the outcome; the others are copies."""

    server: Server
    sender: str = field(repr=False)
    recipients: tuple[str, ...] = field(repr=False)
    content: bytes = field(repr=False)
    """7-bit, lines ended by CRLF."""
    effect: bool = True


class Session:
    """Performs transactions for threads, each on a connection of its own."""

    def perform(self, exchange: Transaction) -> Reply:
        """Send one mail and return the reply that decided. See Executor."""
        client = _connected(exchange.server)
        try:
            reply = _offered(client, exchange)
            if reply is None:
                return _content_sent(client, exchange)
        finally:
            with suppress(OSError, smtplib.SMTPException):
                client.putcmd("QUIT")
            client.close()
        return reply

    def close(self) -> None:
        """Nothing is kept. See Executor."""


class AsyncSession:
    """Performs transactions for tasks, each in a worker thread."""

    def __init__(self) -> None:
        """Keep nothing."""
        self._session = Session()

    async def perform(self, exchange: Transaction) -> Reply:
        """Send one mail. When cancelled, the thread finishes on its own. See AsyncExecutor."""
        return await asyncio.to_thread(self._session.perform, exchange)

    async def close(self) -> None:
        """Nothing is kept. See AsyncExecutor."""


def _connected(server: Server) -> smtplib.SMTP:
    """Connect and secure. Whatever fails here, nothing was sent."""
    client = smtplib.SMTP(timeout=server.timeout, local_hostname=_LOCAL_NAME)
    if server.tls == "implicit":
        client = smtplib.SMTP_SSL(timeout=server.timeout, local_hostname=_LOCAL_NAME, context=server.context)
    try:
        client._host = server.host  # type: ignore[attr-defined]  # noqa: SLF001  the name that certificates are checked for
        code, _ = client.connect(server.host, server.port)
        if code != _READY:
            raise smtplib.SMTPConnectError(code, "not ready")
        if server.tls == "starttls":
            client.starttls(context=server.context)
        client.ehlo_or_helo_if_needed()
    except (OSError, smtplib.SMTPException) as error:
        client.close()
        raise _lost(error, Phase.CONNECT) from None
    return client


def _offered(client: smtplib.SMTP, exchange: Transaction) -> Reply | None:
    """Log in and offer the envelope. Return the reply that refused it, or None when the content may follow."""
    try:
        if exchange.server.username and exchange.server.password:
            _log_in(client, exchange.server.username, exchange.server.password)
        size = f" SIZE={len(exchange.content)}" if client.has_extn("size") else ""
        reply = _reply("MAIL", client.docmd("MAIL", f"FROM:<{exchange.sender}>{size}"))
        if reply.code in _ACCEPTED:
            reply = _reply("RCPT", client.docmd("RCPT", f"TO:<{exchange.recipients[0]}>"))
    except smtplib.SMTPResponseException as error:
        return _reply("AUTH", (error.smtp_code, _bytes(error.smtp_error)))
    except (OSError, smtplib.SMTPException) as error:
        raise _lost(error, Phase.CONNECT) from None
    return None if reply.code in _ACCEPTED else reply


def _log_in(client: smtplib.SMTP, username: str, password: str) -> None:
    """Try one mechanism only: each refused one may count towards a lock-out."""
    offered = client.esmtp_features.get("auth", "").upper().split()
    client.user, client.password = username, password
    if "PLAIN" in offered:
        client.auth("PLAIN", client.auth_plain)
    elif "LOGIN" in offered:
        client.auth("LOGIN", client.auth_login)
    else:
        message = "neither PLAIN nor LOGIN is offered"
        raise smtplib.SMTPNotSupportedError(message)


def _content_sent(client: smtplib.SMTP, exchange: Transaction) -> Reply:
    """Offer the copies, write the content and await the reply to the final dot."""
    phase = Phase.CONNECT
    try:
        copies = [client.docmd("RCPT", f"TO:<{one}>")[0] for one in exchange.recipients[1:]]
        opened = _reply("DATA", client.docmd("DATA"))
        if opened.code != _GO_ON:
            return opened
        stuffed = _LEADING_DOT.sub(b"..", exchange.content)
        _write(client, stuffed)
        phase = Phase.READ
        _write(client, b".\r\n")
        if client.sock is not None:
            client.sock.settimeout(exchange.server.answer_timeout)
        code, text = client.getreply()
    except (OSError, smtplib.SMTPException) as error:
        raise _lost(error, phase) from None
    if code < 0:
        raise ExchangeFailed("an unreadable reply", phase=Phase.READ)
    return Reply(
        "content", code, text.decode("utf-8", "replace"), sum(one not in _ACCEPTED for one in copies)
    )


def _write(client: smtplib.SMTP, data: bytes) -> None:
    if client.sock is None:
        message = "the connection is closed"
        raise smtplib.SMTPServerDisconnected(message)
    client.sock.sendall(data)


def _lost(error: Exception, phase: Phase) -> ExchangeFailed:
    """Name a connection that was lost. Before the final dot is written, the server has to drop what it has: CONNECT says so."""
    return ExchangeFailed(type(error).__name__, phase=phase, timed_out=isinstance(error, TimeoutError))


def _reply(command: str, answer: tuple[int, bytes]) -> Reply:
    return Reply(command, answer[0], answer[1].decode("utf-8", "replace"))


def _bytes(text: bytes | str) -> bytes:
    return text if isinstance(text, bytes) else text.encode()


_LEADING_DOT = re.compile(rb"^\.", re.MULTILINE)
