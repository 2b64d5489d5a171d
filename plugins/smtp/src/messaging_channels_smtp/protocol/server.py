"""A mail server: where it is, how much of it is used, what it offers, and a connection to it."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address


@dataclass(frozen=True, slots=True)
class SmtpTimeouts:
    """Seconds to wait, by what for. RFC 5321 section 4.5.3.2 asks for at least ten minutes for the answer to the whole content."""

    connect: float = 10.0
    greeting: float = 30.0
    command: float = 60.0
    data_block: float = 180.0
    """For each block of content to be taken off our hands."""
    data_end: float = 600.0
    """For the reply to the whole content."""
    total: float = 600.0
    """For everything else about one mail together: a server that drips keeps nobody longer, and `data_end` comes on top."""


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """How much of a server is used."""

    size: int = 5
    """At once; further mails wait for one of them."""
    messages_per_connection: int = 100
    """On one connection, before it is replaced. A server's own LIMITS MAILMAX may lower it."""
    keepalive_expiry: float = 30.0
    """Seconds a connection is kept for the next mail."""
    pipeline_depth: int = 16
    """Mails under way at once on one connection, where the server offers CHUNKING and PIPELINING. If it breaks, so many outcomes are unknown."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where a mail server is, and who we are there."""

    host: str
    port: int
    tls: str
    """`implicit`, `starttls` (required) or `none`."""
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    context: ssl.SSLContext | None = field(default=None, repr=False)
    """With which TLS is spoken; one that verifies."""
    timeouts: SmtpTimeouts = field(default_factory=SmtpTimeouts)
    pool: PoolLimits = field(default_factory=PoolLimits)
    hostname: str | None = None
    """What we call ourselves in EHLO. None for this machine's name, or its address where it has no full name."""
    notify: str = "FAILURE,DELAY"
    """Which reports are asked for, where the server offers DSN."""

    def __hash__(self) -> int:
        """Hash by what tells servers apart most often: every mail looks its connections up."""
        return hash((self.host, self.port, self.username))

    @property
    def is_local(self) -> bool:
        """Whether the host is this machine."""
        try:
            return self.host == "localhost" or ip_address(self.host).is_loopback
        except ValueError:
            return False


@dataclass(frozen=True, slots=True)
class ServerCapabilities:
    """What a server offers, after the last EHLO."""

    keywords: Mapping[str, str]
    notify: str
    pipelining: bool
    chunking: bool
    utf8: bool
    dsn: bool
    size: int | None
    """None where SIZE is not offered, 0 for no fixed limit."""
    max_mails: int
    max_recipients: int

    @classmethod
    def from_ehlo(cls, keywords: Mapping[str, str], notify: str) -> ServerCapabilities:
        """Read the keywords of an EHLO reply."""
        limits = {
            name: value
            for name, _, value in (part.partition("=") for part in keywords.get("LIMITS", "").upper().split())
        }
        size = keywords.get("SIZE")
        return cls(
            keywords,
            notify,
            pipelining="PIPELINING" in keywords,
            chunking="CHUNKING" in keywords,
            utf8="SMTPUTF8" in keywords,
            dsn="DSN" in keywords,
            size=None if size is None else _parse_number(size, 0),
            max_mails=_parse_number(limits.get("MAILMAX", ""), _UNLIMITED),
            max_recipients=_parse_number(limits.get("RCPTMAX", ""), _UNLIMITED),
        )


@dataclass(slots=True)
class ConnectionState:
    """An open connection, as far as the protocol knows it."""

    capabilities: ServerCapabilities
    mails_sent: int = 0
    """Mails it has carried."""
    in_order: bool = True
    """False once it may not be used again."""
    open_transaction: bool = False
    """Whether a refused transaction has to be reset first."""


def _parse_number(text: str, otherwise: int) -> int:
    return int(text) if text.isascii() and text.isdecimal() else otherwise


_UNLIMITED = 1_000_000
