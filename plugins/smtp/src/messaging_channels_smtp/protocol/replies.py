"""Reading replies (RFC 5321 section 4.2, enhanced codes by RFC 3463)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property


class ConnectionLost(Exception):
    """The connection is gone, or what it says makes no sense."""

    def __init__(self, problem: str, *, timed_out: bool = False) -> None:
        super().__init__(problem)
        self.problem = problem
        self.timed_out = timed_out


@dataclass(unsafe_hash=True)
class Reply:
    """One whole reply. The text may hold addresses, so that no repr shows it."""

    code: int
    text: str = field(default="", repr=False)
    """All lines without their codes, joined by LF."""

    @property
    def first_digit(self) -> int:
        """The first digit: 2 done, 3 go on, 4 not now, 5 no."""
        return self.code // 100

    @property
    def is_positive(self) -> bool:
        """Whether the server did as it was told."""
        return self.first_digit == _DONE

    @property
    def closes_connection(self) -> bool:
        """Whether the server ends the connection with it."""
        return self.code == _CLOSING

    @cached_property
    def enhanced(self) -> str:
        """The enhanced status code such as `5.1.1`, or nothing."""
        found = _ENHANCED.match(self.text)
        return ".".join(found.groups()) if found else ""


class ReplyParser:
    """Turns octets, however they are cut, into replies."""

    def __init__(self) -> None:
        self._data = b""
        self._at = 0

    def feed(self, data: bytes) -> None:
        """Take what was received."""
        self._data = self._data[self._at :] + data
        self._at = 0

    @property
    def has_pending(self) -> bool:
        """Whether anything is left that was not returned as a reply."""
        return self._at < len(self._data)

    def next_replies(self, most: int) -> list[Reply]:
        """Return the whole replies that have come, but no more than `most`.

        Raises:
            Lost: what came first is no reply, or one without end.
        """
        told: list[Reply] = []
        if self._at >= len(self._data):
            return told
        try:
            while len(told) < most and (reply := self.next_reply()) is not None:
                told.append(reply)
        except ConnectionLost:
            if not told:  # otherwise the next call says so: what came before is true
                raise
        return told

    def next_reply(self) -> Reply | None:
        """Return the next whole reply, or None while it is incomplete.

        Raises:
            Lost: what came is no reply, or one without end.
        """
        data, at = self._data, self._at
        if at >= len(data):
            return None
        end = data.find(b"\n", at)
        if (
            end >= 0
            and data[at + 3 : at + 4] == b" "
            and data[at : at + 1] in _DIGITS
            and data[at : at + 3].isdigit()
        ):
            self._at = end + 1  # as nearly all are: of one line
            return Reply(int(data[at : at + 3]), data[at + 4 : end].decode("utf-8", "replace").rstrip("\r"))
        found = _REPLY.match(self._data, self._at)
        if found is None:
            self._require_valid()
            return None
        self._at = found.end()
        text = found[0].decode("utf-8", "replace")
        if found[2] is None:
            return Reply(int(found[1]), text[4:].rstrip("\r\n"))
        return Reply(int(found[1]), "\n".join(line[4:].rstrip("\r") for line in text[:-1].split("\n")))

    def _require_valid(self) -> None:
        rest = self._data[self._at :]
        if len(rest) > _LONGEST:
            raise ConnectionLost("the reply does not end")
        *whole, begun = rest.split(b"\n")
        codes = {line[:3] for line in whole}
        if len(codes) > 1 or not all(_CONTINUED.match(line) for line in whole) or not _BEGUN.fullmatch(begun):
            raise ConnectionLost("the reply cannot be parsed")


_DONE = 2
_DIGITS = (b"2", b"3", b"4", b"5")
_CLOSING = 421
_LONGEST = 65536
_REPLY = re.compile(rb"([2-5][0-9][0-9])(-[^\n]*\n(?:\1-[^\n]*\n)*\1)?(?: [^\n]*|\r)?\n")
_CONTINUED = re.compile(rb"[2-5][0-9][0-9]-")
_BEGUN = re.compile(rb"(?:[2-5](?:[0-9](?:[0-9](?:[- ].*|\r)?)?)?)?", re.DOTALL)
_ENHANCED = re.compile(r"\s*([245])\.(\d{1,3})\.(\d{1,3})\b")
