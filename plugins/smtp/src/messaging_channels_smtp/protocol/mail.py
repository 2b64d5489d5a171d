"""A mail in its envelope, and what became of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from messaging_channels.errors import InvalidMessage
from messaging_channels_smtp.protocol.replies import Reply
from messaging_channels_smtp.protocol.steps import Stage


@dataclass(slots=True)
class MailTransaction:
    """One transaction: the first recipient decides its outcome, the others are copies that go only with it.

    Raises InvalidMessage when it is made of what could be read as a command or as the end of the mail: an address with a control
    character, a space or an angle bracket; content with a bare CR or LF, or without CRLF at its end.
    """

    id: str
    sender: str = field(repr=False)
    """Without angle brackets; empty for the null path."""
    recipients: tuple[str, ...] = field(repr=False)
    content: bytes = field(repr=False)
    """Lines ended by CRLF; not dot-stuffed."""
    notify: str | None = None
    """Which reports are asked for, where the server offers DSN. None for what is asked of the server otherwise."""
    returned: str = "HDRS"
    """What a report of failure brings back: HDRS or FULL."""
    needs_utf8: bool = field(init=False, default=False)
    """Whether an address in the envelope or in a header is more than ASCII (RFC 6531); bodies never are."""

    def __post_init__(self) -> None:
        """Check everything before the first octet leaves."""
        for address in (self.sender, *self.recipients):
            require_valid_path(address)
        content = self.content
        ends = len(content.split(b"\r\n")) - 1
        bare = content.count(b"\n") != ends or content.count(b"\r") != ends
        if bare or not content.endswith(b"\r\n"):
            raise InvalidMessage(
                "must have lines that end in CRLF", field="Letter.content", hint="normalize the line ends"
            )
        is_ascii = content.isascii() and self.sender.isascii() and "".join(self.recipients).isascii()
        self.needs_utf8 = not is_ascii


@dataclass(slots=True)
class TransactionResult:
    """What became of one letter."""

    stage: Stage
    """How far it came."""
    reply: Reply | None = None
    """The reply that decided; None when none came."""
    problem: str = ""
    """What was wrong when there was no reply."""
    timed_out: bool = False
    committed: bool = False
    """Whether the server may have the whole content."""
    recipients: tuple[Reply | None, ...] = ()
    """What was said to each recipient, as far as it was said."""
    addresses: tuple[str, ...] = field(default=(), repr=False)
    """Whom it was for, in the same order."""

    @property
    def refused(self) -> Mapping[str, Reply]:
        """The recipients that were refused, with what was said."""
        told = zip(self.addresses, self.recipients, strict=False)
        return {address: reply for address, reply in told if reply is not None and not reply.is_positive}

    @property
    def not_offered(self) -> bool:
        """Whether no octet of the content was offered, for want of a connection: another one may be tried."""
        gone = self.reply is None or self.reply.closes_connection
        return gone and self.stage in _STAGES_BEFORE_CONTENT and not self.committed


def require_valid_path(address: str) -> None:
    """Refuse an address that could be read as anything else in a command.

    Raises:
        InvalidMessage: it holds a control character, a space or an angle bracket, or it is longer than a path may be.
    """
    if not _PATH.fullmatch(address):
        raise InvalidMessage(
            "has an address that is too long or contains a control character, a space or an angle bracket",
            field="Email",
            hint="use EmailAddress.parse",
        )


_PATH = re.compile(r"[^\x00-\x20\x7f-\x9f<>\u2028\u2029]{0,254}")
_STAGES_BEFORE_CONTENT = (Stage.MAIL, Stage.RCPT, Stage.DATA)
