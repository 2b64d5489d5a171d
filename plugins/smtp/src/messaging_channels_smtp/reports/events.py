"""What a mail that came tells, as events."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from messaging_channels.errors import InvalidAddress
from messaging_channels.events import (
    Act,
    Engaged,
    Event,
    MessageReceived,
    OptedOut,
    ReceivedMedia,
    StatusChanged,
    Unrecognised,
)
from messaging_channels.plugins import EmailAddress
from messaging_channels_smtp.reports.parts import ReceivedMail
from messaging_channels_smtp.reports.report import Kind, Report, Update

COMPLAINTS = {
    "abuse": "complaint",
    "fraud": "complaint",
    "virus": "complaint",
    "other": "complaint",
    "opt-out": "list-unsubscribe",
    "opt-out-list": "list-unsubscribe",
}
"""The types of feedback after which nobody should be written to (RFC 5965 section 7.3), and why."""


def events_of(raw: bytes, report: Report, *, provider: str, message_id: str, at: float) -> Iterator[Event]:
    """Return what a mail tells. `message_id` is ours, of the mail it is about; empty if it is about none."""
    source = _Source(provider, message_id, report.at or at, _identity(raw), report)
    match report.kind:
        case Kind.DELIVERY | Kind.BOUNCE if message_id:
            yield from (source.status(number, update) for number, update in enumerate(report.updates))
        case Kind.COMPLAINT:
            yield source.complaint()
        case Kind.RECEIPT if message_id and report.feedback == "displayed":
            yield source.seen()
        case Kind.AUTO_REPLY | Kind.OTHER:
            yield source.received(ReceivedMail(raw, whole=True))
        case _:
            yield source.unrecognised(f"{report.kind} {report.feedback}".strip())


class _Source:
    """What all events of one mail have in common."""

    def __init__(self, provider: str, message_id: str, at: float, identity: str, report: Report) -> None:
        self._provider = provider
        self._message_id = message_id
        self._at = at
        self._identity = identity
        self._report = report

    def status(self, number: int, update: Update) -> Event:
        """A change of status; that of a copy changes nothing for the message."""
        if self._is_of_a_copy(update):
            return self.unrecognised(f"{update.action} copy")
        return StatusChanged(
            provider=self._provider,
            at=self._at,
            event_id=f"{self._identity}-{number}",
            message_id=self._message_id,
            status=update.status,
            detail=update.detail,
            native=update,
        )

    def complaint(self) -> Event:
        """An opt-out, where the type says so and somebody is named: many providers redact the recipient."""
        why = COMPLAINTS.get(self._report.feedback)
        address = _parsed(self._report.to)
        if why is None or address is None:
            return self.unrecognised(f"feedback {self._report.feedback}")
        return OptedOut(
            provider=self._provider,
            at=self._at,
            event_id=self._identity,
            channel="email",
            address=address,
            why=why,
            native=self._report,
        )

    def seen(self) -> Event:
        """A receipt of reading."""
        return Engaged(
            provider=self._provider,
            at=self._at,
            event_id=self._identity,
            message_id=self._message_id,
            act=Act.SEEN,
            native=self._report,
        )

    def received(self, mail: ReceivedMail) -> Event:
        """What somebody, or a robot, wrote."""
        sender = next((parsed for one in mail.addresses("From") if (parsed := _parsed(one))), None)
        if sender is None:
            return self.unrecognised("mail without a sender")
        texts = {part.kind: part.text for part in reversed(mail.parts) if part.filename is None}
        return MessageReceived(
            provider=self._provider,
            at=self._at,
            event_id=self._identity,
            channel="email",
            provider_id=mail.header("Message-ID").strip("<>") or self._identity,
            sender=sender,
            to=next(iter(self._report.addresses), ""),
            kind="auto-reply" if self._report.kind is Kind.AUTO_REPLY else "mail",
            text=texts.get("text/plain"),
            subject=mail.header("Subject"),
            html=texts.get("text/html"),
            media=tuple(_media(mail)),
            reply_to=self._report.message_id or None,
            name=mail.display_name() or None,
            native=self._report,
        )

    def unrecognised(self, kind: str) -> Event:
        """What the contract has no event for."""
        return Unrecognised(
            provider=self._provider, at=self._at, event_id=self._identity, kind=kind, native=self._report
        )

    def _is_of_a_copy(self, update: Update) -> bool:
        named = (update.original or update.recipient).lower()
        if self._report.to in ("", named):
            return False
        return bool(update.original) or named in self._report.copies


def _media(mail: ReceivedMail) -> Iterator[ReceivedMedia]:
    for part in mail.parts:
        if part.filename is not None or not part.kind.startswith(("text/", "message/")):
            yield ReceivedMedia(
                id=part.content_id, content_type=part.kind, filename=part.filename, content=part.data
            )


def _parsed(address: str) -> EmailAddress | None:
    try:
        return EmailAddress.parse(address)
    except InvalidAddress:
        return None


def _identity(raw: bytes) -> str:
    """Return the same for the same mail, however often it comes."""
    return hashlib.sha256(raw).hexdigest()[:32]
