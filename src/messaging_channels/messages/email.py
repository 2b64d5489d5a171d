"""Mail: what is meant, for SMTP and for HTTP providers alike. A provider turns it into MIME or into its own JSON."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, NamedTuple, TypeAlias, TypedDict, cast, overload

from messaging_channels._model.addresses import EmailAddress
from messaging_channels._model.errors import InvalidMessage
from messaging_channels.messages._base import Message, ProviderOptions, require_one_line
from messaging_channels.messages._html import content_ids_in, embed_images, inline_css, text_of
from messaging_channels.messages._media_types import MediaType, guess_media_type, parse_media_type
from messaging_channels.messages._uris import mailto_uri

if TYPE_CHECKING:
    from typing_extensions import Unpack

Addresses: TypeAlias = "str | EmailAddress | Iterable[str | EmailAddress]"


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file of an email. With a `content_id`, the file is inline: the HTML shows it as `cid:<content_id>`.

    Of the type `text/calendar` with a method, such as `text/calendar; method=REQUEST` (or CANCEL, or REPLY), it is an invitation: mail programs show it
    with the buttons to answer it (RFC 6047).
    """

    content: bytes | Path | Callable[[], BinaryIO] = field(repr=False)
    """Bytes, a file, or a function that opens a stream. Read once, when the mail is sent or enqueued."""
    filename: str
    """File name that the recipient sees."""
    content_type: str = ""
    """Media type, with parameters if needed. Default: by the file name."""
    content_id: str | None = None
    """For inline files: the HTML shows `cid:<content_id>`."""

    def __post_init__(self) -> None:
        """Check the fields that reach a header."""
        content: object = self.content
        if isinstance(content, (bytearray, memoryview)):
            object.__setattr__(self, "content", bytes(content))
        elif not (isinstance(content, (bytes, Path)) or callable(content)):
            raise InvalidMessage(
                f"must be bytes, a pathlib.Path or a function that opens a stream, got {type(content).__name__}",
                field="Attachment.content",
                hint="use Path(...) for a file, or .encode() for text",
            )
        require_one_line(self.filename, "Attachment.filename")
        if not self.content_type:
            object.__setattr__(self, "content_type", guess_media_type(self.filename))
        parse_media_type(self.content_type, "Attachment.content_type")
        if self.content_id is not None and not _CONTENT_ID.fullmatch(self.content_id):
            raise InvalidMessage(
                "may contain only letters, digits and . _ @ -",
                field="Attachment.content_id",
                hint="write it like logo",
            )

    @classmethod
    def inline(
        cls, content: bytes | Path | Callable[[], BinaryIO], content_id: str, *, content_type: str
    ) -> Attachment:
        """Make an image (or other part) that the html refers to by `cid:<content_id>`."""
        return cls(content, content_id, content_type, content_id)

    @property
    def media_type(self) -> MediaType:
        """The parsed content type."""
        return parse_media_type(self.content_type, "Attachment.content_type")

    def read(self) -> bytes:
        """Return the bytes. Reads the file or stream, if it is one: call it within a `BlockingCall`."""
        if isinstance(self.content, bytes):
            return self.content
        with self.content.open("rb") if isinstance(self.content, Path) else self.content() as stream:
            return stream.read()


@dataclass(frozen=True, slots=True)
class ListUnsubscribe:
    """How a recipient leaves a list (RFC 2369). With a url, in one click (RFC 8058) if the provider signs with DKIM."""

    url: str | None = field(default=None, repr=False)
    """https URL that identifies the recipient."""
    mailto: str | None = field(default=None, repr=False)
    """Address, with a subject if needed: `leave@example.com?subject=unsubscribe` (RFC 6068)."""

    def __post_init__(self) -> None:
        """Check that there is a way, and that both are one line."""
        if not (self.url or self.mailto):
            raise InvalidMessage("needs a url or a mailto", field="ListUnsubscribe", hint="give one or both")
        if self.url is not None and not _HTTPS.fullmatch(self.url):
            raise InvalidMessage(
                "must be an https URL",
                field="ListUnsubscribe.url",
                hint="write it like https://example.com/leave",
            )
        if self.mailto is not None:
            mailto_uri(self.mailto)

    @property
    def uris(self) -> tuple[str, ...]:
        """The URIs of the header, the url first."""
        return tuple(way for way in (self.url, self.mailto and mailto_uri(self.mailto)) if way)


class Preview(NamedTuple):
    """The files that were written."""

    eml: Path
    """The mail as it is sent; mail programs open the file."""
    page: Path
    """A page for the browser. Scripts and remote content are blocked."""


class EmailKeywords(TypedDict, total=False):
    """The fields of a mail that are given by keyword, to the type checkers."""

    list_unsubscribe: ListUnsubscribe | None
    list_id: str | None
    in_reply_to: str | None
    references: Iterable[str]
    auto_submitted: Literal["no", "auto-generated", "auto-replied"] | None
    envelope_sender: str | EmailAddress | None
    provider_options: Iterable[ProviderOptions]
    also_to: Addresses
    category: str | None


