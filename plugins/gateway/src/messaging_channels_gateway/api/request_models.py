"""The bodies of the nine calls, and the messages they mean. What is required is as the system before had it; the rest is optional and new."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from messaging_channels.errors import InvalidMessage
from messaging_channels.messages import (
    Attachment,
    Email,
    Message,
    Mms,
    Sms,
    WhatsAppAudio,
    WhatsAppDocument,
    WhatsAppImage,
    WhatsAppSticker,
    WhatsAppTemplate,
    WhatsAppText,
    WhatsAppVideo,
)
from messaging_channels_gateway.problems import problem_of_validation

MAX_RECIPIENTS = 1000

Line: TypeAlias = Annotated[str, Field(min_length=1, max_length=320)]
Url: TypeAlias = Annotated[str, Field(min_length=8, max_length=2048, pattern=r"^https?://[!-~]+$")]
To: TypeAlias = Annotated[
    Line | Annotated[list[Line], Field(min_length=1, max_length=MAX_RECIPIENTS)],
    Field(description="An address; or several, who each get the message.", examples=["38598123456"]),
]
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)", re.ASCII)


def _parse_timestamp(value: object) -> datetime:
    """Read a time as RFC 3339 has it, which always has an offset; seconds may be left out."""
    try:
        if isinstance(value, str) and _MOMENT.fullmatch(value):
            return datetime.fromisoformat(value)
    except ValueError:
        pass
    raise PydanticCustomError("datetime_with_offset", "not a date and time with an offset")


Timestamp: TypeAlias = Annotated[
    datetime,
    BeforeValidator(_parse_timestamp),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]


class RequestModel(BaseModel):
    """What every part has: no unknown fields, no types but the right ones, and nothing of the input in an error."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, hide_input_in_errors=True, alias_generator=to_camel
    )


class SmsContent(RequestModel):
    """What an SMS says; with media it is an MMS."""

    text: str = Field(min_length=1, examples=["My text message"])
    media: list[Url] = Field(default=[], max_length=10)
    flash: bool = False


class TextContent(RequestModel):
    """Free text: only within 24 hours of what the person wrote last."""

    text: str = Field(min_length=1, max_length=4096, examples=["My text message"])
    preview_url: bool = False


class Template(RequestModel):
    """An approved template with its gaps filled."""

    name: str = Field(min_length=1, max_length=512)
    language: str = Field(min_length=2, max_length=15, examples=["en"])
    parameters: list[Annotated[str, Field(min_length=1)]] = Field(default=[], max_length=50)


class TemplateContent(RequestModel):
    """A template: the one thing that may open a conversation."""

    template: Template


class File(RequestModel):
    """A file by its public URL."""

    type: Literal["image", "video", "audio", "document", "sticker"]
    url: Url
    caption: str | None = Field(default=None, min_length=1, max_length=1024)
    filename: str | None = Field(default=None, min_length=1, max_length=240)


class MediaContent(RequestModel):
    """A file."""

    media: File


def _kind_of(content: Any) -> str:  # noqa: ANN401  whatever came
    given = content if isinstance(content, Mapping) else {}  # pyright: ignore[reportUnknownVariableType]
    return next((f"with-{name}" for name in ("template", "media") if name in given), "with-text")


WhatsAppContent: TypeAlias = Annotated[
    Annotated[TextContent, Tag("with-text")]
    | Annotated[TemplateContent, Tag("with-template")]
    | Annotated[MediaContent, Tag("with-media")],
    Discriminator(_kind_of),
]


class AttachedFile(RequestModel):
    """A file that goes with a mail."""

    filename: Line
    content_type: Line = "application/octet-stream"
    content: str = Field(description="Base64.", json_schema_extra={"contentEncoding": "base64"})
    content_id: str | None = Field(default=None, pattern=r"^[A-Za-z0-9._@-]+$")


AddressList: TypeAlias = Annotated[list[Line], Field(max_length=50)]


class EmailContent(RequestModel):
    """A mail: with text, with html, or with both."""

    model_config = ConfigDict(json_schema_extra={"anyOf": [{"required": ["text"]}, {"required": ["html"]}]})

    subject: str = Field(max_length=998, examples=["This is a test subject"])
    text: str | None = Field(default=None, examples=["This is test text email message"])
    html: str | None = Field(default=None, examples=["<b>This is test html email message</b>"])
    cc: AddressList = []
    bcc: AddressList = []
    reply_to: AddressList = []
    attachments: list[AttachedFile] = Field(default=[], max_length=20)


class _SendOptions(RequestModel):
    sender: str | None = Field(
        default=None,
        min_length=1,
        max_length=320,
        description="Who it comes from. Needs the scope send:advanced.",
    )
    callback_url: Url | None = Field(
        default=None, description="Where each change of its status is posted. Needs the scope send:advanced."
    )
    send_at: Timestamp | None = Field(
        default=None, description="When to send it, with an offset. Needs the scope send:advanced."
    )

    @property
    def uses_advanced_options(self) -> bool:
        """Whether anything is chosen that takes a right of its own."""
        return bool(self.sender or self.callback_url or self.send_at)

    @property
    def fetched_urls(self) -> Iterator[str]:
        """The URLs that somebody else is to fetch."""
        yield from ()


