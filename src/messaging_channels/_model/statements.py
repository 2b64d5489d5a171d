"""One thing that was said about being written to, as a value."""

from __future__ import annotations

from dataclasses import field
from enum import StrEnum
from typing import Any

from messaging_channels._model.values import fast_frozen


class StatementKind(StrEnum):
    """Kinds of statements about consent. Those that block come in the order in which they are named as the reason."""

    BLOCKED = "blocked"
    """The person blocked us at the vendor."""
    LEGAL = "legal"
    """A law, a register or a decision of ours forbids it."""
    COMPLAINT = "complaint"
    """The person reported a message as spam."""
    OPTED_OUT = "opted_out"
    UNDELIVERABLE = "undeliverable"
    """The address cannot be reached; for a time, or until it is lifted."""
    OPTED_IN = "opted_in"
    LIFTED = "lifted"
    """An operator lifts one statement, which `lifts` names."""


@fast_frozen(frozen=True, slots=True)
class ConsentStatement:
    """A statement or fact about whether a person may be contacted. Its repr shows no address."""

    id: str
    """The same for repetitions of one statement."""
    recipient: str = field(repr=False)
    """Person, as a digest of the address: the same for every spelling."""
    channel: str
    """Such as `sms` (which stands for mms and rcs too), `whatsapp` or `email`; `*` for all."""
    kind: StatementKind
    said_at: float | None
    """When the person said it: seconds since the epoch, UTC; None if that is unknown."""
    recorded_at: float
    category: str = ""
    """Category that the statement is limited to, such as `marketing`; empty for every message."""
    source: str = "recipient"
    """Source of the statement: `recipient`, `vendor`, `operator` or `import`."""
    reason: str = ""
    """In words, such as `keyword STOP`."""
    evidence: str = ""
    """Evidence: the id of the vendor's event, the name of a file, a ticket."""
    certainty: str = "certain"
    """`certain`, or `likely` where words were understood that are no keyword."""
    expires_at: float | None = None
    """Until when it counts: seconds since the epoch, UTC; None for always."""
    lifts: str = ""
    """The id of the statement that it lifts."""
    address: str = field(default="", repr=False)
    """In the form that the ledger keeps (`LedgerSettings.addresses`)."""

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return {
            "id": self.id,
            "recipient": self.recipient,
            "address": self.address,
            "channel": self.channel,
            "category": self.category,
            "kind": self.kind.value,
            "saidAt": self.said_at,
            "recordedAt": self.recorded_at,
            "source": self.source,
            "reason": self.reason,
            "evidence": self.evidence,
            "certainty": self.certainty,
            "expiresAt": self.expires_at,
            "lifts": self.lifts,
        }

    def __str__(self) -> str:
        """Say what blocks a message, without the address."""
        about = f" for {self.category} messages" if self.category else ""
        return f"{_WORDS[self.kind]}{about} on {self.channel} ({self.reason or self.source})"


@fast_frozen(frozen=True, slots=True)
class ConsentQuery:
    """What is asked before a message is sent: whether anything that was said forbids it."""

    recipients: tuple[str, ...] = field(repr=False)
    """Digests of all identities under which the person may be known."""
    channel: str
    category: str
    now: float
    """Seconds since the epoch, UTC."""
    confirms: str = ""
    """The id of an opt-out that this message confirms, and that does not forbid it."""


_WORDS = {
    StatementKind.BLOCKED: "the recipient blocked the sender",
    StatementKind.LEGAL: "a legal rule prohibits the message",
    StatementKind.COMPLAINT: "the recipient complained",
    StatementKind.OPTED_OUT: "the recipient opted out",
    StatementKind.UNDELIVERABLE: "the address cannot be reached",
    StatementKind.OPTED_IN: "the recipient opted in",
    StatementKind.LIFTED: "lifted",
}