@dataclass(frozen=True, slots=True)
class Email(Message):
    """A mail to one recipient, with further ones and copies. Addresses may be given as text or parsed, one or several.

    Raises InvalidMessage or InvalidAddress when it is made of what must not reach a server: no body, a control character in
    a header, a header that is not the caller's to set, a malformed address.
    """

    subject: str = field(repr=False)
    """Subject, one line."""
    text: str | None = field(default=None, repr=False)
    """Plain-text body. Give `text`, `html` or both."""
    html: str | None = field(default=None, repr=False)
    """HTML body."""
    sender: str | EmailAddress | None = None
    """From address, with a display name if needed. Default: the provider's configured sender."""
    cc: Addresses = ()
    """Further recipients that everyone sees."""
    bcc: Addresses = ()
    """Further recipients that nobody sees."""
    reply_to: Addresses = ()
    """Addresses for replies."""
    attachments: tuple[Attachment, ...] = ()
    """Files."""
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    """Further headers. Headers that carry addresses, identity or structure are refused."""
    list_unsubscribe: ListUnsubscribe | None = None
    """How the recipient leaves the list."""
    list_id: str | None = None
    """Name of the list in the form of a domain, such as `offers.example.com` (RFC 2919)."""
    in_reply_to: str | None = None
    """Message-ID that the mail answers, with angle brackets."""
    references: tuple[str, ...] = ()
    """Message-IDs of the conversation, oldest first, with angle brackets."""
    auto_submitted: Literal["no", "auto-generated", "auto-replied"] | None = None
    """Marks automatic mail (RFC 3834). Default: the provider's choice."""
    envelope_sender: str | EmailAddress | None = None
    """Address for bounces. Empty: none. Default: the provider's choice."""
    provider_options: tuple[ProviderOptions, ...] = ()
    also_to: Addresses = ()
    """Further recipients in To. The result names those that the server refused."""
    category: str | None = field(default=None, kw_only=True)
    """Purpose of the message: see `Message.category`."""

    if TYPE_CHECKING:  # a mail without a body is a mistake that type checkers find

        @overload
        def __init__(
            self,
            subject: str,
            text: str,
            html: str | None = None,
            sender: str | EmailAddress | None = None,
            cc: Addresses = (),
            bcc: Addresses = (),
            reply_to: Addresses = (),
            attachments: Iterable[Attachment] = (),
            headers: Mapping[str, str] = ...,
            **more: Unpack[EmailKeywords],
        ) -> None: ...
        @overload
        def __init__(
            self,
            subject: str,
            text: str | None = None,
            *,
            html: str,
            sender: str | EmailAddress | None = None,
            cc: Addresses = (),
            bcc: Addresses = (),
            reply_to: Addresses = (),
            attachments: Iterable[Attachment] = (),
            headers: Mapping[str, str] = ...,
            **more: Unpack[EmailKeywords],
        ) -> None: ...
        @overload
        def __init__(
            self,
            subject: str,
            text: str | None,
            html: str | None,
            sender: str | EmailAddress | None = None,
            cc: Addresses = (),
            bcc: Addresses = (),
            reply_to: Addresses = (),
            attachments: Iterable[Attachment] = (),
            headers: Mapping[str, str] = ...,
            **more: Unpack[EmailKeywords],
        ) -> None: ...

        def __init__(self, *given: Any, **more: Any) -> None: ...

    def __post_init__(self) -> None:
        """Check the fields, and bring the addresses and headers into their parsed, immutable form."""
        require_one_line(self.subject, "Email.subject")
        if self.text is None and self.html is None:
            raise InvalidMessage("has neither text nor html", field="Email", hint="give one or both")
        _parse_fields(self)
        if self.in_reply_to is not None or self.references or self.list_id is not None:
            _require_conversation(self)
        _require_images(self)
        if self.headers:
            _require_headers(self.headers)

    def __hash__(self) -> int:
        """Hash by what is cheap to hash; equal mails have equal hashes."""
        return hash((self.subject, self.text, self.html))

    @property
    def copies(self) -> tuple[EmailAddress, ...]:
        """The parsed addresses of also_to, cc and bcc."""
        return tuple(
            address for given in (self.also_to, self.cc, self.bcc) for address in parse_addresses(given)
        )

    def with_text(self) -> Email:
        """Return the email with a text made from its HTML, unless it has a text. Links follow their words.

        Raises:
            InvalidSetting: the extra `mail` is not installed.
        """
        if self.text is not None or self.html is None:
            return self
        return replace(self, text=text_of(self.html))

    def with_inlined_css(self) -> Email:
        """Return the mail with the rules of its `<style>` in the elements they are for, as many mail programs need it.

        Nothing is fetched: style sheets that the html only names stay where they are.

        Raises:
            InvalidSetting: the extra `mail` is not installed.
        """
        return self if self.html is None else replace(self, html=inline_css(self.html))

    def with_embedded_images(self, folder: Path) -> Email:
        """Return the mail with the images that its html names by a path below `folder` as inline attachments. Nothing is fetched.

        Raises:
            InvalidMessage: there is no such file, or it lies outside the folder.
        """
        if self.html is None:
            return self
        html, images = embed_images(self.html, folder)
        files = tuple(Attachment(path, path.name, "", content_id) for content_id, path in images.items())
        return replace(self, html=html, attachments=(*self.attachments, *files))

    def preview(self, folder: Path, *, to: str = "you@example.com", sender: str | None = None) -> Preview:
        """Write what the recipient sees into `folder`: the mail as a file, and as a page for the browser.

        `sender` stands in From where the mail names none. Attachments are read.

        Raises:
            BadInput: the mail could not be sent as it is.
        """
        from messaging_channels import messages  # noqa: PLC0415  rarely needed, and built on this module

        return messages.write_preview(self, folder, to=to, sender=sender)


