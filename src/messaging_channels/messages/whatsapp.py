"""WhatsApp messages that answer a person: allowed only within 24 hours of the person's last message to the business.

One vocabulary for all providers. A limit that holds for all of them is checked here; a stricter one is the provider's.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from messaging_channels._model.errors import InvalidMessage
from messaging_channels.messages._base import Message, ProviderOptions, require, require_count
from messaging_channels.messages.media import Media
from messaging_channels.messages.whatsapp_contacts import ContactCard as ContactCard  # noqa: PLC0414  named here too
from messaging_channels.messages.whatsapp_contacts import WhatsAppContacts as WhatsAppContacts  # noqa: PLC0414

_TEXT = 4096
_BODY = 1024
_CAPTION = 3000
_HEADER = _FOOTER = 60
_BUTTON_TITLE = 20
_ROW_TITLE, _ROW_DESCRIPTION = 24, 72
_MAX_BUTTONS, _MAX_ROWS = 3, 10


def _as_media(value: str | Media) -> Media:
    return Media(url=value) if isinstance(value, str) else value


@dataclass(frozen=True, slots=True)
class WhatsAppText(Message):
    """Free text."""

    text: str = field(repr=False)
    sender: str | None = None
    """The registered number it comes from. None for the account's own; so for every type here."""
    reply_to: str | None = None
    """The provider's id of the message that is quoted; so for every type here."""
    provider_options: tuple[ProviderOptions, ...] = ()
    category: str | None = field(default=None, kw_only=True)
    preview_url: bool = False
    """Whether the first link is shown with a preview."""

    def __post_init__(self) -> None:
        """Check the text."""
        require(self.text, "WhatsAppText.text", at_most=_TEXT)


@dataclass(frozen=True, slots=True)
class _File(Message):
    """A message that is a file. `media` may be given as the text of a URL."""

    media: str | Media
    sender: str | None = None
    reply_to: str | None = None
    provider_options: tuple[ProviderOptions, ...] = ()
    category: str | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        """Bring the media into its parsed form."""
        object.__setattr__(self, "media", _as_media(self.media))

    @property
    def file(self) -> Media:
        """The media, parsed."""
        return _as_media(self.media)

    @property
    def uploads(self) -> tuple[Media, ...]:
        """The file, if the provider has to upload its bytes."""
        return self.file.as_upload()


@dataclass(frozen=True, slots=True)
class _Captioned(_File):
    """A file with words below it."""

    caption: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Check the caption."""
        object.__setattr__(self, "media", _as_media(self.media))
        if self.caption is not None:
            require(self.caption, f"{type(self).__name__}.caption", at_most=_CAPTION)


@dataclass(frozen=True, slots=True)
class WhatsAppImage(_Captioned):
    """A JPEG or PNG image."""


@dataclass(frozen=True, slots=True)
class WhatsAppVideo(_Captioned):
    """An MP4 or 3GPP video."""


@dataclass(frozen=True, slots=True)
class WhatsAppDocument(_Captioned):
    """A document of any type."""

    filename: str | None = None
    """The name it is shown under."""


@dataclass(frozen=True, slots=True)
class WhatsAppAudio(_File):
    """A sound file."""

    voice: bool = False
    """Whether it is shown as a voice note (OGG with Opus)."""


@dataclass(frozen=True, slots=True)
class WhatsAppSticker(_File):
    """A WebP sticker, 512 by 512 pixels."""


@dataclass(frozen=True, slots=True)
class WhatsAppLocation(Message):
    """A place on the map, in degrees (WGS 84)."""

    latitude: float
    longitude: float
    name: str | None = field(default=None, repr=False)
    address: str | None = field(default=None, repr=False)
    sender: str | None = None
    reply_to: str | None = None
    provider_options: tuple[ProviderOptions, ...] = ()
    category: str | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        """Check that the place is on Earth."""
        for name, limit in (("latitude", 90), ("longitude", 180)):
            if not -limit <= getattr(self, name) <= limit:
                raise InvalidMessage(
                    f"must be between -{limit} and {limit} degrees",
                    field=f"WhatsAppLocation.{name}",
                    hint="check the coordinates, and their order",
                )


@dataclass(frozen=True, slots=True)
class WhatsAppReaction(Message):
    """An emoji on a message that the person sent. An empty text removes it."""

    emoji: str
    message_id: str
    """The provider's id of the message."""
    sender: str | None = None
    provider_options: tuple[ProviderOptions, ...] = ()
    category: str | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        """Check that it names a message."""
        require(self.message_id, "WhatsAppReaction.message_id")


