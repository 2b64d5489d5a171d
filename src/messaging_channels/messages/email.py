"""Mail: what is meant, for SMTP and for HTTP providers alike. A provider turns it into MIME or into its own JSON."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from messaging_channels.addresses import EmailAddress
from messaging_channels.errors import InvalidMessage
from messaging_channels.messages._message import Extra, Message, require_one_line

if TYPE_CHECKING:
    from pathlib import Path

Addresses: TypeAlias = "str | EmailAddress | Iterable[str | EmailAddress]"


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with a mail. With a `content_id` it is inline: shown where the html says `cid:<content_id>`."""

    content: bytes | Path = field(repr=False)
    """The bytes, or a file that is read when the mail is sent."""
    filename: str
    content_type: str = "application/octet-stream"
    content_id: str | None = None

    def __post_init__(self) -> None:
        """Check the fields that reach a header."""
        require_one_line(self.filename, "Attachment.filename")
        if not _MEDIA_TYPE.fullmatch(self.content_type):
            raise InvalidMessage(
                "it is no media type", field="Attachment.content_type", remedy="use e.g. image/png"
            )
        if self.content_id is not None and not _CONTENT_ID.fullmatch(self.content_id):
            raise InvalidMessage(
                "it holds more than letters, digits and . _ @ -",
                field="Attachment.content_id",
                remedy="use e.g. logo",
            )

    @classmethod
    def inline(cls, content: bytes | Path, content_id: str, *, content_type: str) -> Attachment:
        """Make an image (or other part) that the html refers to by `cid:<content_id>`."""
        return cls(content, content_id, content_type, content_id)

    def read(self) -> bytes:
        """Return the bytes. Reads the file, if it is one: call it within a `Call` exchange, not in `encode`."""
        return self.content if isinstance(self.content, bytes) else self.content.read_bytes()


@dataclass(frozen=True, slots=True)
class ListUnsubscribe:
    """How a recipient leaves a list (RFC 2369). With a url, in one click (RFC 8058) if the provider signs with DKIM."""

    url: str | None = field(default=None, repr=False)
    """https only; it identifies the recipient by itself."""
    mailto: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Check that there is a way, and that both are one line."""
        if not (self.url or self.mailto):
            raise InvalidMessage("it names no way", field="ListUnsubscribe", remedy="give url or mailto")
        if self.url is not None and not _HTTPS.fullmatch(self.url):
            raise InvalidMessage("it is no https URL", field="ListUnsubscribe.url", remedy="use https://")
        if self.mailto is not None:
            EmailAddress.parse(self.mailto)


@dataclass(frozen=True, slots=True)
class Email(Message):
    """A mail to one recipient, with copies. Addresses may be given as text or parsed, one or several.

    Raises InvalidMessage or InvalidAddress when it is made of what must not reach a server: no body, a control character in
    a header, a header that is not the caller's to set, a malformed address.
    """

    subject: str = field(repr=False)
    text: str | None = field(default=None, repr=False)
    html: str | None = field(default=None, repr=False)
    sender: str | EmailAddress | None = None
    """The From address, with a display name if wished. None for the account's own."""
    cc: Addresses = ()
    bcc: Addresses = ()
    reply_to: Addresses = ()
    attachments: tuple[Attachment, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    """Further headers. Those that carry addresses, identity or structure are refused."""
    list_unsubscribe: ListUnsubscribe | None = None
    extra: tuple[Extra, ...] = ()

    def __post_init__(self) -> None:
        """Check the fields, and bring the addresses and headers into their parsed, immutable form."""
        require_one_line(self.subject, "Email.subject")
        if self.text is None and self.html is None:
            raise InvalidMessage("it has neither text nor html", field="Email", remedy="give one or both")
        for name in ("cc", "bcc", "reply_to"):
            object.__setattr__(self, name, parsed(getattr(self, name)))
        if isinstance(self.sender, str):
            object.__setattr__(self, "sender", EmailAddress.parse(self.sender))
        object.__setattr__(self, "headers", _checked(self.headers))
        object.__setattr__(self, "attachments", tuple(self.attachments))

    def __hash__(self) -> int:
        """Hash by what is cheap to hash; equal mails have equal hashes."""
        return hash((self.subject, self.text, self.html))

    @property
    def copies(self) -> tuple[EmailAddress, ...]:
        """The parsed addresses of cc and bcc."""
        return (*parsed(self.cc), *parsed(self.bcc))


def parsed(addresses: Addresses) -> tuple[EmailAddress, ...]:
    """Return one or several addresses in their parsed form.

    Raises:
        InvalidAddress: one of them is none.
    """
    if isinstance(addresses, (str, EmailAddress)):
        addresses = (addresses,)
    return tuple(
        EmailAddress.parse(address) if isinstance(address, str) else address for address in addresses
    )


def _checked(headers: Mapping[str, str]) -> Mapping[str, str]:
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or _RESERVED.fullmatch(name):
            raise InvalidMessage(
                "a header with that name is not yours to set",
                field=f"Email.headers[{name!r}]"[:100],
                remedy="use the field of Email that stands for it, or leave it out",
            )
        require_one_line(value, f"Email.headers[{name!r}]")
    return dict(headers)


_MEDIA_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+")
_CONTENT_ID = re.compile(r"[A-Za-z0-9._@-]+")
_HTTPS = re.compile(r"https://[!-;=?-~]+")
_HEADER_NAME = re.compile(r"[!-9;-~]{1,76}")
_RESERVED = re.compile(
    r"from|to|cc|bcc|resent-.*|sender|reply-to|subject|date|message-id|mime-version|content-.*|received|return-path"
    r"|dkim-signature|arc-.*|authentication-results|list-unsubscribe(-post)?",
    re.IGNORECASE,
)
