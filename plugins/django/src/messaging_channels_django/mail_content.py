"""What a mail of Django's is in ours. What cannot be said in ours is refused: nothing is left out silently."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.conf import global_settings
from django.conf import settings as django_settings
from django.core.mail.message import BadHeaderError
from django.utils.encoding import force_str

from messaging_channels import Email
from messaging_channels.errors import InvalidMessage
from messaging_channels.messages import ListUnsubscribe, parse_addresses
from messaging_channels_django.mail_attachments import attachments_of, invitation_of, plain

if TYPE_CHECKING:
    from django.core.mail import EmailMessage

    from messaging_channels import Attachment

IDEMPOTENCY_KEY = "idempotency-key"


@dataclass(frozen=True, slots=True)
class OutgoingMail:
    """One mail for the dispatcher."""

    email: Email
    to: str
    idempotency_key: str | None


def mails_of(message: EmailMessage, category: str | None = None) -> list[OutgoingMail]:
    """Return what is to be sent: one mail, and of a mail that is for blind copies only, one for each of them; none without recipients.

    Raises:
        BadHeaderError: a header holds a line break.
        BadInput: an address, a header or a part cannot be sent as it is.
    """
    to, cc, bcc = (_texts(addresses) for addresses in (message.to, message.cc, message.bcc))
    if not to and cc:
        to, cc = cc[:1], cc[1:]
    headers = _Headers(message)
    if to:
        return [
            OutgoingMail(_email(message, headers, to[1:], cc, bcc, category), to[0], headers.idempotency_key)
        ]
    key = headers.idempotency_key
    email = _email(message, headers, [], [], [], category) if bcc else None
    keys = [key if key is None else f"{key}#{number}" for number in range(len(bcc))]
    return [OutgoingMail(email, one, own) for one, own in zip(bcc, keys, strict=True) if email is not None]


class _Headers:
    """The headers that the caller added, by what they are in an `Email`."""

    def __init__(self, message: EmailMessage) -> None:
        given = {name: _one_line(name, value) for name, value in message.extra_headers.items()}
        self._given = {name.lower(): value for name, value in given.items()}
        for name, addresses in (("to", message.to), ("cc", message.cc)):
            _require_same(name, self._given.pop(name, None), _texts(addresses))
        if "bcc" in self._given:
            raise ValueError("Bcc must not be a header: give the recipients in bcc=[...]")
        self.sender = self._given.pop("from", None)
        self.reply_to = self._given.pop("reply-to", None)
        self.idempotency_key = self._given.pop(IDEMPOTENCY_KEY, None)
        self.fields = self._own_fields()
        self.others = {name: value for name, value in given.items() if name.lower() in self._given}

    def _own_fields(self) -> dict[str, Any]:
        """Take out what has a field of its own."""
        taken = {name: self._given.pop(name, None) for name in ("in-reply-to", "list-id", "auto-submitted")}
        references = self._given.pop("references", None)
        fields: dict[str, Any] = {
            "in_reply_to": taken["in-reply-to"],
            "list_id": taken["list-id"] and _IN_BRACKETS.sub(r"\1", taken["list-id"]),
            "auto_submitted": taken["auto-submitted"],
            "references": tuple(references.split()) if references else (),
            "list_unsubscribe": _list_unsubscribe(
                self._given.pop("list-unsubscribe", None), self._given.pop("list-unsubscribe-post", None)
            ),
        }
        return {name: value for name, value in fields.items() if value}


def _email(
    message: EmailMessage,
    headers: _Headers,
    also_to: list[str],
    cc: list[str],
    bcc: list[str],
    category: str | None,
) -> Email:
    sender = headers.sender or _sender(message)
    text, html, invitations = _bodies(message)
    reply_to = parse_addresses(_split(headers.reply_to)) if headers.reply_to else _texts(message.reply_to)
    envelope_sender = _sender(message) if headers.sender else None
    return Email(
        _one_line("Subject", message.subject),
        text,
        html,
        sender,
        cc,
        bcc,
        reply_to,
        (*attachments_of(message, html), *invitations),
        headers.others,
        envelope_sender=envelope_sender,
        also_to=also_to,
        category=category,
        **headers.fields,
    )


def _bodies(message: EmailMessage) -> tuple[str | None, str | None, list[Attachment]]:
    """Return the text, the html and the invitations."""
    encoding = message.encoding if isinstance(message.encoding, str) else django_settings.DEFAULT_CHARSET
    body = plain(force_str(message.body or "", encoding=encoding, errors="surrogateescape"))
    bodies: dict[str, str] = {}
    alternatives: list[Any] = list(getattr(message, "alternatives", None) or ())
    if body or not alternatives:
        bodies[f"text/{message.content_subtype}"] = body
    invitations: list[Attachment] = []
    for content, mimetype in alternatives:
        invitation = invitation_of(content, mimetype)
        if invitation is not None:
            invitations.append(invitation)
        elif mimetype in bodies:
            raise _unsupported(f"there are two bodies of type {mimetype}")
        else:
            bodies[mimetype] = plain(force_str(content, encoding=encoding))
    if unknown := set(bodies) - {"text/plain", "text/html"}:
        raise _unsupported(f"a body is of type {min(unknown)}, not text/plain or text/html")
    return bodies.get("text/plain"), bodies.get("text/html"), invitations


def _sender(message: EmailMessage) -> str | None:
    """Return the sender; None, for the account's own, where the project has not said who sends."""
    sender = _one_line("From", message.from_email)
    return None if sender in (global_settings.DEFAULT_FROM_EMAIL, global_settings.SERVER_EMAIL) else sender


def _texts(addresses: Iterable[object]) -> list[str]:
    return [_one_line("To", one) for one in addresses if one]


def _one_line(name: str, value: object) -> str:
    text = plain(value)
    if "\n" in text or "\r" in text:
        raise BadHeaderError(f"the header {name} holds a line break")
    return text


def _require_same(name: str, header: str | None, recipients: list[str]) -> None:
    """Refuse a header that names others than who gets the mail: ours always names them."""
    if header is None:
        return
    named = {one.plain for one in parse_addresses(_split(header))}
    if named != {one.plain for one in parse_addresses(recipients)}:
        raise InvalidMessage(
            "differs from the recipients of the mail",
            field=f"headers[{name.title()!r}]",
            hint=f"leave it out, and give {name}=[...]; blind copies go in bcc=[...]",
        )


def _split(header: str) -> list[str]:
    return [one.strip() for one in _BETWEEN_ADDRESSES.split(header) if one.strip()]


def _list_unsubscribe(header: str | None, post: str | None) -> ListUnsubscribe | None:
    if header is None:
        return None
    ways: Mapping[str, str] = {way.partition(":")[0].lower(): way for way in _IN_BRACKETS.findall(header)}
    url, mailto = ways.get("https"), ways.get("mailto")
    if url and not post:
        raise InvalidMessage(
            "needs one-click support of its page",
            field="headers['List-Unsubscribe']",
            hint="add 'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click' (RFC 8058), or give mailto: alone",
        )
    return ListUnsubscribe(url, mailto and mailto.partition(":")[2])


def _unsupported(problem: str) -> InvalidMessage:
    return InvalidMessage(
        problem, field="EmailMessage", hint="send text, html, or both; give other parts as attachments"
    )


_BETWEEN_ADDRESSES = re.compile(r',(?=(?:[^"]*"[^"]*")*[^"]*$)')
"""A comma outside of quotation marks."""
_IN_BRACKETS = re.compile(r"[^<]*<([^>]*)>[^<]*")
