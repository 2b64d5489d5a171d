"""One connection to the emulator: commands and replies as RFC 5321 has them, unless a fault says otherwise."""

from __future__ import annotations

import asyncio
import base64
import re
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, ClassVar, Protocol

from messaging_channels.testing import Fault, FaultKind
from messaging_channels_smtp.emulator.logins import MECHANISMS, LoginRefused, read_login, tell_error
from messaging_channels_smtp.emulator.mails import AcceptedMail, behavior_of
from messaging_channels_smtp.emulator.octets import ClientStream, LineTooLong
from messaging_channels_smtp.emulator.parameters import PathArgument, RefusedArguments, parse_path


class Host(Protocol):
    """The server that a session belongs to."""

    faults: Any
    commands: list[str]
    connections: int
    mails: list[AcceptedMail]
    extensions: tuple[str, ...]
    tls: ssl.SSLContext | None
    login: tuple[str, str] | None

    def accept(self, mail: AcceptedMail) -> None:
        """Keep a mail."""


class SessionEnded(Exception):
    """The connection ends here."""


class ServerSession:
    """The server's side of one connection."""

    def __init__(self, host: Host, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Say nothing yet."""
        self._host = host
        self._client = ClientStream(reader)
        self._writer = writer
        self._number = host.connections
        self._authenticated = False
        self._greeted = False
        self._reset()

    def _reset(self) -> None:
        self._mail: PathArgument | None = None
        self._recipients: list[PathArgument] = []
        self._chunks: bytearray | None = None
        """What BDAT brought so far; None before its first chunk."""

    @property
    def _is_private(self) -> bool:
        return self._writer.get_extra_info("ssl_object") is not None

    @property
    def _offered(self) -> Mapping[str, str]:
        """What is announced now, by keyword."""
        lines = list(self._host.extensions)
        if self._host.tls and not self._is_private:
            lines.append("STARTTLS")
        if self._host.login and (self._is_private or not self._host.tls):
            lines.append(f"AUTH {' '.join(MECHANISMS)}")
        return {word.upper(): rest for word, _, rest in (line.partition(" ") for line in lines)}

    async def run(self) -> None:
        """Talk until one side ends it."""
        await self._say("220 emulator.example ESMTP", "connect")
        while True:
            try:
                line = await self._client.read_line()
            except LineTooLong:
                await self._say("500 5.5.2 line too long")
                raise SessionEnded from None
            await self._answer(line)
            if not self._client.has_more:  # replies to a group go out together
                await self._writer.drain()

    async def _answer(self, line: bytes) -> None:
        word, _, rest = line.decode("utf-8", "replace").rstrip(" ").partition(" ")
        self._host.commands.append(word.upper())
        handler = self._HANDLERS.get(word.upper())
        if not rest and word.upper() in _WITH_ARGUMENTS:
            await self._say("501 5.5.4 of what?")
        elif handler is None:
            await self._say(_REPLIES.get(word.upper(), "500 5.5.2 what?"))
        elif rest and word.upper() in _WITHOUT_ARGUMENTS:
            await self._say("501 5.5.4 no arguments there")
        else:
            await handler(self, rest)

    async def _say(self, reply: str, stage: str = "") -> bool:
        """Answer, unless a fault says otherwise; return whether it did as it should."""
        fault = self._host.faults.pop_for(f"/{stage}") if stage else None
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
                code = _CLOSING if fault.kind is FaultKind.THROTTLE else fault.status
                self._writer.write(f"{code} as told\r\n".encode())
                if code == _CLOSING:
                    raise SessionEnded
            case FaultKind.GARBAGE | FaultKind.UNREADABLE:
                self._writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            case FaultKind.CUT:
                self._writer.write(reply[:2].encode())
                raise SessionEnded
            case FaultKind.HANG:
                await self._client.drain()
                raise SessionEnded
            case _:
                self._end(reset=fault.kind is FaultKind.RESET)

    def _end(self, *, reset: bool) -> None:
        if reset:
            sock: socket.socket = self._writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise SessionEnded

    async def _on_ehlo(self, _: str) -> None:
        self._reset()
        self._greeted = True
        lines = ["emulator.example", *(f"{word} {more}".rstrip() for word, more in self._offered.items())]
        marked = [f"250-{line}" for line in lines[:-1]] + [f"250 {lines[-1]}"]
        await self._say("\r\n".join(marked), "ehlo")

    async def _on_helo(self, _: str) -> None:
        self._reset()
        self._greeted = True
        await self._say("250 emulator.example")

    async def _on_rset(self, _: str) -> None:
        self._reset()
        await self._say("250 2.0.0 ok")

    async def _on_quit(self, _: str) -> None:
        await self._say("221 2.0.0 bye")
        raise SessionEnded

    async def _on_starttls(self, _: str) -> None:
        if self._host.tls is None:
            await self._say("502 5.5.1 not offered")
        elif self._is_private:
            await self._say("503 5.5.1 TLS is spoken already")
        elif await self._say("220 2.0.0 go ahead", "starttls"):
            self._client.discard()
            self._reset()
            self._greeted = False
            await self._writer.start_tls(self._host.tls)

    async def _on_auth(self, rest: str) -> None:
        mechanism, _, initial = rest.partition(" ")
        if (refusal := self._auth_refusal()) is not None:
            await self._say(refusal)
            return
        try:
            said = await read_login(mechanism, initial, self._challenge)
            self._authenticated = said == self._host.login
            if not self._authenticated:
                await tell_error(mechanism, self._challenge)
        except LoginRefused as refused:
            await self._say(refused.reply)
            return
        if self._authenticated:
            await self._say("235 2.7.0 welcome", "auth")
        else:
            await self._say("535 5.7.8 who are you?")

    def _auth_refusal(self) -> str | None:
        if self._host.login is None:
            return "502 5.5.1 not offered"
        if self._host.tls and not self._is_private:
            return "538 5.7.11 not in clear"
        if not self._greeted:
            return "503 5.5.1 EHLO first"
        if self._authenticated or self._mail:
            return "503 5.5.1 not now"
        return None

    async def _challenge(self, said: bytes) -> bytes:
        self._writer.write(b"334 " + base64.b64encode(said) + b"\r\n")
        await self._writer.drain()
        return await self._client.read_line()

    async def _on_mail(self, rest: str) -> None:
        refusal = self._mail_refusal()
        if refusal is None:
            try:
                mail = parse_path("MAIL", rest, self._offered)
            except RefusedArguments as refused:
                refusal = refused.reply
            else:
                refusal = self._address_refusal(mail.address, mail) or self._size_refusal(
                    int(mail.parameters.get("SIZE", "0"))
                )
                if refusal is None and await self._say("250 2.1.0 ok", "mail"):
                    self._mail = mail
        if refusal is not None:
            await self._say(refusal)

    def _mail_refusal(self) -> str | None:
        if not self._greeted:
            return "503 5.5.1 EHLO first"
        if self._host.login is not None and not self._authenticated:
            return "530 5.7.0 log in first"
        return "503 5.5.1 one at a time" if self._mail else None

    def _address_refusal(self, address: str, mail: PathArgument) -> str | None:
        if not address.isascii() and "SMTPUTF8" not in mail.parameters:
            return "553 5.6.7 SMTPUTF8 first"
        return None

    def _size_refusal(self, octets: int) -> str | None:
        most = self._offered.get("SIZE", "")
        return "552 5.3.4 too big" if most.isdecimal() and 0 < int(most) < octets else None

    async def _on_rcpt(self, rest: str) -> None:
        if self._mail is None:
            await self._say("503 5.5.1 MAIL first")
            return
        try:
            recipient = parse_path("RCPT", rest, self._offered)
        except RefusedArguments as refused:
            await self._say(refused.reply)
            return
        stage, reply = behavior_of(recipient.address)
        refusal = self._address_refusal(recipient.address, self._mail) or (reply if stage == "rcpt" else None)
        if refusal:
            await self._say(refusal)
        elif await self._say("250 2.1.5 ok", "rcpt"):
            self._recipients.append(recipient)

    async def _on_data(self, _: str) -> None:
        if self._chunks is not None:
            await self._say("503 5.5.1 BDAT has begun")
        elif not self._recipients:
            await self._say("554 5.5.1 no valid recipients" if self._mail else "503 5.5.1 MAIL first")
        elif await self._say("354 go ahead", "data"):
            await self._writer.drain()
            await self._accept(await self._client.read_content())

    async def _on_bdat(self, rest: str) -> None:
        found = _BDAT.fullmatch(rest)
        if found is None or "CHUNKING" not in self._offered:
            await self._say("501 5.5.4 what?" if "CHUNKING" in self._offered else "502 5.5.1 not offered")
            raise SessionEnded  # what follows is no command
        chunk = await self._client.read_exactly(int(found[1]))
        if not self._recipients:
            await self._say("554 5.5.1 no valid recipients" if self._mail else "503 5.5.1 MAIL first")
            return
        self._chunks = (self._chunks or bytearray()) + chunk
        if found[2] or self._size_refusal(len(self._chunks)):
            await self._accept(bytes(self._chunks))
        else:
            await self._say(f"250 2.0.0 {len(chunk)} octets")

    async def _accept(self, content: bytes) -> None:
        refusal = self._size_refusal(len(content)) or self._content_refusal()
        assert self._mail is not None  # noqa: S101  there are recipients
        parameters = " ".join(one.text for one in (self._mail, *self._recipients)).strip()
        recipients = tuple(one.address for one in self._recipients)
        mail = AcceptedMail(self._mail.address, recipients, content, parameters, self._number)
        self._reset()
        if refusal:
            await self._say(refusal)
            return
        fault = self._host.faults.pop_for("/content")
        if fault is None or fault.reaches_handler:
            self._host.accept(mail)
        queued = f"250 2.0.0 Ok: queued as {len(self._host.mails):X}"
        if fault is None:
            await self._say(queued)
        else:
            await self._apply_fault(fault, queued)

    def _content_refusal(self) -> str | None:
        told = (behavior_of(one.address) for one in self._recipients)
        return next((reply for stage, reply in told if stage == "content"), None)

    _HANDLERS: ClassVar[Mapping[str, Callable[[Any, str], Awaitable[None]]]] = {
        "EHLO": _on_ehlo,
        "HELO": _on_helo,
        "STARTTLS": _on_starttls,
        "AUTH": _on_auth,
        "MAIL": _on_mail,
        "RCPT": _on_rcpt,
        "DATA": _on_data,
        "BDAT": _on_bdat,
        "RSET": _on_rset,
        "QUIT": _on_quit,
    }


_REPLIES: Mapping[str, str] = {
    "NOOP": "250 2.0.0 ok",
    "VRFY": "252 2.5.0 send it, and see",
    "EXPN": "502 5.5.1 not here",
    "HELP": "214 2.0.0 RFC 5321",
}
"""To commands that change nothing."""
_WITH_ARGUMENTS: Sequence[str] = ("AUTH", "VRFY", "EXPN", "MAIL", "RCPT", "EHLO", "HELO")
_WITHOUT_ARGUMENTS: Sequence[str] = ("DATA", "RSET", "QUIT", "STARTTLS")
_BDAT = re.compile(r"([0-9]{1,12})( LAST)?", re.IGNORECASE)
_CLOSING = 421
"""RFC 5321 section 3.8: the server closes with it."""
