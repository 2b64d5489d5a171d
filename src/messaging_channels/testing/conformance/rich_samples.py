"""Messages with everything in them: every text of the kit's own marked, so that it can be looked for in a request."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, cast

from messaging_channels._model.addresses import EmailAddress
from messaging_channels._model.errors import MessagingError
from messaging_channels.messages import (
    Attachment,
    Email,
    ListUnsubscribe,
    Message,
    Mms,
    Sms,
    WhatsAppButtons,
    WhatsAppContacts,
    WhatsAppDocument,
    WhatsAppImage,
    WhatsAppList,
    WhatsAppTemplate,
    WhatsAppText,
    WhatsAppVideo,
)
from messaging_channels.messages.whatsapp import ContactCard, ListRow, ListSection, ReplyButton
from messaging_channels.messages.whatsapp_commerce import ProductSection, WhatsAppProducts
from messaging_channels.messages.whatsapp_template import QuickReply, TextHeader
from messaging_channels.testing.conformance.further_samples import (
    MORE_VALUES,
    further_messages,
    generated_value,
    with_declared_only,
)
from messaging_channels.testing.conformance.nested_samples import NESTED

MARK = "zq"
"""What every text of these samples holds."""
_FILE = "https://files.example.com/zq-%d?a=1&b=%%C3%%A9"
_BYTES = bytes(range(256))
TEXTS = (
    "zq \"quoted\" \\back\\ <b>&amp;</b> 100% {name} [x] $1 'single' zq",
    "zq é ü ß zq",
    "zq 😀 Привет 你好 שלום zq",
    "  zq leads and trails\n\nwith\ttabs and lines zq  ",
    "zq one\r\ntwo zq",
    "zq " + "long words of a message " * 30 + "zq",
    "zq 1+1=2 \u2713 ﬁ ① Å e\u0301 \u00a0 5€ don't “quote” ... ?a=1&b=%C3%A9#f zq",
    "zq " + "longer words of a message " * 70 + "zq",
    "zq " + "längere Wörter 😀 здесь 你好 " * 28 + "zq",
    "zq C:\\new\\table \\u00e9 $$5 50%% {{a}} `code` a|b ^c *bold* _it_ ~no~ None zq.",
    "zq https://shop.example.com:8443/Zq/?b=x+y&a=1#F 12345678 +447700900999, 1,234.50 :-) zq",
    "zq 👍🏽 ❤️ 🇬🇧 👩‍👩‍👧 \u200e\u200f\ufeff \u2028 zq",
    "zq " + "very long words of a message " * 120 + "zq",
    "zq " + "even longer words of a message " * 170 + "zq",
)
"""Texts that are lost or changed where somebody joins strings by hand, strips, cuts, or guesses a charset."""
_RICH: tuple[Message, ...] = (
    Sms("zq text"),
    Mms((_FILE % 2, _FILE % 1, _FILE % 3), text="zq words"),
    Email("zq subject", text="zq text"),
    WhatsAppText("zq text"),
    WhatsAppImage(_FILE % 1),
    WhatsAppVideo(_FILE % 1),
    WhatsAppDocument(_FILE % 1),
    WhatsAppTemplate("zq_template", "en"),
    WhatsAppContacts((ContactCard("zq Ann", "zq Smith", phones=("+447700900777",)), ContactCard("zq Ben"))),
    WhatsAppButtons(
        text="zq text",
        buttons=(ReplyButton("zq-1", "zq Yes"), ReplyButton("zq-2", "zq No"), ReplyButton("zq-3", "zq Oh")),
    ),
    WhatsAppList(
        text="zq text",
        button="zq Menu",
        sections=(
            ListSection((ListRow("zq-1", "zq One", "zq first"), ListRow("zq-2", "zq Two")), "zq A"),
            ListSection((ListRow("zq-3", "zq Three"),), "zq B"),
        ),
    ),
    WhatsAppProducts(
        text="zq text",
        header="zq Goods",
        catalog_id="zq-c",
        sections=(ProductSection(("zq-p1", "zq-p2"), "zq Hats"), ProductSection(("zq-p3",), "zq Caps")),
    ),
)
_BY_TYPE: dict[type[Message], Message] = {type(one): one for one in _RICH}
_VALUES: dict[str, Any] = {
    "sender": "447700900009",
    "Email.sender": 'zq "Shop", Inc. <zqdesk@example.com>',
    "text": "zq other words",
    "html": '<p>zq "words" &amp; é <a href="https://shop.example.com/zq?a=1&amp;b=2">more</a></p>',
    "cc": ("zqcara@example.com", EmailAddress("zqCarl", "example.com", 'zq Carl, "C"')),
    "bcc": ("zqben@example.com", "zqbea@example.com"),
    "also_to": ("zqdora@example.com", "zqdan@example.com"),
    "Email.reply_to": ("zqhelp@example.com", "zqmore@example.com"),
    "reply_to": "wamid.zq2",
    "attachments": (
        Attachment(_BYTES, "zq bill.pdf", "application/pdf"),
        Attachment(b"zq\r\n\xff\x00" + _BYTES, "zq-two.bin"),
        Attachment.inline(b"\x89PNG\r\n\x1a\n" + _BYTES, "zq-logo", content_type="image/png"),
    ),
    "headers": {"X-Zq": "zq-value", "X-Zq-More": "zq more"},
    "list_unsubscribe": ListUnsubscribe(
        url="https://shop.example.com/zq-leave?a=1", mailto="zqleave@example.com"
    ),
    "list_id": "zq-offers.example.com",
    "in_reply_to": "<zq-9@example.com>",
    "references": ("<zq-0@example.com>", "<zq-1@example.com>"),
    "envelope_sender": "zqbounce@example.com",
    "caption": 'zq a "caption" & é',
    "filename": "zq bill é.pdf",
    "name": "zq Tower",
    "address": "zq Tower Hill",
    "header": "zq a line",
    "WhatsAppTemplate.header": TextHeader(("zq header",)),
    "footer": "zq a foot",
    "parameters": ('zq "one"', "zq two é", "zq four", "zq three"),
    "buttons": (QuickReply("zq-yes"), QuickReply("zq-no")),
    "thumbnail_product_id": "zq-p1",
    "button": "zq Ring us",
    "payload": "zq-payload",
    "values": {"name": "zq Zoe"},
    "screen": "zq-screen",
    "data": {"size": "zq L", "deep": {"er": ["zq a", "zq b"]}},
}
_ORDERED = frozenset(
    {"media", "attachments", "buttons", "cards", "sections", "parameters", "contacts", "references"}
)


@dataclass(frozen=True)
class Leaf:
    """One text or file of a message."""

    path: str
    value: str | bytes | EmailAddress


def rich_messages(
    plain: Message,
    declared: frozenset[str],
    optional: list[str],
    given: Mapping[str, Any],
    is_taken: Callable[[Message], bool],
    more: Mapping[str, tuple[Any, ...]] = MORE_VALUES,
) -> Iterator[tuple[str, Message]]:
    """Return the message with several elements, and with each declared optional field in turn: what is looked at, and the message.

    Where the provider does not take the kit's own message, such as a template that the account has not, the fixtures' is filled in. `more` has further
    values of fields, as `MORE_VALUES` has.
    """
    kind = type(plain)
    base = _BY_TYPE.get(kind, plain)
    base = base if base is plain or is_taken(base) else plain
    for one in (base, *NESTED.get(kind, ()), *further_messages(kind)):
        yield "", one
        reduced = with_declared_only(one, declared)
        if reduced is not None and reduced is not one:
            yield "", reduced
    combined = base
    for name, value in _set_fields(base, declared.intersection(optional), given, more):
        message = _with_value(base, name, value)
        if message is not None:
            yield name, message
            combined = _with_value(combined, name, value) or combined
    yield "", combined


def _set_fields(
    base: Message, names: frozenset[str], given: Mapping[str, Any], more: Mapping[str, tuple[Any, ...]]
) -> Iterator[tuple[str, Any]]:
    """Return the values to try, in the order of the fields' names."""
    return ((name, value) for name in sorted(names) for value in _values_of(base, name, given, more))


