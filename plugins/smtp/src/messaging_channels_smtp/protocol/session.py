"""Beginning a session: who is there, in private, and who we are. Sources: RFC 5321 section 3.1, 3207 (STARTTLS), 4954 (AUTH), 9422 (LIMITS)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from messaging_channels_smtp.protocol import commands
from messaging_channels_smtp.protocol.replies import Reply
from messaging_channels_smtp.protocol.server import ConnectionState, Server, ServerCapabilities
from messaging_channels_smtp.protocol.steps import (
    Send,
    SessionRefused,
    Stage,
    StartTls,
    StepFlow,
    await_reply,
)


def open_session(server: Server, token: str | None) -> StepFlow[ConnectionState]:
    """Begin a session on the connection at hand: greeting, TLS, login.

    Raises:
        Refused: the server will not have us, or not in private.
        Lost: the connection broke.
    """
    greeting = yield from await_reply(server.timeouts.greeting)
    if greeting.first_digit != _DONE:
        raise SessionRefused(Stage.CONNECT, "not ready", greeting)
    keywords = yield from _greet(server)
    if server.tls == "starttls":
        yield from _start_tls(server, keywords)
        keywords = yield from _greet(server)
    if server.username is not None:
        yield from _log_in(server, keywords, token)
    return ConnectionState(ServerCapabilities.from_ehlo(keywords, server.notify))


def _greet(server: Server) -> StepFlow[Mapping[str, str]]:
    yield Send(commands.ehlo(server.hostname))
    reply = yield from await_reply(server.timeouts.command)
    if reply.first_digit == _DONE:
        lines = (_OLD_AUTH.sub("AUTH ", line).partition(" ") for line in reply.text.split("\n")[1:])
        return {word.upper(): rest.strip() for word, _, rest in lines}
    if reply.first_digit == _NO:
        yield Send(commands.helo(server.hostname))
        reply = yield from await_reply(server.timeouts.command)
    if reply.first_digit != _DONE:
        raise SessionRefused(Stage.HELLO, "greeting refused", reply)
    return {}


def _start_tls(server: Server, keywords: Mapping[str, str]) -> StepFlow[None]:
    if "STARTTLS" not in keywords:
        raise SessionRefused(Stage.TLS, "the server does not offer STARTTLS, and mail is not sent in clear")
    yield Send(commands.STARTTLS)
    reply = yield from await_reply(server.timeouts.command)
    if reply.code != _READY:
        raise SessionRefused(Stage.TLS, "STARTTLS refused", reply)
    yield StartTls()


def _log_in(server: Server, keywords: Mapping[str, str], token: str | None) -> StepFlow[None]:
    """Try one mechanism only: each refused one may count towards a lock-out."""
    offered = keywords.get("AUTH", "").upper().split()
    username = server.username or ""
    if token is not None and "XOAUTH2" in offered:
        said = yield from _auth_exchange(server, commands.xoauth2(username, token))
    elif token is not None and "OAUTHBEARER" in offered:
        said = yield from _auth_exchange(server, commands.oauthbearer(username, token))
    elif server.password is not None and "PLAIN" in offered:
        said = yield from _auth_exchange(server, commands.plain(username, server.password))
    elif server.password is not None and "LOGIN" in offered:
        said = yield from _auth_login(server, username, server.password)
    else:
        wanted = "XOAUTH2 or OAUTHBEARER" if token is not None else "PLAIN or LOGIN"
        raise SessionRefused(Stage.AUTH, f"the server does not offer {wanted}")
    if said.first_digit == _GO_ON:  # how OAuth tells of an error: an empty line fetches the refusal
        said = yield from _auth_exchange(server, b"\r\n")
    if said.first_digit != _DONE:
        raise SessionRefused(Stage.AUTH, "login refused", said)


def _auth_login(server: Server, username: str, password: str) -> StepFlow[Reply]:
    reply = yield from _auth_exchange(server, b"AUTH LOGIN\r\n")
    for answer in (username, password):
        if reply.first_digit == _GO_ON:
            reply = yield from _auth_exchange(server, commands.encode_base64(answer))
    return reply


def _auth_exchange(server: Server, line: bytes) -> StepFlow[Reply]:
    yield Send(line)
    return (yield from await_reply(server.timeouts.command))


_READY, _DONE, _GO_ON, _NO = 220, 2, 3, 5
_OLD_AUTH = re.compile(r"^AUTH=", re.IGNORECASE)
"""How some servers still spell it besides, from before RFC 4954."""
