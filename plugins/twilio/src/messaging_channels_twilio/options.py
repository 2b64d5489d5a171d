"""Options that only Twilio supports, as a value in a message's `provider_options`.

Source: https://www.twilio.com/docs/messaging/api/message-resource#create-a-message
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar, Literal, cast

from messaging_channels.errors import InvalidMessage
from messaging_channels.messages import ProviderOptions, require_template_parameter
from messaging_channels.plugins import require_raw
from messaging_channels_twilio.endpoints import is_sid
from messaging_channels_twilio.status_callbacks import require_callback_url

MAX_VALIDITY = timedelta(seconds=36_000)
_MAX_VARIABLES = 100
_SIDS: Mapping[str, str] = {"messaging_service_sid": "MG", "application_sid": "AP", "content_sid": "HX"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TwilioOptions(ProviderOptions):
    """Options of one message. None leaves a parameter out: Twilio's default applies."""

    provider: ClassVar[str] = "twilio"

    messaging_service_sid: str | None = None
    """Messaging service (`MG…`) that chooses the sender."""
    fallback_from: str | None = None
    """Sender of SMS or MMS if RCS fails. Needs a messaging service with an RCS sender."""
    status_callback: str | None = field(default=None, repr=False)
    """URL for the reports of this message, instead of the configured URL. The plugin adds the message id."""
    application_sid: str | None = None
    """TwiML application (`AP…`) whose callback is used if no other is given."""
    validity_period: timedelta | None = None
    """Time in Twilio's queue: 1 to 36,000 seconds. Overrides `Sms.validity_period`."""
    send_at: datetime | None = None
    """Time of sending, with a time zone: 5 minutes to 35 days ahead by Twilio's clock. Needs a messaging service."""
    content_sid: str | None = None
    """Content template (`HX…`), sent instead of the message's text and media."""
    content_variables: Mapping[str, str] | None = field(default=None, repr=False)
    """Variables of the template by name. Override `WhatsAppTemplate.parameters`."""
    persistent_action: tuple[str, ...] = field(default=(), repr=False)
    """Actions for WhatsApp, such as `geo:45.81,15.98|Office`."""
    smart_encoded: bool | None = None
    """Whether characters outside GSM-7 are replaced by similar ones within."""
    send_as_mms: bool | None = None
    """Whether the message is sent as MMS."""
    shorten_urls: bool | None = None
    """Whether links are shortened. Needs a messaging service with a domain of your own."""
    content_retention: Literal["retain", "discard"] | None = None
    """Whether Twilio keeps the content."""
    address_retention: Literal["retain", "obfuscate"] | None = None
    """Whether Twilio keeps the address."""
    risk_check: Literal["enable", "disable"] | None = None
    """Whether Twilio checks the message for SMS pumping."""
    message_intent: str | None = None
    """Purpose, such as `otp` or `marketing`."""
    provide_feedback: bool | None = None
    """Whether you report the result with `Twilio.feedback`."""
    attempt: int | None = None
    """Number of this attempt over all providers, for Twilio's statistics. Twilio does not recognize repetitions by it."""
    max_price: Decimal | None = None
    """Without effect since 2024-06-03."""
    traffic_type: Literal["free"] | None = None
    force_delivery: bool | None = None
    """Reserved by Twilio."""
    tags: Mapping[str, str] | None = field(default=None, repr=False)
    """Labels that come back in Twilio's reports on messages."""
    raw: Mapping[str, Any] | None = field(default=None, repr=False)
    """Form parameters by Twilio's own names, beside what the plugin writes or instead of it. A list repeats the parameter; None takes it away. `To` and
    `StatusCallback` are not allowed."""

    def __post_init__(self) -> None:
        """Check what Twilio would refuse for every account."""
        for name, prefix in _SIDS.items():
            sid = getattr(self, name)
            if sid is not None and not is_sid(sid, prefix):
                raise _option_error(name, f"must be a SID: {prefix} and 32 hexadecimal digits")
        if self.status_callback is not None:
            require_callback_url(self.status_callback, "TwilioOptions.status_callback")
        if self.send_at is not None and self.send_at.utcoffset() is None:
            raise _option_error("send_at", "has no time zone")
        if self.validity_period is not None:
            require_validity(self.validity_period, "TwilioOptions.validity_period")
        require_raw(self.raw, _NOT_RAW, "TwilioOptions.raw")
        if self.attempt is not None and self.attempt < 1:
            raise _option_error("attempt", "must be positive")

    def __hash__(self) -> int:
        """Hash by the template; the variables may be a mapping."""
        return hash((self.content_sid, self.messaging_service_sid, self.send_at))

    def parameters(self) -> list[tuple[str, str]]:
        """Return the form parameters of what is set, save for those that depend on the message: sender, callback, validity and content."""
        given = [(name, getattr(self, field_name)) for name, field_name in _PARAMETERS.items()]
        described = [(name, _text(value)) for name, value in given if value is not None]
        described += [("PersistentAction", action) for action in self.persistent_action]
        if self.tags:
            described.append(("Tags", json.dumps(dict(self.tags), ensure_ascii=False)))
        if self.send_at is not None:
            moment = self.send_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            described += [("ScheduleType", "fixed"), ("SendAt", moment)]
        return described


