"""More messages to try providers with: what is easily cut, sorted, overwritten or guessed, in the simplest message that shows it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields, replace
from datetime import timedelta
from io import BytesIO
from types import UnionType
from typing import Any, Literal, Union, cast, get_args, get_origin, get_type_hints

from messaging_channels._model.addresses import EmailAddress
from messaging_channels._model.errors import MessagingError
from messaging_channels.messages import (
    Attachment,
    Email,
    ListUnsubscribe,
    Message,
    Mms,
    WhatsAppAudio,
    WhatsAppDocument,
    WhatsAppImage,
    WhatsAppLocation,
    WhatsAppReaction,
    WhatsAppSticker,
    WhatsAppTemplate,
    WhatsAppVideo,
)
from messaging_channels.plugins.provider import OUR_FIELDS

_FILE = "https://files.example.com/Zq-%d?B=2&a=1"
_PLACE = "https://files.example.com:8443/zq/Dir/?b=x+y&a=%2F&a=1#Zq"
_HARD = "zq 'a' \"b\" <i>&amp;</i> \\n $$ 50%% {{x}} é 😀 你好 zq"
_LARGE = b"zq" + bytes(range(256)) * 300
_SUBJECTS = (
    'zq "quoted", <b>&amp; \\ 100%',
    "zq é ü € 😀 Привет 你好",
    "zq " + "long words of a subject " * 12 + "zq",
)
FURTHER: tuple[Message, ...] = (
    Mms((_FILE % 3, _FILE % 1, _FILE % 2)),
    Mms((_FILE % 2, _FILE % 1, _FILE % 2)),
    *(
        kind(_PLACE)
        for kind in (WhatsAppImage, WhatsAppVideo, WhatsAppDocument, WhatsAppAudio, WhatsAppSticker)
    ),
    Mms((_PLACE, "https://files.example.com/zq/")),
    *(Email(one, text="zq text") for one in _SUBJECTS),
    Email("zq subject", html="<p>zq only in HTML</p>"),
    WhatsAppTemplate("zq_other_2", "pt_BR"),
    WhatsAppTemplate("zq_other_2", "es", ("zq c", "zq a", "zq b")),
    WhatsAppReaction("❤️", "wamid.zq9"),
    WhatsAppReaction("", "wamid.zq8"),
    WhatsAppLocation(-33.868821, 151.209296),
)
"""A provider may refuse one as a bad input."""
MORE_VALUES: Mapping[str, tuple[Any, ...]] = {
    "attachments": (
        (
            Attachment(b"zq one", "zq same.txt", "text/plain"),
            Attachment(b"zq two", "zq same.txt", "text/plain"),
        ),
        (Attachment(_LARGE, "zq large.bin", "application/octet-stream"),),
        (Attachment(lambda: BytesIO(b"zq of a stream \xff"), "zq stream.bin", "application/octet-stream"),),
        (Attachment(b"zq of a name", "zq bücher 你好.pdf", "application/pdf"),),
        (Attachment(b"zq of a quote", 'zq "Other" bill.pdf', "application/pdf"),),
        (Attachment(b"", "zq empty.txt", "text/plain"),),
        (Attachment(b"zq of a type", "zq 'Other' & Bill.PDF", "application/vnd.zq"),),
        (Attachment(b" zq ends in\r\n \0\0", f"zq {'long name ' * 8}.v2.bin", "application/octet-stream"),),
    ),
    "Email.reply_to": ((EmailAddress("zqHelp", "example.com", 'zq Help, "Desk"'),),),
    "auto_submitted": ("auto-generated",),
    "caption": (
        *tuple(f"zq {'long words of a caption ' * times}zq" for times in (12, 40, 120)),
        f"  {_HARD}\n\nzq  two  blanks  ",
    ),
    "Mms.text": (f"  {_HARD}\n\nzq  two  blanks  ", f"zq {'long words of a message ' * 60}zq"),
    "header": (_HARD,),
    "WhatsAppTemplate.header": (),
    "footer": (_HARD,),
    "name": (_HARD,),
    "address": (_HARD,),
    "list_unsubscribe": (
        ListUnsubscribe(mailto="zqleave@example.com"),
        ListUnsubscribe(url="https://shop.example.com/zq-leave/2"),
        ListUnsubscribe(
            url="https://shop.example.com/zq-Leave?U=B%20c&a=1",
            mailto="zqLeave@example.com?subject=zq%20Stop",
        ),
    ),
    "validity_period": (timedelta(seconds=90), timedelta(hours=47)),
    "html": (
        "<p>zq é 😀 &nbsp; <br/>\n  two  blanks</p>",
        (
            "<!DOCTYPE html>\n<HTML><head><style>p{color:#f00}</style></head><body><!-- zq note on cid:zq -->"
            '<P CLASS="Zq" data-x=\'1\'>zq <img src="https://files.example.com/Zq.png"></P></body></HTML>'
        ),
        f"<p>zq {'long words of a mail ' * 1500}zq</p>",
    ),
}
"""Further values of optional fields, by name, with the type's before it where it is meant alone."""
VALUES_TO_LOOK_FOR: Mapping[str, tuple[Any, ...]] = {
    "headers": (
        {"X-Zq-Long": f"zq {'words of a long value ' * 6}zq"},
        {"Importance": "zq", "Feedback-ID": "zq:offers"},
        {"X-Zq-Case": "zq Mixed Case; a=1, b"},
        {"X-Zq-Wide": "zq é 你好"},
    ),
    "sender": ("zqShop", "zq Shop 1"),
    "Email.sender": (),
}
"""Values that are looked for in requests, and that a reader of requests need not know."""


