"""The channel: what its addresses are, what travels on it, and the value that tells the library about both.

Source: https://core.telegram.org/bots/api
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, ClassVar

from messaging_channels.errors import InvalidAddress, InvalidMessage
from messaging_channels.messages import Content, Message, ProviderOptions, Rendering
from messaging_channels.plugins import ChannelSpec

MAX_TEXT, MAX_CAPTION, MAX_BUTTONS, MAX_LABEL = 4096, 1024, 100, 64
MAX_DATA_BYTES = 64


@dataclass(frozen=True, slots=True, repr=False)
class ChatId:
    """A chat: a whole number, negative for a group."""

    id: str

    @classmethod
    def parse(cls, text: str) -> ChatId:
        """Parse a number of up to 20 digits.

        Raises:
            InvalidAddress: it is none.
        """
        if not _CHAT_ID.fullmatch(text.strip()):
            raise InvalidAddress(
                "it is no chat id", kind="chat id", hint="take it from a message that the chat sent"
            )
        return cls(text.strip())

    @property
    def plain(self) -> str:
        """The number."""
        return self.id

    @property
    def masked(self) -> str:
        """Its last two digits."""
        return f"•••{self.id[-2:]}"

    def __str__(self) -> str:
        """Show the masked form."""
        return self.masked

    __repr__ = __str__


@dataclass(frozen=True, slots=True)
class TelegramButton:
    """A button under a message: it opens a page, or comes back as an answer."""

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    text: str = field(repr=False)
    data: str = field(default="", repr=False)
    """What comes back as the `payload` when it is pressed: at most 64 bytes; the text itself without it."""
    url: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Check the lengths."""
        _require(self.text, "TelegramButton.text", MAX_LABEL)
        if len((self.data or self.text).encode("utf-8", "replace")) > MAX_DATA_BYTES:
            raise InvalidMessage("over 64 bytes", field="TelegramButton.data", hint="shorten it")


@dataclass(frozen=True, slots=True)
class TelegramText(Message):
    """A text, with rows of buttons."""

    text: str = field(repr=False)
    buttons: tuple[TelegramButton, ...] = field(default=(), repr=False)
    silent: bool = False
    """Whether it arrives without a sound."""
    provider_options: tuple[ProviderOptions, ...] = ()
    category: str | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        """Check the lengths."""
        _require(self.text, "TelegramText.text", MAX_TEXT)
        _require_buttons(self.buttons, "TelegramText.buttons")


@dataclass(frozen=True, slots=True)
class TelegramPhoto(Message):
    """A picture by its public URL."""

    url: str = field(repr=False)
    caption: str = field(default="", repr=False)
    buttons: tuple[TelegramButton, ...] = field(default=(), repr=False)
    silent: bool = False
    provider_options: tuple[ProviderOptions, ...] = ()
    category: str | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        """Check the URL and the lengths."""
        if not self.url.startswith(("https://", "http://")):
            raise InvalidMessage("it is no http URL", field="TelegramPhoto.url", hint="give https://…")
        if len(self.caption) > MAX_CAPTION:
            raise InvalidMessage(
                f"over {MAX_CAPTION} characters", field="TelegramPhoto.caption", hint="shorten it"
            )
        _require_buttons(self.buttons, "TelegramPhoto.buttons")


def render(content: Content) -> Rendering:
    """Write declared content: see `messaging_channels.messages.Adaptive`. Nothing is lost but a label that is too long."""
    lost: frozenset[str] = frozenset()
    buttons = [TelegramButton(one) for one in content.buttons if len(one.encode()) <= MAX_DATA_BYTES]
    if len(buttons) < len(content.buttons):
        buttons, lost = [], frozenset({"buttons"})
    if content.link is not None:
        buttons.append(TelegramButton((content.link.label or "Open")[:MAX_LABEL], "open", content.link.url))
    words = "\n".join(part for part in (content.title, content.text, content.file) if part)
    reduced = content.parts & {"title", "file"}
    if content.picture and len(words) <= MAX_CAPTION:
        photo = TelegramPhoto(content.picture, words, tuple(buttons), category=content.category)
        return Rendering(photo, lost, reduced)
    words = "\n".join(part for part in (words, content.picture) if part)
    text = TelegramText(words, tuple(buttons), category=content.category)
    return Rendering(text, lost, reduced | (content.parts & {"picture"}))


def _require(text: str, name: str, at_most: int) -> None:
    if not 1 <= len(text.strip()) <= at_most or len(text) > at_most:
        raise InvalidMessage(f"1 to {at_most} characters are allowed", field=name, hint="change its length")


def _require_buttons(buttons: tuple[TelegramButton, ...], name: str) -> None:
    if len(buttons) > MAX_BUTTONS:
        raise InvalidMessage(
            f"{len(buttons)} given, {MAX_BUTTONS} allowed", field=name, hint="leave some out"
        )


_CHAT_ID = re.compile(r"-?[0-9]{1,20}", re.ASCII)

TELEGRAM = ChannelSpec(
    name="telegram",
    address_type=ChatId,
    parse=ChatId.parse,
    message_types=(TelegramText, TelegramPhoto),
    example="900100200",
    title="a Telegram message",
    forms={"text": TelegramText, "photo": TelegramPhoto},
    render=render,
    sandbox={"900100001": "reject", "900100002": "throttle"},
    samples=(TelegramText("Canary words 7c1f"), TelegramPhoto("https://files.example.com/zq-1")),
    field_values={
        "TelegramText.silent": True,
        "TelegramText.buttons": (
            TelegramButton("zq Yes", "zq-yes"),
            TelegramButton("zq More", url="https://shop.example.com/zq"),
        ),
        "TelegramPhoto.silent": True,
        "TelegramPhoto.caption": "zq a caption",
        "TelegramPhoto.buttons": (TelegramButton("zq Yes", "zq-yes"),),
    },
)
