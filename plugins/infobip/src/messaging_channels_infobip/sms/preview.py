"""How an SMS will look, and as how many parts it will be charged, in Infobip's own words. Nothing is sent.

Source: https://www.infobip.com/docs/api/channels/sms/outbound-sms/preview-sms-message
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from messaging_channels.plugins import Flow, ask
from messaging_channels_infobip.api import InfobipApi
from messaging_channels_infobip.errors import require_authorized_success
from messaging_channels_infobip.field_formats import without_none
from messaging_channels_infobip.options import LanguageCode, Transliteration, require_known
from messaging_channels_infobip.responses import as_object, as_objects, parse_json


@dataclass(frozen=True, slots=True)
class SmsPreview:
    """One way the text could be sent."""

    text: str = field(repr=False)
    parts: int
    remaining: int
    """Characters that may be added before another part begins."""
    language: str | None = None
    transliteration: str | None = None


def preview_sms(
    api: InfobipApi, text: str, *, language: LanguageCode | None, transliteration: Transliteration | None
) -> Flow[tuple[SmsPreview, ...]]:
    """Return the ways this text could be sent with that language and alphabet.

    Raises:
        InvalidMessage: a word is unknown.
        InvalidSetting: the key is wrong, or lacks the right.
        InfobipApiError: Infobip did not answer.
    """
    require_known(language, "language", LanguageCode)
    require_known(transliteration, "transliteration", Transliteration)
    asked = without_none(
        text=text, languageCode=None if language == "NONE" else language, transliteration=transliteration
    )
    request = api.post("/sms/1/preview", asked, may_send=False)
    response = require_authorized_success((yield from ask(request)), "a preview")
    return tuple(_parse_preview(one) for one in as_objects(as_object(parse_json(response)).get("previews")))


def _parse_preview(one: dict[str, Any]) -> SmsPreview:
    configuration = as_object(one.get("configuration"))
    return SmsPreview(
        str(one.get("textPreview") or ""),
        _number(one.get("messageCount")),
        _number(one.get("charactersRemaining")),
        as_object(configuration.get("language")).get("languageCode"),
        configuration.get("transliteration"),
    )


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
