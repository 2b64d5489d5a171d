"""RCS messages, by version 2 of the API: many messages a request, of whatever types.

Source: https://www.infobip.com/docs/api/channels/rcs/outbound-rcs/send-rcs-messages
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from messaging_channels.errors import InvalidMessage
from messaging_channels.messages import Message
from messaging_channels.plugins import Envelope, merge_raw, provider_options_of
from messaging_channels_infobip.api import InfobipApi
from messaging_channels_infobip.field_formats import (
    format_platform,
    format_validity,
    without_none,
    without_none_or_null,
)
from messaging_channels_infobip.rcs.options import InfobipRcsOptions
from messaging_channels_infobip.request_parts import AccountDefaults, RequestPart
from messaging_channels_infobip.responses import parse_batch_response
from messaging_channels_infobip.sms.requests import require_short_text
from messaging_channels_rcs import (
    CalendarEvent,
    CardMedia,
    Dial,
    LocationRequest,
    OpenUrl,
    RcsCard,
    RcsCarousel,
    RcsFile,
    RcsMessage,
    RcsText,
    Reply,
    RichCard,
    ShowLocation,
    SmsFallback,
    Suggestion,
)

PATH = "/rcs/2/messages"
MAX_VALIDITY = timedelta(hours=48)
"""Infobip cuts a longer one off without a word."""
MAX_POSTBACK = 2024
MAX_BYTES = 9_990_000
"""Of a request: 10 MB are allowed."""
ALWAYS_SMALL_ENOUGH = 8
"""Messages that fit into one request whatever they hold."""


def build_parts(batch: Sequence[Envelope], api: InfobipApi, defaults: AccountDefaults) -> list[RequestPart]:
    """Describe the requests for these envelopes: one for all that fit into the size of a request.

    Raises:
        InvalidMessage: one of them cannot be sent as it is.
    """
    described = [describe(one, defaults) for one in batch]
    parts: list[RequestPart] = []
    for places in _split_by_size(described):
        messages = {"messages": [described[place] for place in places]}
        parts.append(
            RequestPart(api.post(PATH, messages), [batch[place] for place in places], parse_batch_response)
        )
    return parts


def _split_by_size(described: Sequence[Mapping[str, Any]]) -> Sequence[range]:
    """Return the places of the messages of each request."""
    if len(described) <= ALWAYS_SMALL_ENOUGH:
        return (range(len(described)),)
    from pydantic_core import to_json  # noqa: PLC0415  slow to import

    found: list[range] = []
    start = size = 0
    for place, message in enumerate(described):
        own = len(to_json(message)) + 1
        if place > start and size + own > MAX_BYTES:
            found.append(range(start, place))
            start, size = place, 0
        size += own
    return (*found, range(start, len(described)))


def describe(envelope: Envelope, defaults: AccountDefaults) -> dict[str, Any]:
    """Write one message."""
    message = envelope.message
    assert isinstance(message, RcsMessage)  # noqa: S101  for the type checkers: the provider sorts by type
    extra = provider_options_of(message, InfobipRcsOptions) or _NO_OPTIONS
    if message.validity > MAX_VALIDITY:
        raise InvalidMessage(
            "Infobip takes 48 hours at most",
            field=f"{type(message).__name__}.validity_period",
            hint="give less",
        )
    said = {
        "sender": defaults.resolve_sender(envelope),
        "destinations": [{"to": envelope.to.plain, "messageId": envelope.id}],
        "content": _content(message),
        "options": without_none_or_null(
            platform=format_platform(extra),
            validityPeriod=format_validity(message.validity, "validity_period"),
            campaignReferenceId=extra.campaign_id,
            smsFailover=_failover(message.sms_fallback, defaults),
        ),
    }
    said |= without_none(webhooks=_webhooks(message, extra, defaults))
    return merge_raw(said, extra.raw)


def _webhooks(
    message: RcsMessage, options: InfobipRcsOptions, defaults: AccountDefaults
) -> dict[str, Any] | None:
    """Write where reports go. With a failover each of its steps is reported, so that the record can tell which message arrived."""
    url = options.report_url or defaults.report_url
    delivery = without_none_or_null(
        url=url, receiveTriggeredFailoverReports=True if message.sms_fallback else None
    )
    return without_none_or_null(
        delivery=delivery, callbackData=options.callback_data, seen=without_none_or_null(url=url)
    )


def _failover(fallback: SmsFallback | None, defaults: AccountDefaults) -> dict[str, Any] | None:
    if fallback is None:
        return None
    require_short_text(fallback.text, "SmsFallback.text")
    return without_none(
        sender=fallback.sender or defaults.sms_sender or None,
        text=fallback.text,
        validityPeriod=format_validity(fallback.validity_period, "SmsFallback.validity_period"),
    )


def _content(message: Message) -> dict[str, Any]:
    return _WRITERS[type(message)](message)


def _text(message: RcsText) -> dict[str, Any]:
    return {"type": "TEXT", "text": message.text, **_suggestions(message.suggestions)}


def _file(message: RcsFile) -> dict[str, Any]:
    thumbnail = {"thumbnail": {"url": message.thumbnail}} if message.thumbnail else {}
    return {"type": "FILE", "file": {"url": message.url}, **thumbnail, **_suggestions(message.suggestions)}


def _card(message: RcsCard) -> dict[str, Any]:
    return {
        "type": "CARD",
        "orientation": message.orientation.upper(),
        "alignment": message.alignment.upper(),
        "content": _card_content(message.card),
        **_suggestions(message.suggestions),
    }


def _carousel(message: RcsCarousel) -> dict[str, Any]:
    return {
        "type": "CAROUSEL",
        "cardWidth": message.width.upper(),
        "contents": [_card_content(one) for one in message.cards],
        **_suggestions(message.suggestions),
    }


def _card_content(card: RichCard) -> dict[str, Any]:
    return without_none(
        title=card.title or None,
        description=card.description or None,
        media=None if card.media is None else _media(card.media),
    ) | _suggestions(card.suggestions)


def _media(media: CardMedia) -> dict[str, Any]:
    return without_none(
        file={"url": media.url},
        thumbnail={"url": media.thumbnail} if media.thumbnail else None,
        height=media.height.upper(),
    )


def _suggestions(given: Sequence[Suggestion]) -> dict[str, Any]:
    return {"suggestions": [_suggestion(one) for one in given]} if given else {}


def _suggestion(one: Suggestion) -> dict[str, Any]:
    postback = one.postback or one.text
    if len(postback) > MAX_POSTBACK:
        raise InvalidMessage(
            f"{len(postback)} characters, {MAX_POSTBACK} allowed",
            field=f"{type(one).__name__}.postback",
            hint="shorten it",
        )
    kind, more = _action(one)
    return {"type": kind, "text": one.text, "postbackData": postback, **more}


def _action(one: Suggestion) -> tuple[str, dict[str, Any]]:
    match one:
        case Reply():
            return "REPLY", {}
        case OpenUrl():
            view = {"application": "BROWSER"}
            if one.view is not None:
                view = {"application": "WEBVIEW", "webviewViewMode": one.view.upper()}
            return "OPEN_URL", {"url": one.url, **view}
        case Dial():
            return "DIAL_PHONE", {"phoneNumber": one.number}
        case ShowLocation():
            label = {"label": one.label} if one.label else {}
            return "SHOW_LOCATION", {"latitude": one.latitude, "longitude": one.longitude, **label}
        case LocationRequest():
            return "REQUEST_LOCATION", {}
        case CalendarEvent():
            words = {"description": one.description} if one.description else {}
            times = {"startTime": one.start.isoformat(), "endTime": one.end.isoformat()}
            return "CREATE_CALENDAR_EVENT", {"title": one.title, **words, **times}


_NO_OPTIONS = InfobipRcsOptions()
_WRITERS: Mapping[type[Message], Callable[[Any], dict[str, Any]]] = {
    RcsText: _text,
    RcsFile: _file,
    RcsCard: _card,
    RcsCarousel: _carousel,
}
