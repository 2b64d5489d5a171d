"""A mail server on loopback that does as it is told. Run it with `python -m messaging_channels_smtp.emulator`.

It takes mail (`mails`), refuses by address (`ADDRESSES`), sends reports of mail that comes back to `webhook`, and goes wrong at a stage on demand: a fault's
path is `/connect`, `/ehlo`, `/auth`, `/mail`, `/rcpt`, `/data` or `/content`. See `messaging_channels.testing.emulator` for steering it from any language.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import re
import socket
import ssl
import struct
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import formatdate

from messaging_channels.plugins import HttpRequest, HttpResponse
from messaging_channels.testing import Emulator, Fault, FaultKind, Request, serve

ADDRESSES: dict[str, tuple[str, str]] = {
    "reject": ("rcpt", "550 5.1.1 no such user"),
    "full": ("rcpt", "452 4.2.2 mailbox full"),
    "greylist": ("rcpt", "450 4.7.1 greylisted, come back later"),
    "spam": ("content", "554 5.7.1 looks like spam"),
    "bounce": ("report", "550 5.1.1 no such user"),
}
"""What is done to mail for a local part that begins so, and at which stage; `report` takes the mail and tells of the failure later."""

EXTENSIONS = (
    "PIPELINING",
    "SIZE 10485760",
    "8BITMIME",
    "SMTPUTF8",
    "DSN",
    "ENHANCEDSTATUSCODES",
    "CHUNKING",
)


@dataclass(frozen=True, slots=True)
class AcceptedMail:
    """A mail that was taken, as it came."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes = field(repr=False)
    parameters: str = ""
    """Those of MAIL and of RCPT, joined by spaces."""
    connection: int = 0
    """The number of the connection it came on."""


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
        failed = [one for one in mail.recipients if _behaviour(one)[0] == "report"]
        if self.webhook_url and failed and mail.sender:
            headers = {"content-type": "message/rfc822", "authorization": f"Bearer {self.webhook_token}"}
            self.report(HttpRequest("POST", self.webhook_url, headers, build_bounce(mail, failed)))

    async def _serve(self, started: Callable[[], object]) -> None:
        server = await asyncio.start_server(
            self._handle_connection,
            sock=self._mail_listener,
            ssl=self.tls if self.implicit else None,
            limit=1 << 20,
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
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError, _ConnectionEnded):
            await _Connection(self, reader, writer).run()
        self._running.discard(task)
        writer.close()


class _ConnectionEnded(Exception):
    """The connection ends here."""