def _values_of(
    message: Message, name: str, given: Mapping[str, Any], more: Mapping[str, tuple[Any, ...]]
) -> list[Any]:
    """Return the values to try for a field: those that the fixtures give alone, or else the kit's."""
    named = f"{type(message).__name__}.{name}"
    if named in given:
        return [given[named]]
    known = [_VALUES.get(named, _VALUES.get(name)), *more.get(named, more.get(name, ()))]
    told = [value for value in known if value is not None] or [generated_value(message, name)]
    return [value for value in told if value is not None]


def _with_value(message: Message, name: str, value: Any) -> Message | None:  # noqa: ANN401  whatever the field holds
    try:
        return cast("Message", replace(cast("Any", message), **{name: value}))
    except (MessagingError, TypeError):
        return None


def marked_leaves(message: Message, name: str = "") -> list[Leaf]:
    """Return the marked texts, files and addresses of a message, or of one field of it."""
    held = getattr(message, name) if name else message
    return [leaf for leaf in _leaves(held, name or type(message).__name__) if _is_marked(leaf.value)]


def ordered_fields(message: Message) -> Iterator[tuple[str, list[Leaf]]]:
    """Return the fields whose elements have an order, with the first marked leaf of each element."""
    for one in fields(cast("Any", message)):
        held = getattr(message, one.name)
        if one.name in _ORDERED and isinstance(held, tuple):
            firsts = [_first_text(part, one.name) for part in cast("tuple[Any, ...]", held)]
            yield one.name, [leaf for leaf in firsts if leaf is not None]


def _first_text(part: Any, name: str) -> Leaf | None:  # noqa: ANN401  an element of any field
    if getattr(part, "content_id", None):
        return None  # what is inline goes before other files
    texts = (leaf for leaf in _leaves(part, name) if isinstance(leaf.value, str))
    return next((leaf for leaf in texts if _is_marked(leaf.value)), None)


def _is_marked(value: str | bytes | EmailAddress) -> bool:
    return MARK in value if isinstance(value, str) else True


def _leaves(value: Any, path: str) -> Iterator[Leaf]:  # noqa: ANN401  whatever a message holds
    if isinstance(value, (str, bytes, EmailAddress)):
        yield Leaf(path, value)
        return
    if isinstance(value, Attachment) and not isinstance(value.content, bytes):
        yield Leaf(f"{path}.content", value.read())
    for step, one in _parts_of(value):
        yield from _leaves(one, f"{path}{step}")


def _parts_of(value: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401  whatever a message holds
    if isinstance(value, Mapping):
        yield from ((f"[{name}]", one) for name, one in cast("Mapping[str, Any]", value).items())
    elif isinstance(value, (tuple, list)):
        yield from ((f"[{number}]", one) for number, one in enumerate(cast("list[Any]", value)))
    elif is_dataclass(value):
        names = [one.name for one in fields(value) if one.name != "provider_options"]
        yield from ((f".{name}", getattr(value, name)) for name in names)
