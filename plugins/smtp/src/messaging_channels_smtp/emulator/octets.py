"""What a client sent, taken by lines, by counts, and by contents of mails: each octet is looked at once."""

from __future__ import annotations

import asyncio
import re

LONGEST_LINE = 12288
"""Octets of a command: as many as AUTH may need (RFC 4954 section 4); the rest are far below."""
_END = b"\r\n.\r\n"


class LineTooLong(Exception):
    """A line without an end."""


class ClientStream:
    """The octets of one client."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        """Take nothing yet."""
        self._reader = reader
        self._held = bytearray()

    @property
    def has_more(self) -> bool:
        """Whether something was sent that was not taken yet, such as the rest of a pipelined group."""
        return bool(self._held)

    def discard(self) -> None:
        """Drop what was sent ahead: in clear, before TLS (RFC 3207 section 6)."""
        self._held.clear()

    async def read_line(self) -> bytes:
        """Return a line without its end; a bare LF ends it too. Raises IncompleteReadError at the end of the connection, or LineTooLong."""
        at = -1
        while (at := self._held.find(b"\n", max(0, at))) < 0:
            at = len(self._held)
            if at > LONGEST_LINE:
                raise LineTooLong
            await self._receive()
        return self._take(at + 1).rstrip(b"\r\n")

    async def read_exactly(self, octets: int) -> bytes:
        """Return so many octets."""
        while len(self._held) < octets:
            await self._receive()
        return self._take(octets)

    async def read_content(self) -> bytes:
        """Return the content that DATA announced, without the dots that were added (RFC 5321 section 4.5.2)."""
        self._held[:0] = b"\r\n"  # so that a mail of no line ends like any other
        at = 0
        while (found := self._held.find(_END, at)) < 0:
            at = max(0, len(self._held) - len(_END) + 1)
            await self._receive()
        return re.sub(rb"\r\n\.", b"\r\n", self._take(found + len(_END))[: -len(_END) + 2])[2:]

    async def drain(self) -> None:
        """Wait until the client gives up."""
        await self._reader.read()

    async def _receive(self) -> None:
        data = await self._reader.read(1 << 18)
        if not data:
            raise asyncio.IncompleteReadError(bytes(self._held), None)
        self._held += data

    def _take(self, octets: int) -> bytes:
        taken = bytes(memoryview(self._held)[:octets])
        del self._held[:octets]
        return taken
