"""Beginning a session: who is there, in private, and who we are. Sources: RFC 5321 section 3.1, 3207 (STARTTLS), 4954 (AUTH), 9422 (LIMITS)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from messaging_channels_smtp.protocol import commands
from messaging_channels_smtp.protocol.replies import ConnectionLost, Reply
from messaging_channels_smtp.protocol.server import ConnectionState, Server, ServerCapabilities
from messaging_channels_smtp.protocol.steps import (
    Send,
    SessionRefused,
    Stage,
    StartTls,
    StepFlow,
    await_reply,
)


def open_session(server: Server, token: str | None, own_name: str | None = None) -> StepFlow[ConnectionState]:
    """Begin a session on the connection at hand: greeting, TLS, login. `own_name` is for EHLO where the server has no other for us.

    Raises:
        SessionRefused: the server will not have us, or not in private.
        ConnectionLost: the connection broke.
    """
    name = server.hostname or own_name or "localhost"
    greeting = yield from await_reply(server.timeouts.greeting)
    if greeting.first_digit != _DONE:
        raise SessionRefused(Stage.CONNECT, "not ready", greeting)
    keywords = yield from _greet(server, name)
    if server.tls == "starttls":
        yield from _start_tls(server, keywords)
        keywords = yield from _greet(server, name)
    if server.username is not None:
        yield from _log_in(server, keywords, token)
    return ConnectionState(ServerCapabilities.from_ehlo(keywords, server.notify))


def _greet(server: Server, name: str) -> StepFlow[Mapping[str, str]]:
    yield Send(commands.ehlo(name))
    reply = yield from await_reply(server.timeouts.command)
    if reply.first_digit == _DONE:
        lines = (_OLD_AUTH.sub("AUTH ", line).partition(" ") for line in reply.text.split("\n")[1:])
        return {word.upper(): rest.strip() for word, _, rest in lines}
    if reply.first_digit == _NO:
        yield Send(commands.helo(name))
        reply = yield from await_reply(server.timeouts.command)
    if reply.first_digit != _DONE:
        raise SessionRefused(Stage.HELLO, "greeting refused", reply)
    return {}


def _start_tls(server: Server, keywords: Mapping[str, str]) -> StepFlow[None]:
    if "STARTTLS" not in keywords:
        raise SessionRefused(
            Stage.TLS, "the server does not support STARTTLS, and mail is not sent in clear text"
        )
    yield Send(commands.STARTTLS)
    reply = yield from await_reply(server.timeouts.command)
    if reply.first_digit in _REFUSALS:
        raise SessionRefused(Stage.TLS, "STARTTLS refused", reply)
    if reply.code != _READY:
        raise ConnectionLost(f"{reply.code} is not a reply to STARTTLS")
    yield StartTls()


def _log_in(server: Server, keywords: Mapping[str, str], token: str | None) -> StepFlow[None]:
    """Try one mechanism only: each refused one may count towards a lock-out."""
    offered = keywords.get("AUTH", "").upper().split()
    usable = [one for one in MECHANISMS if one.by_token == (token is not None)]
    chosen = next((one for one in usable if one.name in offered), None)
    if chosen is None:
        wanted = " or ".join(one.name for one in usable)
        raise SessionRefused(Stage.AUTH, f"the server does not support {wanted}")
    secret = server.password if token is None else token
    said = yield from chosen.exchange(server, secret or "")
    if said.first_digit == _GO_ON:  # an error told in a challenge: the answer to it fetches the refusal
        said = yield from _exchange_line(server, chosen.end)
    if said.first_digit == _GO_ON:
        raise ConnectionLost("the login does not end")
    if said.first_digit != _DONE:
        raise SessionRefused(Stage.AUTH, "login refused", said)


def _initial_response(write: Callable[[str, str], bytes]) -> Callable[[Server, str], StepFlow[Reply]]:
    """Return the exchange of a mechanism that says everything in its first line."""
    return lambda server, secret: _exchange_line(server, write(server.username or "", secret))


def _exchange_login(server: Server, secret: str) -> StepFlow[Reply]:
    reply = yield from _exchange_line(server, b"AUTH LOGIN\r\n")
    for answer in (server.username or "", secret):
        if reply.first_digit == _GO_ON:
            reply = yield from _exchange_line(server, commands.encode_base64(answer))
    return reply


def _exchange_line(server: Server, line: bytes) -> StepFlow[Reply]:
    yield Send(line)
    return (yield from await_reply(server.timeouts.command))


class Mechanism(NamedTuple):
    """A way to log in."""

    name: str
    by_token: bool
    """By an access token, not by a password."""
    exchange: Callable[[Server, str], StepFlow[Reply]]
    end: bytes
    """What is said to a challenge that was not expected."""


MECHANISMS = (
    Mechanism("XOAUTH2", True, _initial_response(commands.xoauth2), b"\r\n"),
    Mechanism("OAUTHBEARER", True, _initial_response(commands.oauthbearer), b"AQ==\r\n"),
    Mechanism("PLAIN", False, _initial_response(commands.plain), b"*\r\n"),
    Mechanism("LOGIN", False, _exchange_login, b"*\r\n"),
)
"""The ways to log in, the preferred first. Sources: RFC 4616 (PLAIN), 7628 (OAUTHBEARER), and the draft and Google's page on LOGIN and XOAUTH2."""
_READY, _DONE, _GO_ON, _NO = 220, 2, 3, 5
_REFUSALS = (4, 5)
_OLD_AUTH = re.compile(r"^AUTH=", re.IGNORECASE)
"""How some servers still spell it besides, from before RFC 4954."""