class SmsBody(_SendOptions):
    """An SMS to a User or a Person."""

    content: SmsContent
    validity_seconds: int | None = Field(
        default=None,
        ge=1,
        le=172800,
        description="For how long it may be tried. Needs the scope send:advanced.",
    )

    @property
    def uses_advanced_options(self) -> bool:
        """See _Options."""
        return super().uses_advanced_options or self.validity_seconds is not None

    @property
    def fetched_urls(self) -> Iterator[str]:
        """See _Options."""
        yield from self.content.media

    def to_message(self) -> Message:
        """Return what it means.

        Raises:
            BadInput: it cannot be sent as it is.
        """
        if self.content.media:
            return Mms(tuple(self.content.media), self.content.text, sender=self.sender)
        period = None if self.validity_seconds is None else timedelta(seconds=self.validity_seconds)
        return Sms(self.content.text, sender=self.sender, validity_period=period, flash=self.content.flash)


class WhatsAppBody(_SendOptions):
    """A WhatsApp message to a User or a Person."""

    content: WhatsAppContent

    @property
    def fetched_urls(self) -> Iterator[str]:
        """See _Options."""
        if isinstance(self.content, MediaContent):
            yield self.content.media.url

    def to_message(self) -> Message:
        """Return what it means.

        Raises:
            BadInput: it cannot be sent as it is.
        """
        content = self.content
        if isinstance(content, TextContent):
            return WhatsAppText(content.text, sender=self.sender, preview_url=content.preview_url)
        if isinstance(content, MediaContent):
            return _file(content.media, self.sender)
        template = content.template
        return WhatsAppTemplate(
            template.name, template.language, tuple(template.parameters), sender=self.sender
        )


class EmailBody(_SendOptions):
    """A mail to a User or a Person."""

    content: EmailContent

    def to_message(self) -> Message:
        """Return what it means.

        Raises:
            BadInput: it cannot be sent as it is.
        """
        content = self.content
        return Email(
            content.subject,
            text=content.text,
            html=content.html,
            sender=self.sender,
            cc=content.cc,
            bcc=content.bcc,
            reply_to=content.reply_to,
            attachments=tuple(_attachment(one) for one in content.attachments),
        )


class SmsToAddress(SmsBody):
    """An SMS to any number."""

    to: To


class WhatsAppToAddress(WhatsAppBody):
    """A WhatsApp message to any number."""

    to: To


class EmailToAddress(EmailBody):
    """A mail to any address."""

    to: To = Field(examples=["user@example.com"])


AnyBody: TypeAlias = SmsBody | WhatsAppBody | EmailBody
RECIPIENT_BODIES: Mapping[str, type[AnyBody]] = {"sms": SmsBody, "whatsapp": WhatsAppBody, "email": EmailBody}
"""What is sent to somebody whom a resolver finds, by channel."""
ADDRESS_BODIES: Mapping[str, type[SmsToAddress | WhatsAppToAddress | EmailToAddress]] = {
    "sms": SmsToAddress,
    "whatsapp": WhatsAppToAddress,
    "email": EmailToAddress,
}
"""What is sent to an address, by channel."""

Model = TypeVar("Model", bound=BaseModel)


def validate_body(model: type[Model], value: object) -> Model:
    """Return a body as its model.

    Raises:
        Problem: `invalid_body`, naming the fields.
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise problem_of_validation(error, _fields(model)) from None


def _fields(model: type[BaseModel]) -> frozenset[str]:
    """Return every name that a field has anywhere in the model's schema."""
    if model not in _NAMES:
        schema = model.model_json_schema(by_alias=True)
        parts = [schema, *schema.get("$defs", {}).values()]
        _NAMES[model] = frozenset(name for part in parts for name in part.get("properties", {}))
    return _NAMES[model]


def _file(media: File, sender: str | None) -> Message:
    """Return the message that is that file.

    Raises:
        InvalidMessage: such a file has no caption, or no name.
    """
    if media.caption and media.type in ("audio", "sticker"):
        raise InvalidMessage("it has no caption", field=f"a file of type {media.type}", hint="leave it out")
    if media.filename and media.type != "document":
        raise InvalidMessage("it has no name", field=f"a file of type {media.type}", hint="leave it out")
    if media.type == "audio":
        return WhatsAppAudio(media.url, sender=sender)
    if media.type == "sticker":
        return WhatsAppSticker(media.url, sender=sender)
    if media.type == "document":
        return WhatsAppDocument(media.url, sender=sender, caption=media.caption, filename=media.filename)
    kind = WhatsAppImage if media.type == "image" else WhatsAppVideo
    return kind(media.url, sender=sender, caption=media.caption)


def _attachment(file: AttachedFile) -> Attachment:
    try:
        content = base64.b64decode(file.content, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidMessage(
            "it is not Base64", field="content.attachments", hint="encode the file as RFC 4648 has it"
        ) from None
    return Attachment(content, file.filename, file.content_type, file.content_id)


_NAMES: dict[type[BaseModel], frozenset[str]] = {}