def merge_parameters(described: list[tuple[str, str]], raw: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the parameters with the raw ones in them, which stand instead of those of the same name."""
    kept = [one for one in described if one[0] not in raw]
    return kept + [(name, _text(one)) for name, value in raw.items() for one in _values(value)]


def _values(value: object) -> list[object]:
    if value is None:
        return []
    return list(cast("list[object]", value)) if isinstance(value, (list, tuple)) else [value]


def content_variables(variables: Mapping[str, str], field: str) -> list[tuple[str, str]]:
    """Return the parameter that fills the gaps of a template; none if there are none.

    Raises:
        InvalidMessage: WhatsApp would refuse one (errors 21656 and 63013): it is empty, or has a line break, a tab or five blanks in a row.
    """
    if len(variables) > _MAX_VARIABLES:
        raise InvalidMessage(
            f"has {len(variables)} entries; at most {_MAX_VARIABLES} are allowed",
            field=field,
            hint="give fewer",
        )
    for value in variables.values():
        require_template_parameter(value, field)
    return [("ContentVariables", json.dumps(dict(variables), ensure_ascii=False))] if variables else []


def validity_parameter(period: timedelta, field: str) -> list[tuple[str, str]]:
    """Return the parameter of a validity period."""
    require_validity(period, field)
    return [("ValidityPeriod", str(int(period.total_seconds())))]


def require_validity(period: timedelta, field: str) -> None:
    """Refuse a period that Twilio does not take.

    Raises:
        InvalidMessage: it is not within 1 to 36,000 seconds.
    """
    if not timedelta(seconds=1) <= period <= MAX_VALIDITY:
        raise InvalidMessage("must be 1 to 36,000 seconds for Twilio", field=field, hint="change it")


def _text(value: object) -> str:
    if isinstance(value, Mapping):
        return json.dumps(dict(cast("Mapping[str, Any]", value)), ensure_ascii=False)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _option_error(name: str, problem: str) -> InvalidMessage:
    return InvalidMessage(problem, field=f"TwilioOptions.{name}", hint="change it, or leave it out")


_NOT_RAW = frozenset({"To", "StatusCallback"})
_PARAMETERS: Mapping[str, str] = {
    "FallbackFrom": "fallback_from",
    "ApplicationSid": "application_sid",
    "SmartEncoded": "smart_encoded",
    "SendAsMms": "send_as_mms",
    "ShortenUrls": "shorten_urls",
    "ContentRetention": "content_retention",
    "AddressRetention": "address_retention",
    "RiskCheck": "risk_check",
    "MessageIntent": "message_intent",
    "ProvideFeedback": "provide_feedback",
    "Attempt": "attempt",
    "MaxPrice": "max_price",
    "TrafficType": "traffic_type",
    "ForceDelivery": "force_delivery",
}
"""By the names of the fields."""
