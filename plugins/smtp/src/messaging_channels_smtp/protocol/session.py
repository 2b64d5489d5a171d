"""Beginning a session: who is there, in private, and who we are. Sources: RFC 5321 section 3.1, 3207 (STARTTLS), 4954 (AUTH), 9422 (LIMITS)."""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address

from messaging_channels_smtp.protocol import commands
from messaging_channels_smtp.protocol.replies import Reply
from messaging_channels_smtp.protocol.steps import Refused, Secure, Send, Stage, Talk, reply_within


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds to wait, by what for. RFC 5321 section 4.5.3.2 asks for at least ten minutes for the answer to the whole content."""

    connect: float = 10.0
    greeting: float = 30.0
    command: float = 60.0
    block: float = 180.0
    """For each block of content to be taken off our hands."""
    answer: float = 600.0


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a server is used."""

    connections: int = 5
    """At once; further mails wait for one of them."""
    messages: int = 100
    """On one connection, before it is replaced. A server's own LIMITS MAILMAX may lower it."""
    idle: float = 30.0
    """Seconds a connection is kept for the next mail."""
    window: int = 16
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
    patience: Patience = field(default_factory=Patience)
    limits: Limits = field(default_factory=Limits)
    name: str = "localhost"
    """What we call ourselves in EHLO."""
    notify: str = "FAILURE,DELAY"
    """Which reports are asked for, where the server offers DSN."""

    @property
    def is_local(self) -> bool:
        """Whether the host is this machine."""
        try:
            return self.host == "localhost" or ip_address(self.host).is_loopback
        except ValueError:
            return False


@dataclass(frozen=True, slots=True)
class Offer:
    """What a server offers, after the last EHLO."""

    keywords: Mapping[str, str]
    notify: str
    pipelining: bool
    chunking: bool
    utf8: bool
    dsn: bool
    size: int | None
    """None where SIZE is not offered, 0 for no fixed limit."""
    most_mails: int
    most_recipients: int

    @classmethod
    def read(cls, keywords: Mapping[str, str], notify: str) -> Offer:
        """Read the keywords of an EHLO reply."""
        limits = dict(part.partition("=")[::2] for part in keywords.get("LIMITS", "").upper().split())
        size = keywords.get("SIZE")
        return cls(
            keywords,
            notify,
            pipelining="PIPELINING" in keywords,
            chunking="CHUNKING" in keywords,
            utf8="SMTPUTF8" in keywords,
            dsn="DSN" in keywords,
            size=None if size is None else _number(size, 0),
            most_mails=_number(limits.get("MAILMAX", ""), _UNLIMITED),
            most_recipients=_number(limits.get("RCPTMAX", ""), _UNLIMITED),
        )


@dataclass(slots=True)
class Line:
    """An open connection, as far as the protocol knows it."""

    offer: Offer
    sent: int = 0
    """Mails it has carried."""
    in_order: bool = True
    """False once it may not be used again."""
    open_transaction: bool = False
    """Whether a refused transaction has to be reset first."""


def opened(server: Server, token: str | None) -> Talk[Line]:
    """Begin a session on the connection at hand: greeting, TLS, login.

    Raises:
        Refused: the server will not have us, or not in private.
        Lost: the connection broke.
    """
    greeting = yield from reply_within(server.patience.greeting)
    if greeting.kind != _DONE:
        raise Refused(Stage.CONNECT, "not ready", greeting)
    keywords = yield from _greeted(server)
    if server.tls == "starttls":
        yield from _secured(server, keywords)
        keywords = yield from _greeted(server)
    if server.username is not None:
        yield from _logged_in(server, keywords, token)
    return Line(Offer.read(keywords, server.notify))


def _greeted(server: Server) -> Talk[Mapping[str, str]]:
    yield Send(commands.ehlo(server.name))
    reply = yield from reply_within(server.patience.command)
    if reply.kind == _DONE:
        lines = (_OLD_AUTH.sub("AUTH ", line).partition(" ") for line in reply.text.split("\n")[1:])
        return {word.upper(): rest.strip() for word, _, rest in lines}
    if reply.kind == _NO:
        yield Send(commands.helo(server.name))
        reply = yield from reply_within(server.patience.command)
    if reply.kind != _DONE:
        raise Refused(Stage.HELLO, "greeting refused", reply)
    return {}


def _secured(server: Server, keywords: Mapping[str, str]) -> Talk[None]:
    if "STARTTLS" not in keywords:
        raise Refused(Stage.TLS, "the server does not offer STARTTLS, and mail is not sent in clear")
    yield Send(commands.STARTTLS)
    reply = yield from reply_within(server.patience.command)
    if reply.code != _READY:
        raise Refused(Stage.TLS, "STARTTLS refused", reply)
    yield Secure()


def _logged_in(server: Server, keywords: Mapping[str, str], token: str | None) -> Talk[None]:
    """Try one mechanism only: each refused one may count towards a lock-out."""
    offered = keywords.get("AUTH", "").upper().split()
    username = server.username or ""
    if token is not None and "XOAUTH2" in offered:
        said = yield from _said(server, commands.xoauth2(username, token))
    elif token is not None and "OAUTHBEARER" in offered:
        said = yield from _said(server, commands.oauthbearer(username, token))
    elif server.password is not None and "PLAIN" in offered:
        said = yield from _said(server, commands.plain(username, server.password))
    elif server.password is not None and "LOGIN" in offered:
        said = yield from _by_login(server, username, server.password)
    else:
        wanted = "XOAUTH2 or OAUTHBEARER" if token is not None else "PLAIN or LOGIN"
        raise Refused(Stage.AUTH, f"the server does not offer {wanted}")
    if said.kind == _GO_ON:  # how OAuth tells of an error: an empty line fetches the refusal
        said = yield from _said(server, b"\r\n")
    if said.kind != _DONE:
        raise Refused(Stage.AUTH, "login refused", said)


def _by_login(server: Server, username: str, password: str) -> Talk[Reply]:
    reply = yield from _said(server, b"AUTH LOGIN\r\n")
    for answer in (username, password):
        if reply.kind == _GO_ON:
            reply = yield from _said(server, commands.encoded(answer))
    return reply


def _said(server: Server, line: bytes) -> Talk[Reply]:
    yield Send(line)
    return (yield from reply_within(server.patience.command))


def _number(text: str, otherwise: int) -> int:
    return int(text) if text.isascii() and text.isdecimal() else otherwise


_READY, _DONE, _GO_ON, _NO = 220, 2, 3, 5
_UNLIMITED = 1_000_000
_OLD_AUTH = re.compile(r"^AUTH=", re.IGNORECASE)
"""How some servers still spell it besides, from before RFC 4954."""
