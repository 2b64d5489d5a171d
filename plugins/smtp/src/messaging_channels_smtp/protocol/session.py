"""Beginning a session: who is there, in private, and who we are. Sources: RFC 5321 section 3.1, 3207 (STARTTLS), 4954 (AUTH), 9422 (LIMITS)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from messaging_channels_smtp.protocol import commands
from messaging_channels_smtp.protocol.replies import Reply
from messaging_channels_smtp.protocol.server import Line, Offer, Server
from messaging_channels_smtp.protocol.steps import Refused, Secure, Send, Stage, Talk, reply_within


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


_READY, _DONE, _GO_ON, _NO = 220, 2, 3, 5
_OLD_AUTH = re.compile(r"^AUTH=", re.IGNORECASE)
"""How some servers still spell it besides, from before RFC 4954."""