class _Connection:
    """One connection."""

    def __init__(
        self, server: SmtpEmulator, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._server = server
        self._reader = reader
        self._writer = writer
        self._number = server.connections
        self._authenticated = server.login is None
        self._reset()

    def _reset(self) -> None:
        self._sender: str | None = None
        self._recipients: list[str] = []
        self._parameters: list[str] = []

    async def run(self) -> None:
        await self._say("220 emulator.example ESMTP", "connect")
        while line := await self._reader.readline():
            word, _, rest = line.decode("utf-8", "replace").rstrip("\r\n").partition(" ")
            self._server.commands.append(word.upper())
            handler = getattr(self, f"_on_{word.lower()}", None)
            await (handler(rest) if handler else self._say("500 5.5.2 what?"))
            if not self._reader._buffer:  # type: ignore[attr-defined]  # noqa: SLF001  replies to a group go out together
                await self._writer.drain()

    async def _say(self, reply: str, stage: str = "") -> bool:
        """Answer, unless a fault says otherwise; return whether it did as it should."""
        fault = self._server.faults.pop_for(f"/{stage}") if stage else None
        if fault is None:
            self._writer.write(reply.encode() + b"\r\n")
            return True
        await self._apply_fault(fault, reply)
        return fault.kind is FaultKind.SLOW

    async def _apply_fault(self, fault: Fault, reply: str) -> None:
        match fault.kind:
            case FaultKind.SLOW:
                await asyncio.sleep(fault.seconds or 0)
                self._writer.write(reply.encode() + b"\r\n")
            case FaultKind.STATUS | FaultKind.THROTTLE:
                code = 421 if fault.kind is FaultKind.THROTTLE else fault.status
                self._writer.write(f"{code} as told\r\n".encode())
                if code == 421:  # noqa: PLR2004  RFC 5321: the server closes
                    raise _ConnectionEnded
            case FaultKind.GARBAGE | FaultKind.UNREADABLE:
                self._writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            case FaultKind.CUT:
                self._writer.write(reply[:2].encode())
                raise _ConnectionEnded
            case FaultKind.HANG:
                await self._reader.read()
                raise _ConnectionEnded
            case _:
                self._end(reset=fault.kind is FaultKind.RESET)

    def _end(self, *, reset: bool) -> None:
        if reset:
            sock: socket.socket = self._writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise _ConnectionEnded

    async def _on_ehlo(self, _: str) -> None:
        offered = list(self._server.extensions)
        private = self._writer.get_extra_info("ssl_object") is not None
        if self._server.tls and not private:
            offered.append("STARTTLS")
        if self._server.login and (private or not self._server.tls):
            offered.append("AUTH PLAIN LOGIN XOAUTH2")
        lines = ["emulator.example", *offered]
        last = len(lines) - 1
        await self._say(
            "\r\n".join(f"250{' ' if n == last else '-'}{one}" for n, one in enumerate(lines)), "ehlo"
        )

    async def _on_helo(self, _: str) -> None:
        await self._say("250 emulator.example")

    async def _on_noop(self, _: str) -> None:
        await self._say("250 2.0.0 ok")

    async def _on_rset(self, _: str) -> None:
        self._reset()
        await self._say("250 2.0.0 ok")

    async def _on_quit(self, _: str) -> None:
        await self._say("221 2.0.0 bye")
        raise _ConnectionEnded

    async def _on_starttls(self, _: str) -> None:
        assert self._server.tls is not None  # noqa: S101  only offered then
        await self._say("220 2.0.0 go ahead")
        await self._writer.start_tls(self._server.tls)

    async def _on_auth(self, rest: str) -> None:
        mechanism, _, said = rest.partition(" ")
        if mechanism == "LOGIN":
            said = base64.b64encode(
                b"\0" + b"\0".join([await self._read_auth_response(), await self._read_auth_response()])
            ).decode()
        user, _, secret = (
            base64.b64decode(said)
            .decode()
            .removeprefix("\0")
            .removeprefix("user=")
            .rstrip("\1")
            .partition("\0")
        )
        if mechanism == "XOAUTH2":
            user, _, secret = user.partition("\1auth=Bearer ")
        self._authenticated = (user, secret) == self._server.login
        if mechanism == "XOAUTH2" and not self._authenticated:
            await self._read_auth_response()
        await self._say(
            "235 2.7.0 welcome" if self._authenticated else "535 5.7.8 who are you?",
            "auth" if self._authenticated else "",
        )

    async def _read_auth_response(self) -> bytes:
        self._writer.write(b"334 eyJzdGF0dXMiOiI0MDEifQ==\r\n")
        return base64.b64decode(await self._reader.readline())

    async def _on_mail(self, rest: str) -> None:
        if not self._authenticated:
            await self._say("530 5.7.0 log in first")
        elif self._sender is not None:
            await self._say("503 5.5.1 one at a time")
        elif (found := _FROM.fullmatch(rest)) is None:
            await self._say("501 5.5.4 what?")
        elif await self._say("250 2.1.0 ok", "mail"):
            self._sender, self._parameters = found[1], [found[2].strip()]

    async def _on_rcpt(self, rest: str) -> None:
        found = _TO.fullmatch(rest)
        if self._sender is None or found is None:
            await self._say("503 5.5.1 MAIL first")
            return
        stage, reply = _behaviour(found[1])
        if stage == "rcpt":
            await self._say(reply)
        elif await self._say("250 2.1.5 ok", "rcpt"):
            self._recipients.append(found[1])
            self._parameters.append(found[2].strip())

    async def _on_data(self, _: str) -> None:
        if not self._recipients:
            await self._say("554 5.5.1 no valid recipients")
        elif await self._say("354 go ahead", "data"):
            await self._writer.drain()
            raw = b""
            while not raw.endswith(b"\r\n.\r\n") and raw != b".\r\n":
                raw += await self._reader.readuntil(b"\r\n")
            await self._accept(re.sub(rb"^\.", b"", raw[:-3], flags=re.MULTILINE))

    async def _on_bdat(self, rest: str) -> None:
        octets, _, last = rest.partition(" ")
        content = await self._reader.readexactly(int(octets))
        if not self._recipients:
            await self._say("554 5.5.1 no valid recipients")
        elif last.upper() != "LAST":
            await self._say("501 5.5.4 only whole mails")
        else:
            await self._accept(content)

    async def _accept(self, content: bytes) -> None:
        refusal = next(
            (reply for one in self._recipients for at, reply in [_behaviour(one)] if at == "content"), ""
        )
        assert self._sender is not None  # noqa: S101  there are recipients
        mail = AcceptedMail(
            self._sender, tuple(self._recipients), content, " ".join(self._parameters).strip(), self._number
        )
        self._reset()
        if refusal:
            await self._say(refusal)
            return
        fault = self._server.faults.pop_for("/content")
        if fault is None or fault.reaches_handler:
            self._server.accept(mail)
        queued = f"250 2.0.0 Ok: queued as {len(self._server.mails):X}"
        if fault is None:
            await self._say(queued)
        else:
            await self._apply_fault(fault, queued)


def _behaviour(address: str) -> tuple[str, str]:
    local = address.partition("@")[0]
    return next((told for start, told in ADDRESSES.items() if local.startswith(start)), ("", ""))


def build_bounce(mail: AcceptedMail, failed: Sequence[str]) -> bytes:
    """Return the report that a mail did not reach these recipients (RFC 3464), as a server would send it."""
    envelope_id = re.search(r"ENVID=(\S+)", mail.parameters)
    head, _, _ = mail.content.partition(b"\r\n\r\n")
    told = "".join(
        f"\r\nFinal-Recipient: rfc822; {one}\r\nAction: failed\r\nStatus: 5.1.1\r\n"
        f"Diagnostic-Code: smtp; {_behaviour(one)[1]}\r\n"
        for one in failed
    )
    own = f"Original-Envelope-Id: {envelope_id[1]}\r\n" if envelope_id else ""
    return (
        (
            f"From: MAILER-DAEMON@emulator.example\r\nTo: <{mail.sender}>\r\nDate: {formatdate()}\r\n"
            "Subject: Undelivered mail\r\nMIME-Version: 1.0\r\nAuto-Submitted: auto-replied\r\n"
            'Content-Type: multipart/report; report-type=delivery-status; boundary="=_b"\r\n\r\n'
            "--=_b\r\nContent-Type: text/plain\r\n\r\nIt could not be delivered.\r\n"
            "--=_b\r\nContent-Type: message/delivery-status\r\n\r\n"
            f"Reporting-MTA: dns; emulator.example\r\n{own}{told}\r\n"
            "--=_b\r\nContent-Type: text/rfc822-headers\r\n\r\n"
        ).encode()
        + head
        + b"\r\n\r\n--=_b--\r\n"
    )


_FROM = re.compile(r"FROM:<([^<>]*)>((?: \S+)*)", re.IGNORECASE)
_TO = re.compile(r"TO:<([^<>]+)>((?: \S+)*)", re.IGNORECASE)


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--smtp-port", type=int, default=0, help="where it speaks SMTP; 0 for any free one")
    parser.add_argument("--webhook-token", default="", help="what reports carry to prove that they are ours")


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until told to stop. Prints the URL for steering; its `/_emulator/state` tells the mails."""

    def built(told: argparse.Namespace) -> SmtpEmulator:
        emulator = SmtpEmulator(
            port=told.smtp_port, webhook_url=told.webhook_url or "", webhook_token=told.webhook_token
        )
        print(f"smtp://127.0.0.1:{emulator.port}?tls=none", flush=True)  # noqa: T201  a command line prints
        return emulator

    serve(built, arguments, add_arguments=_add_arguments)
