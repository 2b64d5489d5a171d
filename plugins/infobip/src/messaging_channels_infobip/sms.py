"""Text messages, by version 3 of the API: many messages a request, and many destinations a message.

Source: https://www.infobip.com/docs/api/channels/sms/outbound-sms/send-sms-messages
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import chain
from typing import Any, TypeAlias

from messaging_channels.errors import InvalidMessage
from messaging_channels.messages import Sms
from messaging_channels.plugins import Envelope, extra_of
from messaging_channels_infobip.access import Access
from messaging_channels_infobip.answers import outcomes
from messaging_channels_infobip.options import InfobipSms, Language, SpeedLimit
from messaging_channels_infobip.parts import Defaults, Part, Run, grouped
from messaging_channels_infobip.written import given, links, platform, some, validity, window, written_date

PATH = "/sms/3/messages"
HORIZON = timedelta(days=180)
MOST_PARTS, MOST_BYTES = 25, 4000
SURELY_SHORT = 800
"""Characters that fit into any number of parts and bytes below those, in whatever alphabet."""
LONGEST_NUMBER, LONGEST_NAME = 15, 11
_PLAIN = InfobipSms()
_NO_OPTIONS: dict[str, Any] = {}
"""One object for all, so that they are seen to be the same without being written."""


def plain_part(run: Run, access: Access, defaults: Defaults) -> Part:
    """Describe the request for a message without options: `parts` in short.

    Raises:
        InvalidMessage: it cannot be sent as it is.
    """
    message, sender = _checked(run[0], defaults)
    said = _said(message, sender, None, defaults)
    said["destinations"] = _destinations(run)
    return Part(access.post(PATH, {"messages": [said]}), run, outcomes)


def parts(runs: Sequence[Run], access: Access, defaults: Defaults) -> list[Part]:
    """Describe the requests for these envelopes: one for all that share a schedule and the treatment of links.

    Raises:
        InvalidMessage: one of them cannot be sent as it is.
    """
    described = [one for run in runs for one in _described(run, defaults)]
    return [
        Part(
            access.post(PATH, given(messages=_messages(texts), options=options or None)),
            list(chain.from_iterable(run for _, _, run in texts)),
            outcomes,
        )
        for options, texts in grouped(described)
    ]


_Text: TypeAlias = tuple[dict[str, Any], list[dict[str, Any]], Run]
"""What is said, the destinations it goes to, and the envelopes it comes from."""


def _messages(texts: Sequence[_Text]) -> list[dict[str, Any]]:
    """Write messages that say the same to several destinations as one."""
    from pydantic_core import to_json  # noqa: PLC0415  slow to import

    written: list[dict[str, Any]] = []
    lists: dict[bytes, list[dict[str, Any]]] = {}
    for said, destinations, _ in texts:
        earlier = lists.setdefault(to_json(said), destinations)
        if earlier is destinations:
            written.append({**said, "destinations": destinations})
        else:
            earlier.extend(destinations)
    return written


def _described(run: Run, defaults: Defaults) -> list[tuple[dict[str, Any], _Text]]:
    """Return what a run asks of its request, and what it says: once for all envelopes that can share a request."""
    message, sender = _checked(run[0], defaults)
    if not message.extra or (extra := extra_of(message, InfobipSms)) is None:
        return [(_NO_OPTIONS, (_said(message, sender, None, defaults), _destinations(run), run))]
    asked = [(_request_options(extra, part[0], defaults), part) for part in _cut(run, extra)]
    said, network = _said(message, sender, extra, defaults), given(networkId=extra.network_id)
    return [(options, (said, [to | network for to in _destinations(part)], part)) for options, part in asked]


def _cut(run: Run, extra: InfobipSms) -> Sequence[Run]:
    """Cut a run into single envelopes where it has a schedule without a name: each is then named by its own id."""
    return [[one] for one in run] if extra.send_at and not extra.bulk_id else [run]


def _destinations(run: Run) -> list[dict[str, Any]]:
    return [{"to": one.to.plain, "messageId": one.id} for one in run]


def _said(message: Sms, sender: str, extra: InfobipSms | None, defaults: Defaults) -> dict[str, Any]:
    """Write all of a message but its destinations."""
    said: dict[str, Any] = {"sender": sender, "content": {"text": message.text}}
    if extra is not None:
        said["content"] |= given(transliteration=extra.transliteration, language=_language(extra.language))
        said |= given(webhooks=webhooks(extra, defaults))
    elif defaults.report_url:
        said["webhooks"] = {"delivery": {"url": defaults.report_url}}
    if extra or message.flash or message.validity_period:
        said |= given(options=_options(message, extra or _PLAIN))
    return said


def _checked(envelope: Envelope, defaults: Defaults) -> tuple[Sms, str]:
    """Return the message and its sender, both checked."""
    message = envelope.message
    assert isinstance(message, Sms)  # noqa: S101  for the type checkers: the provider sorts by type
    if len(message.text) > SURELY_SHORT:
        _check_size(message)
    sender = message.sender or defaults.sms_sender or defaults.sender or defaults.sender_of(envelope)
    return message, _checked_sender(str(sender))


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
