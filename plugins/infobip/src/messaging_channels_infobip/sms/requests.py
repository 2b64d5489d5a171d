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
from messaging_channels.messages import Sms, segments
from messaging_channels.plugins import Envelope, merge_raw, provider_options_of
from messaging_channels_infobip.api import InfobipApi
from messaging_channels_infobip.field_formats import (
    format_date,
    format_delivery_window,
    format_links,
    format_platform,
    format_validity,
    without_none,
    without_none_or_null,
)
from messaging_channels_infobip.options import InfobipSmsOptions, Language, SmsBinary, SpeedLimit
from messaging_channels_infobip.request_parts import AccountDefaults, RequestPart, Run, group_by_key
from messaging_channels_infobip.responses import parse_batch_response

PATH = "/sms/3/messages"
MAX_SCHEDULE_AHEAD = timedelta(days=180)
MAX_PARTS, MAX_BYTES = 25, 4000
ALWAYS_SHORT_ENOUGH = 800
"""Characters that fit into any number of parts and bytes below those, in whatever alphabet."""
MAX_NUMBER_LENGTH, MAX_NAME_LENGTH = 15, 11
_DEFAULT_OPTIONS = InfobipSmsOptions()
_NO_OPTIONS: dict[str, Any] = {}
"""One object for all, so that they are seen to be the same without being written."""


def build_plain_part(run: Run, api: InfobipApi, defaults: AccountDefaults) -> RequestPart:
    """Describe the request for a message without options: `build_parts` in short.

    Raises:
        InvalidMessage: it cannot be sent as it is.
    """
    message, sender = _require_valid(run[0], defaults)
    said = _message_fields(message, sender, None, defaults)
    said["destinations"] = _destinations(run)
    return RequestPart(api.post(PATH, {"messages": [said]}), run, parse_batch_response)


