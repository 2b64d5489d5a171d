"""What a mail that tells of another one says."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from messaging_channels.plugins import Status
from messaging_channels.plugins import status as statuses
from messaging_channels_smtp._table_errors import ERRORS
from messaging_channels_smtp.responses import enhanced_code_of, status_of


class ReportType(StrEnum):
    """What sort of mail it is."""

    DELIVERY = "dsn"
    """A delivery status notification (RFC 3464)."""
    BOUNCE = "heuristic"
    """A bounce in a form of its own."""
    COMPLAINT = "feedback"
    """A recipient's complaint, passed on (RFC 5965)."""
    RECEIPT = "mdn"
    """A message disposition notification (RFC 8098)."""
    AUTO_REPLY = "autoreply"
    """A robot's answer, such as of somebody on holiday (RFC 3834)."""
    OTHER = "other"
    """A mail that somebody wrote, as far as can be seen."""


class Action(StrEnum):
    """What a server did for one recipient. It decides, not the digit of the status: a queue that gave up says `failed` with 4.2.2."""

    FAILED = "failed"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    RELAYED = "relayed"
    EXPANDED = "expanded"


@dataclass(frozen=True, slots=True)
class RecipientUpdate:
    """What is told of one recipient."""

    recipient: str = field(repr=False)
    action: Action
    code: str = ""
    """The enhanced status code, empty where there was none."""
    original: str = field(default="", repr=False)
    """The recipient as we had named it, where that is told."""
    diagnostic: str = field(default="", repr=False)
    """The words of the server that refused it. They may hold addresses."""
    remote: str = ""
    """That server's name."""
    confidence: float = 1.0
    """How sure it is, from 0 to 1: what a report in the form of RFC 3464 says is certain, what a mailer's own words say less so."""
    is_ours: bool = True
    """Whether we are known to have written to the recipient: the return path or the Message-ID is ours, and the recipient that of the mail."""

    @property
    def status(self) -> Status:
        """What it means for the message."""
        if self.action is Action.FAILED and self.code:
            return statuses.EXPIRED_EXPIRED if self.code[0] == "4" else status_of(enhanced_code_of(self.code))
        return _STATUSES[self.action]

    @property
    def error(self) -> int:
        """The number of the error in Infobip's list, 0 for none."""
        if self.action in _POSITIVE_ACTIONS:
            return 0
        return enhanced_code_of(self.code).error if self.code else _UNSPECIFIED

    @property
    def is_permanent(self) -> bool:
        """Whether another mail to the same address would most likely fail too."""
        return self.action is Action.FAILED and not self.code.startswith("4")

    @property
    def should_suppress(self) -> bool:
        """Whether the address should be written to no more: only if that is certain, and we wrote to it."""
        is_known = self.is_ours and self.confidence >= CERTAIN
        return self.is_permanent and is_known and bool(self.code) and enhanced_code_of(self.code).suppress

    @property
    def detail(self) -> str:
        """The code and the name of the error, without any address."""
        return f"{self.code} {ERRORS.get(self.error, '')}".strip()


@dataclass(frozen=True, slots=True)
class Report:
    """What a mail tells."""

    report_type: ReportType
    updates: tuple[RecipientUpdate, ...] = ()
    envelope_id: str = ""
    """Which mail it tells of: the ENVID of its envelope."""
    message_id: str = field(default="", repr=False)
    """Its Message-ID, without angle brackets."""
    addresses: tuple[str, ...] = field(default=(), repr=False)
    """Where this mail was sent to, and where the other came from: one of them may be a return path of ours."""
    copies: tuple[str, ...] = field(default=(), repr=False)
    """The addresses in Cc of the mail it tells of, in lower case."""
    to: str = field(default="", repr=False)
    """The address in To of the mail it tells of, in lower case."""
    feedback: str = ""
    """The type of a complaint, such as `abuse`; of a receipt, what became of the mail, such as `displayed`."""
    at: float | None = None
    """The Date of the report, in seconds since the epoch."""
    complainants: tuple[str, ...] = field(default=(), repr=False)
    """Of a complaint, the addresses of those who complain."""
    confidence: float = 1.0
    """How sure the reader is that it is of this type, from 0 to 1."""


CERTAIN = 0.9
"""The confidence from which something follows for an address."""
_POSITIVE_ACTIONS = (Action.DELIVERED, Action.RELAYED, Action.EXPANDED)
_UNSPECIFIED = 6012
_STATUSES = {
    Action.FAILED: statuses.known(2, 9),
    Action.DELAYED: statuses.known(1, 3),
    Action.DELIVERED: statuses.DELIVERED_TO_HANDSET,
    Action.RELAYED: statuses.known(3, 2),
    Action.EXPANDED: statuses.known(3, 2),
}