def parse_addresses(addresses: Addresses) -> tuple[EmailAddress, ...]:
    """Return one or several addresses in their parsed form.

    Raises:
        InvalidAddress: one of them is none.
    """
    if addresses == ():
        return ()
    if isinstance(addresses, (str, EmailAddress)):
        addresses = (addresses,)
    if not isinstance(addresses, Iterable) or isinstance(addresses, (bytes, Mapping)):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise _no_addresses_error(cast("object", addresses))
    addresses = tuple(addresses)
    for one in addresses:
        if not isinstance(one, (str, EmailAddress)):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise _no_addresses_error(cast("object", one))
    return tuple(
        EmailAddress.parse(address) if isinstance(address, str) else address for address in addresses
    )


def _parse_fields(mail: Email) -> None:
    """Bring the fields that are given into their parsed form."""
    for name, parse in _PARSED.items():
        if (given := getattr(mail, name)) != ():
            object.__setattr__(mail, name, parse(given))
    for name in ("sender", "envelope_sender"):
        if isinstance(value := getattr(mail, name), str) and (value or name == "sender"):
            object.__setattr__(mail, name, EmailAddress.parse(value))


def _no_addresses_error(given: object) -> InvalidMessage:
    return InvalidMessage(
        f"must be addresses, got {'None' if given is None else type(given).__name__}",
        field="Email recipients",
        hint='write them like ["zoe@example.com"]',
    )


def _require_conversation(mail: Email) -> None:
    named = ((mail.in_reply_to,), "in_reply_to"), (mail.references, "references")
    for ids, name in named:
        if not all(_MESSAGE_ID.fullmatch(one) for one in ids if one is not None):
            raise InvalidMessage(
                "must be a Message-ID", field=f"Email.{name}", hint="write it like <id@example.com>"
            )
    if mail.list_id is not None and not _LIST_ID.fullmatch(mail.list_id):
        raise InvalidMessage(
            "must have the form of a domain", field="Email.list_id", hint="write it like offers.example.com"
        )


def _require_images(mail: Email) -> None:
    """Refuse html that shows an attachment which is not there."""
    if mail.html is None or "cid:" not in mail.html.lower():
        return
    missing = content_ids_in(mail.html) - {one.content_id for one in mail.attachments}
    if missing:
        raise InvalidMessage(
            f"refers to cid:{min(missing)[:40]}, but no attachment has this content_id",
            field="Email.html",
            hint="add it with Attachment.inline",
        )


def _require_headers(headers: Mapping[str, str]) -> None:
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or _RESERVED.fullmatch(name):
            raise InvalidMessage(
                "is written by the library",
                field=f"Email.headers[{name!r}]"[:100],
                hint="use the field of Email with this name, or leave it out",
            )
        require_one_line(value, f"Email.headers[{name!r}]")


_PARSED: Mapping[str, Callable[[Any], Any]] = {
    "also_to": parse_addresses,
    "cc": parse_addresses,
    "bcc": parse_addresses,
    "reply_to": parse_addresses,
    "attachments": tuple,
    "references": tuple,
}
_CONTENT_ID = re.compile(r"[A-Za-z0-9._@-]+")
_MESSAGE_ID = re.compile(r"<[!-;=?-~]{1,900}>")
_LIST_ID = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+")
_HTTPS = re.compile(r"https://[!-;=?-~]+", re.IGNORECASE)
_HEADER_NAME = re.compile(r"[!-9;-~]{1,76}")
_RESERVED = re.compile(
    r"from|to|cc|bcc|resent-.*|sender|reply-to|subject|date|message-id|mime-version|content-.*|received|return-path"
    r"|dkim-signature|arc-.*|authentication-results|list-unsubscribe(-post)?|list-id|in-reply-to|references|auto-submitted",
    re.IGNORECASE,
)
