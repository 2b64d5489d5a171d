"""The JSON form of messages, for the gateway and the command line: the built-in channels' own, and one that follows from a type's fields."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields
from datetime import timedelta
from functools import cache
from typing import Annotated, Any, ClassVar, Literal, TypeAlias, cast, get_type_hints

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, TypeAdapter, create_model
from pydantic.alias_generators import to_camel

from messaging_channels._model.errors import InvalidMessage
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
from messaging_channels.plugins.channel_spec import ChannelSpec

_TAG = "with-"
"""How the name of a form begins where a fault stands in one of several: no field is named so, and it is no part of the place."""
Line: TypeAlias = Annotated[str, Field(min_length=1, max_length=320)]
Url: TypeAlias = Annotated[str, Field(min_length=8, max_length=2048, pattern=r"^https?://[!-~]+$")]


class RequestModel(BaseModel):
    """Base class of request parts: unknown fields and wrong types are errors, and no error contains the input."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, hide_input_in_errors=True, alias_generator=to_camel
    )


class MessageRequest(RequestModel):
    """Base class of message bodies: a field `content`, and fields that need the scope for advanced options. Each channel has subclasses."""

    @property
    def fetched_urls(self) -> Iterator[str]:
        """The URLs that the provider, or the gateway, fetches."""
        yield from ()

    def to_message(self, sender: str | None) -> Message:
        """Return what it means.

        Raises:
            BadInput: it cannot be sent as it is.
        """
        raise NotImplementedError


class SmsContent(RequestModel):
    """What an SMS says; with media it is an MMS."""

    text: str = Field(min_length=1, examples=["My text message"])
    media: list[Url] = Field(default=[], max_length=10)
    flash: bool = False


class SmsRequest(MessageRequest):
    """An SMS."""

    content: SmsContent
    validity_seconds: int | None = Field(
        default=None,
        ge=1,
        le=172800,
        description="For how long it may be tried. Needs the scope send:advanced.",
    )

    @property
    def fetched_urls(self) -> Iterator[str]:
        """See MessageRequest."""
        yield from self.content.media

    def to_message(self, sender: str | None) -> Message:
        """See MessageRequest."""
        if self.content.media:
            return Mms(tuple(self.content.media), self.content.text, sender=sender)
        period = None if self.validity_seconds is None else timedelta(seconds=self.validity_seconds)
        return Sms(self.content.text, sender=sender, validity_period=period, flash=self.content.flash)


class TextContent(RequestModel):
    """Free text: only within 24 hours of what the person wrote last."""

    text: str = Field(min_length=1, max_length=4096, examples=["My text message"])
    preview_url: bool = False


class Template(RequestModel):
    """An approved template with its parameters."""

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
    return next((f"{_TAG}{name}" for name in ("template", "media") if name in given), f"{_TAG}text")


WhatsAppContent: TypeAlias = Annotated[
    Annotated[TextContent, Tag("with-text")]
    | Annotated[TemplateContent, Tag("with-template")]
    | Annotated[MediaContent, Tag("with-media")],
    Discriminator(_kind_of),
]


class WhatsAppRequest(MessageRequest):
    """A WhatsApp message."""

    content: WhatsAppContent

    @property
    def fetched_urls(self) -> Iterator[str]:
        """See MessageRequest."""
        if isinstance(self.content, MediaContent):
            yield self.content.media.url

    def to_message(self, sender: str | None) -> Message:
        """See MessageRequest."""
        content = self.content
        if isinstance(content, TextContent):
            return WhatsAppText(content.text, sender=sender, preview_url=content.preview_url)
        if isinstance(content, MediaContent):
            return _file(content.media, sender)
        template = content.template
        return WhatsAppTemplate(template.name, template.language, tuple(template.parameters), sender=sender)


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


class EmailRequest(MessageRequest):
    """A mail."""

    content: EmailContent

    def to_message(self, sender: str | None) -> Message:
        """See MessageRequest."""
        content = self.content
        return Email(
            content.subject,
            text=content.text,
            html=content.html,
            sender=sender,
            cc=content.cc,
            bcc=content.bcc,
            reply_to=content.reply_to,
            attachments=tuple(_attachment(one) for one in content.attachments),
        )


def _file(media: File, sender: str | None) -> Message:
    """Return the message that is that file.

    Raises:
        InvalidMessage: such a file has no caption, or no name.
    """
    if media.caption and media.type in ("audio", "sticker"):
        raise InvalidMessage("has no caption", field=f"a file of type {media.type}", hint="leave it out")
    if media.filename and media.type != "document":
        raise InvalidMessage("has no name", field=f"a file of type {media.type}", hint="leave it out")
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
            "must be Base64", field="content.attachments", hint="encode the file by RFC 4648"
        ) from None
    return Attachment(content, file.filename, file.content_type, file.content_id)