def build_parts(runs: Sequence[Run], api: InfobipApi, defaults: AccountDefaults) -> list[RequestPart]:
    """Describe the requests for these envelopes: one for all that share a schedule and the treatment of links.

    Raises:
        InvalidMessage: one of them cannot be sent as it is.
    """
    described = [one for run in runs for one in _describe_run(run, defaults)]
    return [
        RequestPart(
            api.post(PATH, without_none(messages=_messages(texts), options=options or None)),
            list(chain.from_iterable(run for _, _, run in texts)),
            parse_batch_response,
        )
        for options, texts in group_by_key(described)
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


def _describe_run(run: Run, defaults: AccountDefaults) -> list[tuple[dict[str, Any], _Text]]:
    """Return what a run asks of its request, and what it says: once for all envelopes that can share a request."""
    message, sender = _require_valid(run[0], defaults)
    if not message.provider_options or (extra := provider_options_of(message, InfobipSmsOptions)) is None:
        return [(_NO_OPTIONS, (_message_fields(message, sender, None, defaults), _destinations(run), run))]
    asked = [(_request_options(extra, part[0], defaults), part) for part in _split_scheduled(run, extra)]
    said, network = (
        _message_fields(message, sender, extra, defaults),
        without_none(networkId=extra.network_id),
    )
    return [(options, (said, [to | network for to in _destinations(part)], part)) for options, part in asked]


def _split_scheduled(run: Run, options: InfobipSmsOptions) -> Sequence[Run]:
    """Cut a run into single envelopes where it has a schedule without a name: each is then named by its own id."""
    return [[one] for one in run] if options.send_at and not options.bulk_id else [run]


def _destinations(run: Run) -> list[dict[str, Any]]:
    return [{"to": one.to.plain, "messageId": one.id} for one in run]


def _message_fields(
    message: Sms, sender: str | None, options: InfobipSmsOptions | None, defaults: AccountDefaults
) -> dict[str, Any]:
    """Write all of a message but its destinations."""
    said: dict[str, Any] = {} if sender is None else {"sender": sender}
    said["content"] = {"text": message.text}
    if options is not None and options.binary is not None:
        said["content"] = _binary(options.binary)
        said |= without_none(webhooks=webhook_fields(options, defaults))
    elif options is not None:
        said["content"] |= without_none(
            transliteration=options.transliteration, language=_language(options.language)
        )
        said |= without_none(webhooks=webhook_fields(options, defaults))
    elif defaults.report_url:
        said["webhooks"] = {"delivery": {"url": defaults.report_url}}
    if options or message.flash or message.validity_period:
        said |= without_none(options=_sms_options(message, options or _DEFAULT_OPTIONS))
    return said if options is None else merge_raw(said, options.raw)


def _binary(binary: SmsBinary) -> dict[str, Any]:
    return {
        "hex": binary.content.hex(" ").upper(),
        "dataCoding": binary.data_coding,
        "esmClass": binary.esm_class,
    }


def _require_valid(envelope: Envelope, defaults: AccountDefaults) -> tuple[Sms, str | None]:
    """Return the message and its sender, both checked. Without a sender, the account's own at Infobip is taken."""
    message = envelope.message
    assert isinstance(message, Sms)  # noqa: S101  for the type checkers: the provider sorts by type
    if len(message.text) > ALWAYS_SHORT_ENOUGH:
        _check_size(message)
    sender = message.sender or defaults.sms_sender or defaults.sender
    return message, None if sender is None else _require_sender(str(sender))


@lru_cache(maxsize=256)
def _require_sender(given_sender: str) -> str:
    """Return the sender: up to 15 digits (ITU-T E.164), or up to 11 characters of ASCII (3GPP TS 23.040)."""
    sender = given_sender.removeprefix("+")
    longest = MAX_NUMBER_LENGTH if sender.isdecimal() else MAX_NAME_LENGTH
    if not 1 <= len(sender) <= longest or not (sender.isascii() and sender.isprintable()):
        raise InvalidMessage(
            f"must be a number of up to {MAX_NUMBER_LENGTH} digits or a name of up to {MAX_NAME_LENGTH} ASCII characters",
            field="Sms.sender",
            hint="use a sender that is registered with Infobip",
        )
    return sender


def _check_size(message: Sms) -> None:
    """Refuse what is too long for sure: with another language or alphabet only Infobip can count."""
    extra = provider_options_of(message, InfobipSmsOptions) or _DEFAULT_OPTIONS
    if extra.transliteration in (None, "NONE") and extra.language is None:
        require_short_text(message.text, "Sms.text")


def require_short_text(text: str, field: str) -> None:
    """Refuse a text that is too long as it is.

    Raises:
        InvalidMessage: naming the field and the number of parts.
    """
    if len(text) <= ALWAYS_SHORT_ENOUGH:
        return
    length = segments(text)
    if length.count > MAX_PARTS or _bytes(text, length.encoding) > MAX_BYTES:
        raise InvalidMessage(
            f"has {length.count} parts; Infobip allows {MAX_PARTS} parts and {MAX_BYTES} bytes",
            field=field,
            hint="shorten it",
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


def _sms_options(message: Sms, options: InfobipSmsOptions) -> dict[str, Any] | None:
    return without_none_or_null(
        platform=format_platform(options),
        validityPeriod=format_validity(message.validity_period, "Sms.validity_period"),
        deliveryTimeWindow=format_delivery_window(options.delivery_window),
        campaignReferenceId=options.campaign_id,
        regional=_regional(options),
        flash=message.flash or None,
    )


def _regional(options: InfobipSmsOptions) -> dict[str, Any] | None:
    india, turkey, korea = options.india, options.turkey, options.south_korea
    return without_none_or_null(
        indiaDlt=india
        and without_none(
            contentTemplateId=india.content_template_id,
            principalEntityId=india.principal_entity_id,
            telemarketerId=india.telemarketer_id,
        ),
        turkeyIys=turkey and without_none(brandCode=turkey.brand_code, recipientType=turkey.recipient_type),
        southKorea=korea and without_none(title=korea.title, resellerCode=korea.reseller_code),
    )


def webhook_fields(options: Any, defaults: AccountDefaults) -> dict[str, Any] | None:  # noqa: ANN401  of SMS or mail
    """Write where reports go, and what comes back in them: alike for SMS and mail."""
    delivery = without_none_or_null(
        url=options.report_url or defaults.report_url,
        intermediateReport=options.intermediate_reports,
        notify=options.notify,
    )
    return without_none_or_null(
        delivery=delivery, contentType=options.report_content_type, callbackData=options.callback_data
    )


def _request_options(
    options: InfobipSmsOptions, envelope: Envelope, defaults: AccountDefaults
) -> dict[str, Any]:
    send_at = defaults.resolve_send_at(
        options.send_at, field="InfobipSmsOptions.send_at", horizon=MAX_SCHEDULE_AHEAD
    )
    return without_none(
        schedule=_schedule(options, send_at, envelope.id),
        tracking=format_links(options.links),
        includeSmsCountInResponse=options.count_parts or None,
        conversionTracking=options.conversion
        and {"useConversionTracking": True, "conversionTrackingName": options.conversion},
    )


def _schedule(options: InfobipSmsOptions, send_at: datetime | None, message_id: str) -> dict[str, Any] | None:
    if send_at is None:
        return without_none_or_null(bulkId=options.bulk_id)
    return without_none(
        bulkId=options.bulk_id or message_id,
        sendAt=format_date(send_at),
        sendingSpeedLimit=_speed(options.speed_limit),
    )


def _speed(limit: SpeedLimit | None) -> dict[str, Any] | None:
    return None if limit is None else {"amount": limit.amount, "timeUnit": limit.per}