@dataclass(frozen=True, slots=True)
class ReplyButton:
    """A button. Its `id` is returned when the person presses it."""

    id: str
    title: str

    def __post_init__(self) -> None:
        """Check the lengths."""
        require(self.id, "ReplyButton.id", at_most=256)
        require(self.title, "ReplyButton.title", at_most=_BUTTON_TITLE)


@dataclass(frozen=True, slots=True)
class ListRow:
    """A row of a list. Its `id` is returned when the person chooses the row."""

    id: str
    title: str
    description: str | None = None

    def __post_init__(self) -> None:
        """Check the lengths."""
        require(self.id, "ListRow.id", at_most=200)
        require(self.title, "ListRow.title", at_most=_ROW_TITLE)
        if self.description is not None:
            require(self.description, "ListRow.description", at_most=_ROW_DESCRIPTION)


@dataclass(frozen=True, slots=True)
class ListSection:
    """Rows under a title; only a list of one section may do without the title."""

    rows: tuple[ListRow, ...]
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interactive(Message):
    """Words with something to press."""

    text: str = field(repr=False)
    header: str | Media | None = field(default=None, repr=False)
    """Header: one line of text, or an image, video or document."""
    footer: str | None = field(default=None, repr=False)
    sender: str | None = None
    reply_to: str | None = None
    provider_options: tuple[ProviderOptions, ...] = ()
    category: str | None = field(default=None, kw_only=True)

    @property
    def uploads(self) -> tuple[Media, ...]:
        """The file of the header, if the provider has to upload its bytes."""
        return self.header.as_upload() if isinstance(self.header, Media) else ()

    def check(self) -> None:
        """Refuse words that are too long."""
        name = type(self).__name__
        require(self.text, f"{name}.text", at_most=_BODY)
        if isinstance(self.header, str):
            require(self.header, f"{name}.header", at_most=_HEADER)
        if self.footer is not None:
            require(self.footer, f"{name}.footer", at_most=_FOOTER)


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatsAppButtons(Interactive):
    """Up to three buttons that answer."""

    buttons: tuple[ReplyButton, ...]

    def __post_init__(self) -> None:
        """Check the number of buttons, and that they differ."""
        self.check()
        require_count(len(self.buttons), "WhatsAppButtons.buttons", at_least=1, at_most=_MAX_BUTTONS)
        require_distinct([button.id for button in self.buttons], "WhatsAppButtons.buttons")


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatsAppList(Interactive):
    """A menu of up to ten rows."""

    button: str
    """Label of the button that opens the menu."""
    sections: tuple[ListSection, ...]

    def __post_init__(self) -> None:
        """Check the number of rows, and that they differ."""
        self.check()
        require(self.button, "WhatsAppList.button", at_most=_BUTTON_TITLE)
        rows = [row.id for section in self.sections for row in section.rows]
        require_count(len(rows), "WhatsAppList rows", at_least=1, at_most=_MAX_ROWS)
        require_distinct(rows, "WhatsAppList rows")
        untitled = [index for index, section in enumerate(self.sections) if not section.title]
        if len(self.sections) > 1 and untitled:
            raise InvalidMessage(
                "needs a title, as there are several sections",
                field=f"WhatsAppList.sections[{untitled[0]}]",
                hint="give it one",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatsAppUrlButton(Interactive):
    """A text with a button that opens a page."""

    button: str
    url: str = field(repr=False)

    def __post_init__(self) -> None:
        """Check the button."""
        self.check()
        require(self.button, "WhatsAppUrlButton.button", at_most=_BUTTON_TITLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatsAppLocationRequest(Interactive):
    """Ask where the person is."""

    def __post_init__(self) -> None:
        """Check the text."""
        self.check()


def require_distinct(ids: list[str], name: str) -> None:
    """Refuse ids of which two are the same."""
    if repeated := [one for one in ids if ids.count(one) > 1]:
        raise InvalidMessage(
            f"must have different ids; {repeated[0][:40]!r} is there twice",
            field=name,
            hint="give each one an id of its own",
        )
