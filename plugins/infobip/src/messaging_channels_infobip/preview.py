"""How an SMS will look, and as how many parts it will be charged, in Infobip's own words. Nothing is sent.

Source: https://www.infobip.com/docs/api/channels/sms/outbound-sms/preview-sms-message
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from messaging_channels.plugins import Flow, ask
from messaging_channels_infobip.access import Access
from messaging_channels_infobip.answers import members, parsed, records
from messaging_channels_infobip.options import LanguageCode, Transliteration, one_of
from messaging_channels_infobip.refusals import require_ok
from messaging_channels_infobip.written import given


@dataclass(frozen=True, slots=True)
class Preview:
    """One way the text could be sent."""

    text: str = field(repr=False)
    parts: int
    remaining: int
    """Characters that may be added before another part begins."""
    language: str | None = None
    transliteration: str | None = None


def preview(
    access: Access, text: str, *, language: LanguageCode | None, transliteration: Transliteration | None
) -> Flow[tuple[Preview, ...]]:
    """Return the ways this text could be sent with that language and alphabet.

    Raises:
        InvalidMessage: a word is unknown.
        InvalidSetting: the key is wrong, or lacks the right.
        InfobipRefused: Infobip did not answer.
    """
    one_of(language, "language", LanguageCode)
    one_of(transliteration, "transliteration", Transliteration)
    asked = given(
        text=text, languageCode=None if language == "NONE" else language, transliteration=transliteration
    )
    request = access.post("/sms/1/preview", asked, effect=False)
    response = require_ok((yield from ask(request)), "a preview")
    return tuple(_read(one) for one in records(members(parsed(response)).get("previews")))


def _read(one: dict[str, Any]) -> Preview:
    configuration = members(one.get("configuration"))
    return Preview(
        str(one.get("textPreview") or ""),
        _number(one.get("messageCount")),
        _number(one.get("charactersRemaining")),
        members(configuration.get("language")).get("languageCode"),
        configuration.get("transliteration"),
    )


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