class _DerivedContent(BaseModel):
    """The fields of one message type, as JSON has them."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        alias_generator=to_camel,
        ser_json_timedelta="float",
    )
    message_type: ClassVar[type[Message]] = Message

    def to_message(self, sender: str | None) -> Message:
        """Return the message."""
        kind, own = self.message_type, type(self).model_fields
        given = {
            name: getattr(self, name) for name in own if name in self.model_fields_set and name != "type"
        }
        if any(one.name == "sender" for one in fields(kind)):  # type: ignore[arg-type]
            given["sender"] = sender
        return kind(**given)


class _DerivedRequest(MessageRequest):
    """The body of a channel that declares no form of its own."""

    @property
    def fetched_urls(self) -> Iterator[str]:
        """See MessageRequest: whatever is an http URL in any of its fields named so."""
        yield from _urls_in(getattr(self, "content").model_dump())  # noqa: B009  the subclass has it

    def to_message(self, sender: str | None) -> Message:
        """See MessageRequest."""
        content: _DerivedContent = getattr(self, "content")  # noqa: B009  the subclass has it
        return content.to_message(sender)


def _urls_in(value: Any) -> Iterator[str]:  # noqa: ANN401  whatever a message holds
    if isinstance(value, dict):
        for one in cast("dict[str, Any]", value).values():
            yield from _urls_in(one)
    elif isinstance(value, (list, tuple)):
        for one in cast("list[Any]", value):
            yield from _urls_in(one)
    elif isinstance(value, str) and value.startswith(("https://", "http://")) and not set(value) & set(" \n"):
        yield value


@cache
def _request_model(same: _Same) -> type[MessageRequest]:
    spec = same.spec
    if spec.request is not None:
        model: type[MessageRequest] = spec.request()
        return model
    made = {word: _content_model(spec, word, kind) for word, kind in forms_of(spec).items()}
    first = next(iter(made))
    members: Any = next(iter(made.values()))
    if len(made) > 1:
        tagged = [Annotated[model, Tag(f"{_TAG}{word}")] for word, model in made.items()]
        union: Any = tagged[0]
        for one in tagged[1:]:
            union = union | one
        members = Annotated[union, Discriminator(lambda given: f"{_TAG}{_word_of(given, first)}")]
    return create_model(
        f"{_class_name(spec.name)}Request",
        __base__=_DerivedRequest,
        __doc__=f"{(spec.title or f'a message by {spec.name}').capitalize()}.",
        content=(members, ...),
    )


def request_of(spec: ChannelSpec) -> type[MessageRequest]:
    """Return the model of a channel's body: its own, or one that follows from the fields of its message types."""
    return _request_model(_Same(spec))


class _Same:
    """Holds a spec; two of one spec are the same to a cache, which keeps the spec alive."""

    def __init__(self, spec: ChannelSpec) -> None:
        self.spec = spec

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.spec is self.spec

    def __hash__(self) -> int:
        return id(self.spec)


def forms_of(spec: ChannelSpec) -> Mapping[str, type[Message]]:
    """Return the message types by their words in JSON."""
    return spec.forms or {kind.__name__: kind for kind in spec.message_types}


def message_from_json(spec: ChannelSpec, content: object, sender: str | None = None) -> Message:
    """Return the message of a channel that JSON describes, such as `{"type": "card", "title": "Hats"}`.

    Raises:
        InvalidMessage: it describes none: naming the field, never its value.
        BadInput: the message cannot be sent as it is.
    """
    from pydantic import ValidationError  # noqa: PLC0415

    try:
        given: MessageRequest = TypeAdapter(request_of(spec)).validate_python({"content": content})
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        where = ".".join(str(step) for step in first["loc"] if not str(step).startswith(_TAG))
        raise InvalidMessage(
            f"does not fit the channel {spec.name} ({first['type']})",
            field=where[:80] or "content",
            hint=f"see the form of {', '.join(forms_of(spec))}",
        ) from None
    return given.to_message(sender)


def _content_model(spec: ChannelSpec, word: str, kind: type[Message]) -> type[_DerivedContent]:
    hints = get_type_hints(kind)
    members: dict[str, Any] = {}
    if len(forms_of(spec)) > 1:
        members["type"] = (Literal[word], word)
    for one in fields(kind):  # type: ignore[arg-type]
        if one.name in _NOT_IN_CONTENT or not one.init:
            continue
        if one.default_factory is not MISSING:
            members[one.name] = (hints[one.name], Field(default_factory=one.default_factory))
        else:
            members[one.name] = (hints[one.name], ... if one.default is MISSING else one.default)
    model = create_model(
        f"{_class_name(spec.name)}{_class_name(word)}Content",
        __base__=_DerivedContent,
        __doc__=(kind.__doc__ or "").strip().partition("\n")[0] or word,
        **members,
    )
    model.message_type = kind
    return model


def _word_of(given: Any, first: str) -> str:  # noqa: ANN401  whatever came
    if isinstance(given, Mapping):
        return str(cast("Mapping[str, Any]", given).get("type", first))
    return str(getattr(given, "type", first))


def _class_name(word: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in word.replace("_", "-").split("-"))


_NOT_IN_CONTENT = frozenset({"sender", "provider_options", "category"})