def further_messages(kind: type[Message]) -> Iterator[Message]:
    """Return more messages of a type."""
    return (one for one in FURTHER if type(one) is kind)


def with_declared_only(message: Message, declared: frozenset[str]) -> Message | None:
    """Return the message with its undeclared optional fields left out; None where it then is none."""
    left = {
        one.name: _default(one)
        for one in _optional(message)
        if one.name not in declared and getattr(message, one.name) != _default(one)
    }
    try:
        return cast("Message", replace(cast("Any", message), **left)) if left else message
    except (MessagingError, TypeError):
        return None


def generated_value(message: Message, name: str) -> Any:  # noqa: ANN401  whatever the field holds
    """Return another value for an optional field by its type alone; None where the type tells none."""
    try:
        hint = get_type_hints(type(message))[name]
    except (NameError, TypeError, KeyError):
        return None
    return _of_type(hint, getattr(message, name))


def _of_type(hint: Any, given: object) -> Any:  # noqa: ANN401  any annotation
    if hint is bool:
        return not given
    inner: list[Any] = [one for one in get_args(hint) if one is not type(None)]
    if get_origin(hint) in (Union, UnionType):
        return next(filter(None, map(_VALUES.get, inner)), None) or _other_word(inner[0], given)
    return _VALUES.get(hint) or _other_word(hint, given)


def _other_word(hint: Any, given: object) -> str | None:  # noqa: ANN401  any annotation
    """Return another one of the words that a type allows; None for another type."""
    words: tuple[Any, ...] = get_args(hint) if get_origin(hint) is Literal else ()
    return next((one for one in words if one != given), None)


_VALUES: Mapping[Any, Any] = {
    int: 7,
    float: 7.5,
    timedelta: timedelta(hours=1),
    tuple[str, ...]: ("zq a", "zq b"),
}


def _optional(message: Message) -> list[Field[Any]]:
    return [
        one
        for one in fields(cast("Any", message))
        if one.name not in OUR_FIELDS and not (one.default is MISSING and one.default_factory is MISSING)
    ]


def _default(one: Field[Any]) -> Any:  # noqa: ANN401  whatever the field holds
    return one.default if one.default is not MISSING else cast("Any", one.default_factory)()
