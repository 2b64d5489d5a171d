"""A mail server on loopback that does as it is told. Run it with `python -m messaging_channels_smtp.emulator`.

It takes mail (`mails`) as the RFCs have it, refuses by address (`ADDRESSES`), sends reports of mail that comes back to `webhook_url`, and goes wrong at
a stage on demand: a fault's path is `/connect`, `/ehlo`, `/starttls`, `/auth`, `/mail`, `/rcpt`, `/data` or `/content`. See
`messaging_channels.testing.emulator` for steering it from any language.
"""

from __future__ import annotations

import argparse
import asyncio
import socket
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress

from messaging_channels.plugins import HttpRequest, HttpResponse
from messaging_channels.testing import Emulator, Request, serve
from messaging_channels_smtp.emulator.mails import AcceptedMail, behavior_of, build_bounce
from messaging_channels_smtp.emulator.session import ServerSession, SessionEnded

EXTENSIONS = (
    "PIPELINING",
    "SIZE 10485760",
    "8BITMIME",
    "SMTPUTF8",
    "DSN",
    "ENHANCEDSTATUSCODES",
    "CHUNKING",
)


class SmtpEmulator(Emulator):
    """The server. Its `port` speaks SMTP; its `url` is for steering."""

    def __init__(
        self,
        *,
        port: int = 0,
        extensions: Sequence[str] = EXTENSIONS,
        tls: ssl.SSLContext | None = None,
        implicit: bool = False,
        login: tuple[str, str] | None = None,
        webhook_url: str = "",
        webhook_token: str = "",
    ) -> None:
        """Bind the ports; serve nothing yet.

        Args:
            port: for SMTP, 0 for any free one.
            extensions: what is offered besides STARTTLS and AUTH.
            tls: with it, STARTTLS is offered, or TLS expected from the first octet.
            implicit: the latter.
            login: the user and the password or token without which nothing is taken.
            webhook_url: where reports are posted, as raw mail.
            webhook_token: what they carry as `authorization: Bearer`.
        """
        super().__init__()
        self.mails: list[AcceptedMail] = []
        self.connections = 0
        self.commands: list[str] = []
        """Every command line that was read, without its arguments."""
        self.extensions = tuple(extensions)
        self.tls, self.implicit, self.login = tls, implicit, login
        self.webhook_url, self.webhook_token = webhook_url, webhook_token
        self._mail_listener = socket.create_server(("127.0.0.1", port), backlog=512)
        self.port: int = self._mail_listener.getsockname()[1]

    def handle(self, request: Request) -> HttpResponse:  # noqa: ARG002  there is no HTTP interface
        """Answer a request that is not for steering."""
        return HttpResponse(404, {}, b"")

    def state(self) -> list[dict[str, object]]:
        """Return the mails, for `GET /_emulator/state`."""
        return [
            {"sender": one.sender, "recipients": [*one.recipients], "content": one.content.decode("latin-1")}
            for one in self.mails
        ]

    def accept(self, mail: AcceptedMail) -> None:
        """Keep a mail, and report what comes back of it."""
        self.mails.append(mail)
        failed = [one for one in mail.recipients if behavior_of(one)[0] == "report"]
        if self.webhook_url and failed and mail.sender:
            headers = {"content-type": "message/rfc822", "authorization": f"Bearer {self.webhook_token}"}
            self.report(HttpRequest("POST", self.webhook_url, headers, build_bounce(mail, failed)))

    async def _serve(self, started: Callable[[], object]) -> None:
        server = await asyncio.start_server(
            self._handle_connection,
            sock=self._mail_listener,
            ssl=self.tls if self.implicit else None,
        )
        await super()._serve(started)
        server.close()

    async def _handle_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  a coroutine runs in a task
        self._running.add(task)
        self.connections += 1
        sock: socket.socket = writer.get_extra_info("socket")
        sock.setsockopt(
            socket.IPPROTO_TCP, socket.TCP_NODELAY, 1
        )  # asyncio does so only where it made the listener
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError, SessionEnded):
            await ServerSession(self, reader, writer).run()
        self._running.discard(task)
        writer.close()


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--smtp-port", type=int, default=0, help="port of SMTP; 0 for any free port")
    parser.add_argument("--webhook-token", default="", help="token that reports carry")


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until told to stop. Prints the URL for steering; its `/_emulator/state` tells the mails."""

    def built(told: argparse.Namespace) -> SmtpEmulator:
        emulator = SmtpEmulator(
            port=told.smtp_port, webhook_url=told.webhook_url or "", webhook_token=told.webhook_token
        )
        print(f"smtp://127.0.0.1:{emulator.port}?tls=none", flush=True)  # noqa: T201  a command line prints
        return emulator

    serve(built, arguments, add_arguments=_add_arguments)
