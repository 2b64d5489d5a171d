"""Content that is declared once and written for each channel that may carry it, with a report of what a channel has no place for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias, get_args

from messaging_channels._model.errors import InvalidMessage
from messaging_channels._model.values import as_texts
from messaging_channels.messages._base import Message, require, require_count, require_http_url
from messaging_channels.messages.email import Email
from messaging_channels.messages.fallback import Fallback
from messaging_channels.messages.media import Media
from messaging_channels.messages.sms import Sms
from messaging_channels.messages.whatsapp import (
    ReplyButton,
    WhatsAppButtons,
    WhatsAppDocument,
    WhatsAppImage,
    WhatsAppText,
    WhatsAppUrlButton,
)

if TYPE_CHECKING:
    from messaging_channels.messages.whatsapp_template import WhatsAppTemplate

Part: TypeAlias = Literal["title", "text", "picture", "buttons", "link", "file"]
PARTS: frozenset[str] = frozenset(get_args(Part))
_MAX_BUTTONS = 10
_WHATSAPP_BUTTONS, _WHATSAPP_BUTTON, _WHATSAPP_TEXT, _WHATSAPP_HEADER, _WHATSAPP_CAPTION = (
    3,
    20,
    1024,
    60,
    1024,
)


@dataclass(frozen=True, slots=True)
class Link:
    """A page that belongs to the message."""

    url: str = field(repr=False)
    """http or https."""
    label: str = field(default="", repr=False)
    """Label of a button with the link. A plain text shows the URL without it."""

    def __post_init__(self) -> None:
        """Check the URL."""
        require_http_url(self.url, "Link.url")


@dataclass(frozen=True, slots=True)
class Content:
    """Content that can be sent on any channel."""

    text: str = field(repr=False)
    title: str = field(default="", repr=False)
    picture: str | None = field(default=None, repr=False)
    """The public URL of a picture."""
    buttons: tuple[str, ...] = field(default=(), repr=False)
    """Answers to choose from, at most 10, by their words. The word that was chosen comes back as `MessageReceived.payload`."""
    link: Link | None = None
    file: str | None = field(default=None, repr=False)
    """The public URL of a file."""
    sender: str | None = None
    category: str | None = field(default=None, kw_only=True)
    """Purpose of the content: see `Message.category`."""
    template: WhatsAppTemplate | None = field(default=None, kw_only=True)
    """Template that is sent on WhatsApp instead: outside the 24 hours after a person wrote, only templates reach anybody."""

    def __post_init__(self) -> None:
        """Check the parts.

        Raises:
            InvalidMessage: there is no text, or something is no http URL or too much.
        """
        object.__setattr__(self, "buttons", tuple(as_texts(self.buttons)))
        require(self.text, "Content.text")
        require_count(len(self.buttons), "Content.buttons", at_least=0, at_most=_MAX_BUTTONS)
        for place, label in enumerate(self.buttons):
            require(label, f"Content.buttons[{place}]")
        for name in ("picture", "file"):
            if (url := getattr(self, name)) is not None:
                require_http_url(url, f"Content.{name}")

    @property
    def parts(self) -> frozenset[str]:
        """The names of the parts it has."""
        return frozenset(name for name in PARTS if getattr(self, name))


@dataclass(frozen=True, slots=True)
class Rendering:
    """Result of rendering content for one channel."""

    message: Message
    lost: frozenset[str] = frozenset()
    """The parts that the channel has no place for: they are not in the message."""
    reduced: frozenset[str] = frozenset()
    """The parts that are in it in a plainer form: a picture as its URL, a button as words."""


class _Renders(Protocol):
    """A channel that content can be written for."""

    @property
    def name(self) -> str: ...
    @property
    def render(self) -> Callable[[Content], Rendering] | None: ...


@dataclass(frozen=True, slots=True)
class Adaptive:
    """Content for several channels: `Adaptive(Content(...), allow_loss={"buttons"})`.

    A part that a channel cannot carry at all is left out only where it is allowed; in a plainer form it is always carried (a picture as its URL).
    """

    content: Content
    allow_loss: frozenset[str] = frozenset()
    """Names of parts that may be left out: title, picture, buttons, link, file."""

    def __init__(self, content: Content, *, allow_loss: Iterable[str] = ()) -> None:
        """Take the content.

        Raises:
            InvalidMessage: `allow_loss` names something that is no part, or the text.
        """
        allowed = frozenset(as_texts(allow_loss))
        object.__setattr__(self, "content", content)
        object.__setattr__(self, "allow_loss", allowed)
        if unknown := allowed - (PARTS - {"text"}):
            raise InvalidMessage(
                f"has an unknown part: {min(unknown)[:40]!r}",
                field="Adaptive.allow_loss",
                hint=f"use {', '.join(sorted(PARTS - {'text'}))}",
            )

    def report(self, channel: _Renders) -> Rendering:
        """Return what becomes of the content on a channel, whether or not it is allowed.

        Raises:
            InvalidMessage: the channel takes no declared content at all.
        """
        if channel.render is None:
            raise InvalidMessage(
                f"the channel {channel.name} takes no declared content",
                field="Adaptive",
                hint="send one of its own messages, or give its spec a `render`",
            )
        return channel.render(self.content)

    def render(self, channel: _Renders) -> Rendering:
        """Return the message for a channel, and what it lacks.

        Raises:
            InvalidMessage: a part would be lost that may not be, or the channel takes no declared content.
        """
        rendering = self.report(channel)
        if forbidden := rendering.lost - self.allow_loss:
            raise InvalidMessage(
                f"cannot be written for {channel.name}, which does not support {', '.join(sorted(forbidden))}",
                field="Adaptive",
                hint=f"allow it by allow_loss={set(forbidden)!r}, or leave {channel.name} out",
            )
        return rendering

    def fallback(
        self,
        channels: Sequence[_Renders],
        *,
        after: float = 300.0,
        on_unknown: Literal["hold", "next"] = "hold",
    ) -> Fallback:
        """Return the content as a fallback over these channels, in their order: see `Fallback`.

        Raises:
            InvalidMessage: a channel would lose what may not be lost.
        """
        return Fallback([self.render(one).message for one in channels], after=after, on_unknown=on_unknown)


def words_of(content: Content, *, with_title: bool = True, with_link: bool = True) -> str:
    """Return text, title, buttons and URLs as plain words, a paragraph each: for channels without a place of their own for them."""
    lines = [content.title] if with_title and content.title else []
    lines.append(content.text)
    if content.buttons:
        lines.append(" / ".join(content.buttons))
    if with_link and content.link is not None:
        label = f"{content.link.label}: " if content.link.label else ""
        lines.append(f"{label}{content.link.url}")
    lines += [url for url in (content.picture, content.file) if url]
    return "\n".join(lines)


def render_sms(content: Content) -> Rendering:
    """Write content as an SMS: everything in words. Buttons cannot be pressed, and a file is only named by its URL."""
    reduced = content.parts & {"title", "picture", "link", "file"}
    plain = Content(
        content.text, content.title, content.picture, (), content.link, content.file, content.sender
    )
    message = Sms(words_of(plain), sender=content.sender, category=content.category)
    return Rendering(message, content.parts & {"buttons"}, reduced)


def render_email(content: Content) -> Rendering:
    """Write content as a mail with text and html. Buttons of answers have no place in a mail."""
    plain = Content(
        content.text, content.title, content.picture, (), content.link, content.file, content.sender
    )
    paragraphs = [f"<p>{escape(content.text).replace(chr(10), '<br>')}</p>"]
    if content.picture:
        paragraphs.insert(0, f'<p><img src="{escape(content.picture)}" alt="" style="max-width:100%"></p>')
    if content.link is not None:
        label = escape(content.link.label or content.link.url)
        paragraphs.append(f'<p><a href="{escape(content.link.url)}">{label}</a></p>')
    if content.file:
        paragraphs.append(f'<p><a href="{escape(content.file)}">{escape(content.file)}</a></p>')
    heading = f"<h1>{escape(content.title)}</h1>" if content.title else ""
    subject = " ".join((content.title or content.text.partition("\n")[0])[:_SUBJECT].split())
    message = Email(
        subject,
        text=words_of(plain, with_title=False),
        html=f"<!doctype html><html><body>{heading}{''.join(paragraphs)}</body></html>",
        sender=content.sender,
        category=content.category,
    )
    return Rendering(message, content.parts & {"buttons"}, content.parts & {"file"})


def render_whatsapp(content: Content) -> Rendering:
    """Write content as the template it names, as a message with buttons, with a button to a page, as a picture, or as text."""
    if content.template is not None:
        return Rendering(content.template, frozenset(), content.parts - {"text"})
    header = _whatsapp_header(content)
    body = (
        content.text if header == content.title or not content.title else f"{content.title}\n{content.text}"
    )
    fits = len(body) <= _WHATSAPP_TEXT and not content.file
    reduced = content.parts & {"title"} if header != content.title else frozenset[str]()
    if content.buttons and fits and _buttons_fit(content):
        return _whatsapp_buttons(content, body, header, reduced)
    if content.link is not None and fits and not content.buttons and len(_label(content)) <= _WHATSAPP_BUTTON:
        message: Message = WhatsAppUrlButton(
            text=body,
            header=header,
            button=_label(content),
            url=content.link.url,
            sender=content.sender,
            category=content.category,
        )
        return Rendering(message, frozenset(), reduced)
    return _whatsapp_plain(content)


def _whatsapp_header(content: Content) -> Media | str | None:
    """Return what stands above the text: the picture, else a title that is short enough."""
    if content.picture:
        return Media(url=content.picture, content_type="image/jpeg")
    short = len(content.title) <= _WHATSAPP_HEADER and content.title.isprintable()
    return content.title if content.title and short else None


def _buttons_fit(content: Content) -> bool:
    buttons = content.buttons
    return (
        len(buttons) <= _WHATSAPP_BUTTONS
        and len(set(buttons)) == len(buttons)
        and all(len(one) <= _WHATSAPP_BUTTON for one in buttons)
    )


def _label(content: Content) -> str:
    return (content.link.label if content.link else "") or "Open"


def _whatsapp_buttons(
    content: Content, body: str, header: Media | str | None, reduced: frozenset[str]
) -> Rendering:
    text = f"{body}\n{content.link.url}" if content.link else body
    if len(text) > _WHATSAPP_TEXT:
        return _whatsapp_plain(content)
    message = WhatsAppButtons(
        text=text,
        header=header,
        buttons=tuple(ReplyButton(one, one) for one in content.buttons),
        sender=content.sender,
        category=content.category,
    )
    return Rendering(message, frozenset(), reduced | (content.parts & {"link"}))


def _whatsapp_plain(content: Content) -> Rendering:
    """Write content without anything to press: as a picture or file with a caption, or as text."""
    plain = Content(content.text, content.title, None, (), content.link, None, content.sender)
    words, lost = words_of(plain), content.parts & {"buttons"}
    reduced = content.parts & {"title", "link"}
    sender, category = content.sender, content.category
    caption = f"{words}\n{content.file}" if content.file and content.picture else words
    if content.picture and len(caption) <= _WHATSAPP_CAPTION:
        picture = WhatsAppImage(content.picture, caption=caption, sender=sender, category=category)
        return Rendering(picture, lost, reduced | (content.parts & {"file"}))
    if content.file and len(caption) <= _WHATSAPP_CAPTION:
        document = WhatsAppDocument(content.file, caption=caption, sender=sender, category=category)
        return Rendering(document, lost, reduced)
    both = Content(
        content.text, content.title, content.picture, (), content.link, content.file, content.sender
    )
    message = WhatsAppText(words_of(both), sender=sender, category=category)
    return Rendering(message, lost, reduced | (content.parts & {"picture", "file"}))


_SUBJECT = 150
