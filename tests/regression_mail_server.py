"""A mail server on loopback that follows a script for each connection, and the two ways in which mail goes to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, TypeAlias

import pytest
from loopback import Peer, Server

from messaging_channels import AsyncDispatcher, Dispatcher, Email, Outcome, errors
from messaging_channels.policies.routing import CircuitBreaker, RetryPolicy, Route
from messaging_channels_smtp import Smtp, SmtpTimeouts

MAIL = Email("Hello", "the body")
ROUTES = {
    "email": Route(
        "smtp",
        retry=RetryPolicy(max_attempts=2, initial_interval=0.01),
        circuit_breaker=CircuitBreaker(failure_threshold=100),
    )
}
"""What is not sent is tried once more, almost at once."""


class Talk:
    """The server's side of one connection."""

    def __init__(self, peer: Peer, server: MailServer) -> None:
        self.peer, self.server = peer, server
        self.lines = peer.connection.makefile("rb")

    def say(self, *lines: str) -> None:
        """Write lines."""
        self.peer.answer("".join(f"{one}\r\n" for one in lines).encode())

    def hear(self) -> str:
        """Read a line. Raises EOFError."""
        line = self.lines.readline()
        if not line:
            raise EOFError
        self.server.said.append(line.decode().rstrip("\r\n"))
        return self.server.said[-1]

    def greet(self, *offers: str) -> None:
        """Take an EHLO, and offer so much."""
        self.say("220 mx.example.com ESMTP")
        self.hear()
        self.say(*(f"250-{one}" for one in ("mx.example.com", *offers)), "250 HELP")

    def secure(self) -> None:
        """Take STARTTLS, and say nothing that belongs to TLS."""
        self.greet("STARTTLS")
        self.hear()
        self.say("220 go ahead")

    def envelope(self) -> None:
        """Take everything before the content."""
        while (verb := self.hear()[:4].upper()) != "DATA":
            if verb == "QUIT":
                raise EOFError
            self.say("250 ok")
        self.say("354 go on")

    def content(self) -> None:
        """Take the content, and keep it."""
        held = bytearray()
        while (line := self.lines.readline()) != b".\r\n":
            if not line:
                raise EOFError
            held += line.removeprefix(b".")
        self.server.mails.append(bytes(held))

    def mails(self) -> None:
        """Take one mail after the other."""
        while True:
            self.envelope()
            self.content()
            self.say("250 2.0.0 queued as 4XyZ")


Script: TypeAlias = Callable[[Talk], None]


class MailServer(Server):
    """The n-th connection follows the n-th script, later ones the last."""

    def __init__(self, *scripts: Script) -> None:
        self.said: list[str] = []
        self.mails: list[bytes] = []
        self._scripts = scripts
        super().__init__(self._follow)

    def _follow(self, peer: Peer) -> None:
        script = self._scripts[min(self.connections, len(self._scripts)) - 1]
        talk = Talk(peer, self)
        with suppress(EOFError), talk.lines:
            script(talk)


def well(talk: Talk) -> None:
    """Take mail as it should be taken."""
    talk.greet("8BITMIME", "SMTPUTF8")
    talk.mails()


def smtp_of(port: int, **options: Any) -> Smtp:
    """Return the provider for a server on loopback, with little patience unless the options say otherwise."""
    timeouts = SmtpTimeouts(connect=1, greeting=1, command=1, data_block=2, data_end=2)
    given = {"host": "127.0.0.1", "tls": "none", "sender": "shop@example.org", "timeouts": timeouts} | options
    return Smtp(port=port, **given)


Way: TypeAlias = Callable[..., list[Outcome]]


def sent(smtp: Smtp, mails: Sequence[Email] = (MAIL,), *, to: str = "zoe@example.com") -> list[Outcome]:
    """Send one mail after the other; return their outcomes."""
    told: list[Outcome] = []
    with Dispatcher([smtp], routes=ROUTES) as dispatcher:
        for mail in mails:
            try:
                told.append(dispatcher.send(mail, to=to).outcome)
            except errors.SendFailed as failed:
                told.append(failed.receipt.outcome)
    return told


def sent_async(smtp: Smtp, mails: Sequence[Email] = (MAIL,), *, to: str = "zoe@example.com") -> list[Outcome]:
    """Do the same under an event loop."""

    async def run() -> list[Outcome]:
        told: list[Outcome] = []
        async with AsyncDispatcher([smtp], routes=ROUTES) as dispatcher:
            for mail in mails:
                try:
                    told.append((await dispatcher.send(mail, to=to)).outcome)
                except errors.SendFailed as failed:
                    told.append(failed.receipt.outcome)
        return told

    return asyncio.run(run())


both_ways = pytest.mark.parametrize("send", [sent, sent_async])
