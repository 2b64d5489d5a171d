"""Text messages, by version 3 of the API: many messages a request, and many destinations a message.

Source: https://www.infobip.com/docs/api/channels/sms/outbound-sms/send-sms-messages
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, TypeAlias

from messaging_channels.errors import InvalidMessage
from messaging_channels.messages import Sms
from messaging_channels.provider import Envelope, extra_of
from messaging_channels_infobip.access import Access
from messaging_channels_infobip.answers import outcomes
from messaging_channels_infobip.options import InfobipSms, Language, SpeedLimit
from messaging_channels_infobip.parts import Defaults, Part, grouped
from messaging_channels_infobip.written import given, links, platform, some, validity, window, written_date

PATH = "/sms/3/messages"
HORIZON = timedelta(days=180)
MOST_PARTS, MOST_BYTES = 25, 4000
SURELY_SHORT = 800
"""Characters that fit into any number of parts and bytes below those, in whatever alphabet."""
LONGEST_NUMBER, LONGEST_NAME = 15, 11
_PLAIN = InfobipSms()


def parts(batch: Sequence[Envelope], access: Access, defaults: Defaults) -> list[Part]:
    """Describe the requests for these envelopes: one for all that share a schedule and the treatment of links.

    Raises:
        InvalidMessage: one of them cannot be sent as it is.
    """
    described = [_described(one, defaults) for one in batch]
    return [
        Part(
            access.post(PATH, given(messages=_messages(group), options=options or None)),
            [envelope for _, _, envelope in group],
            outcomes,
        )
        for options, group in grouped(described)
    ]


_Described: TypeAlias = tuple[dict[str, Any], dict[str, Any], Envelope]
"""What is said, to whom, and the envelope it comes from."""


def _messages(group: Sequence[_Described]) -> list[dict[str, Any]]:
    """Write messages that say the same to several destinations as one."""
    gathered = grouped([(message, destination) for message, destination, _ in group])
    return [{**message, "destinations": destinations} for message, destinations in gathered]


def _described(envelope: Envelope, defaults: Defaults) -> tuple[dict[str, Any], _Described]:
    """Return what the message asks of its request, and what it is itself."""
    message = envelope.message
    assert isinstance(message, Sms)  # noqa: S101  for the type checkers: the provider sorts by type
    _check_size(message)
    content: dict[str, Any] = {"text": message.text}
    written: dict[str, Any] = {"sender": _checked_sender(defaults.sender_of(envelope)), "content": content}
    destination: dict[str, Any] = {"to": envelope.to.plain, "messageId": envelope.id}
    extra = extra_of(message, InfobipSms) if message.extra else None
    if extra is None:
        request: dict[str, Any] = {}
        if defaults.report_url:
            written["webhooks"] = {"delivery": {"url": defaults.report_url}}
    else:
        request = _request_options(extra, envelope, defaults)
        content |= given(transliteration=extra.transliteration, language=_language(extra.language))
        destination |= given(networkId=extra.network_id)
        written |= given(webhooks=webhooks(extra, defaults))
    if extra or message.flash or message.validity_period:
        written |= given(options=_options(message, extra or _PLAIN))
    return request, (written, destination, envelope)


@lru_cache(maxsize=256)
def _checked_sender(given_sender: str) -> str:
    """Return the sender: up to 15 digits (ITU-T E.164), or up to 11 characters of ASCII (3GPP TS 23.040)."""
    sender = given_sender.removeprefix("+")
    longest = LONGEST_NUMBER if sender.isdecimal() else LONGEST_NAME
    if not 1 <= len(sender) <= longest or not (sender.isascii() and sender.isprintable()):
        raise InvalidMessage(
            f"no number of up to {LONGEST_NUMBER} digits, and no name of up to {LONGEST_NAME} ASCII characters",
            field="Sms.sender",
            remedy="use one that is registered with Infobip",
        )
    return sender


def _check_size(message: Sms) -> None:
    """Refuse what is too long for sure: with another language or alphabet only Infobip can count."""
    if len(message.text) <= SURELY_SHORT:
        return
    extra = extra_of(message, InfobipSms) or _PLAIN
    length = message.segments
    as_it_is = extra.transliteration in (None, "NONE") and extra.language is None
    if as_it_is and (length.count > MOST_PARTS or _bytes(message.text, length.encoding) > MOST_BYTES):
        raise InvalidMessage(
            f"{length.count} parts; Infobip takes {MOST_PARTS} parts and {MOST_BYTES} bytes",
            field="Sms.text",
            remedy="shorten it",
        )


def _bytes(text: str, encoding: str) -> int:
    return 2 * len(text) if encoding == "UCS-2" else len(text)


def _language(language: Language | None) -> dict[str, Any] | None:
    if language is None:
        return None
    return {
        "languageCode": language.code,
        "singleShift": language.single_shift,
        "lockingShift": language.locking_shift,
    }


def _options(message: Sms, extra: InfobipSms) -> dict[str, Any] | None:
    return some(
        platform=platform(extra),
        validityPeriod=validity(message.validity_period, "Sms.validity_period"),
        deliveryTimeWindow=window(extra.delivery_window),
        campaignReferenceId=extra.campaign_id,
        regional=_regional(extra),
        flash=message.flash or None,
    )


def _regional(extra: InfobipSms) -> dict[str, Any] | None:
    india, turkey, korea = extra.india, extra.turkey, extra.south_korea
    return some(
        indiaDlt=india
        and given(
            contentTemplateId=india.content_template_id,
            principalEntityId=india.principal_entity_id,
            telemarketerId=india.telemarketer_id,
        ),
        turkeyIys=turkey and given(brandCode=turkey.brand_code, recipientType=turkey.recipient_type),
        southKorea=korea and given(title=korea.title, resellerCode=korea.reseller_code),
    )


def webhooks(extra: Any, defaults: Defaults) -> dict[str, Any] | None:  # noqa: ANN401  of SMS or mail
    """Write where reports go, and what comes back in them: alike for SMS and mail."""
    delivery = some(
        url=extra.report_url or defaults.report_url,
        intermediateReport=extra.intermediate_reports,
        notify=extra.notify,
    )
    return some(delivery=delivery, contentType=extra.report_content_type, callbackData=extra.callback_data)


def _request_options(extra: InfobipSms, envelope: Envelope, defaults: Defaults) -> dict[str, Any]:
    send_at = defaults.schedule(extra.send_at, field="InfobipSms.send_at", horizon=HORIZON)
    return given(
        schedule=_schedule(extra, send_at, envelope.id),
        tracking=links(extra.links),
        includeSmsCountInResponse=extra.count_parts or None,
        conversionTracking=extra.conversion
        and {"useConversionTracking": True, "conversionTrackingName": extra.conversion},
    )


def _schedule(extra: InfobipSms, send_at: datetime | None, message_id: str) -> dict[str, Any] | None:
    if send_at is None:
        return some(bulkId=extra.bulk_id)
    return given(
        bulkId=extra.bulk_id or message_id,
        sendAt=written_date(send_at),
        sendingSpeedLimit=_speed(extra.speed_limit),
    )


def _speed(limit: SpeedLimit | None) -> dict[str, Any] | None:
    return None if limit is None else {"amount": limit.amount, "timeUnit": limit.per}
