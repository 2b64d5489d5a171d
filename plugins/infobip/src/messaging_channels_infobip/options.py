"""Options that only Infobip supports, as values in a message's `provider_options`.

One `InfobipSmsOptions`, `InfobipWhatsAppOptions`, `InfobipRcsOptions` or `InfobipEmailOptions` a message.

Source: https://www.infobip.com/docs/api
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any, ClassVar, Literal, TypeAlias, get_args

from messaging_channels.errors import InvalidMessage
from messaging_channels.messages import ProviderOptions
from messaging_channels.plugins import require_raw

Day: TypeAlias = Literal["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"]
Transliteration: TypeAlias = Literal[
    "NONE",
    "TURKISH",
    "GREEK",
    "CYRILLIC",
    "SERBIAN_CYRILLIC",
    "BULGARIAN_CYRILLIC",
    "CENTRAL_EUROPEAN",
    "BALTIC",
    "PORTUGUESE",
    "COLOMBIAN",
    "NON_UNICODE",
    "ALL",
]
LanguageCode: TypeAlias = Literal["NONE", "TR", "ES", "PT", "AUTODETECT"]
Priority: TypeAlias = Literal["HIGH", "STANDARD", "LOW"]

_JSON_TYPE = re.compile(r"application/json(?:\s*;.*)?", re.IGNORECASE)
_LABEL, _BULK, _CALLBACK, _URL = 255, 100, 4000, 2048
_SHORTEST_WINDOW = timedelta(hours=1)


def require_text(value: str | None, name: str, *, max_length: int) -> None:
    """Refuse text that is empty or too long.

    Raises:
        InvalidMessage: naming the option and its limit, never the text.
    """
    if value is not None and not 1 <= len(value) <= max_length:
        raise InvalidMessage(f"must have 1 to {max_length} characters", field=name, hint="change its length")


def require_known(value: str | None, name: str, known: Any) -> None:  # noqa: ANN401  a Literal is no type
    """Refuse a word that is not in that Literal.

    Raises:
        InvalidMessage: naming the words that are.
    """
    if value is not None and value not in get_args(known):
        raise InvalidMessage(
            "has an unknown value", field=name, hint=f"use one of {', '.join(get_args(known))}"
        )


@dataclass(frozen=True, slots=True)
class Language:
    """The language whose national characters an SMS may hold in 7 bits each (3GPP TS 23.038)."""

    code: LanguageCode
    single_shift: bool = False
    locking_shift: bool = False

    def __post_init__(self) -> None:
        """Check the code."""
        require_known(self.code, "Language.code", LanguageCode)


@dataclass(frozen=True, slots=True)
class DeliveryWindow:
    """When people may be disturbed: days, and hours in UTC; both hours or none, an hour apart at least."""

    days: tuple[Day, ...]
    start: time | None = None
    end: time | None = None

    def __post_init__(self) -> None:
        """Check the days and hours."""
        for day in self.days:
            require_known(day, "DeliveryWindow.days", Day)
        if not self.days:
            raise InvalidMessage("has no days", field="DeliveryWindow.days", hint="name at least one")
        if (self.start is None) != (self.end is None):
            raise InvalidMessage("needs start and end", field="DeliveryWindow", hint="give both, or none")
        if self.start and self.end and _minutes(self.end) - _minutes(self.start) < _SHORTEST_WINDOW:
            raise InvalidMessage("is shorter than one hour", field="DeliveryWindow", hint="let it end later")


def _minutes(at: time) -> timedelta:
    return timedelta(hours=at.hour, minutes=at.minute)


@dataclass(frozen=True, slots=True)
class Links:
    """Shortening and tracking of the links in a text. Values other than the defaults need `shorten=True`."""

    shorten: bool = True
    track_clicks: bool = True
    tracking_url: str | None = field(default=None, repr=False)
    remove_protocol: bool = False
    """Whether `https://` is removed from short links."""
    custom_domain: str | None = None
    """Your own domain for short links."""

    def __post_init__(self) -> None:
        """Check that what is set can have an effect."""
        if not self.shorten and (self.tracking_url or self.remove_protocol or self.custom_domain):
            raise InvalidMessage("has no effect", field="Links", hint="set shorten=True")


@dataclass(frozen=True, slots=True)
class SpeedLimit:
    """How fast a schedule is sent."""

    amount: int
    per: Literal["MINUTE", "HOUR", "DAY"] = "MINUTE"

    def __post_init__(self) -> None:
        """Check the amount and the unit."""
        require_known(self.per, "SpeedLimit.per", Literal["MINUTE", "HOUR", "DAY"])
        if not 1 <= self.amount < _INT32:
            raise InvalidMessage("must be positive", field="SpeedLimit.amount", hint="give 1 or more")


@dataclass(frozen=True, slots=True)
class IndiaDlt:
    """Registration data that Indian operators require (DLT)."""

    principal_entity_id: str
    content_template_id: str | None = None
    telemarketer_id: str | None = None


@dataclass(frozen=True, slots=True)
class TurkeyIys:
    """Data that promotional messages to Turkey require (IYS)."""

    recipient_type: Literal["BIREYSEL", "TACIR"]
    brand_code: int | None = None

    def __post_init__(self) -> None:
        """Check the type."""
        require_known(self.recipient_type, "TurkeyIys.recipient_type", Literal["BIREYSEL", "TACIR"])


@dataclass(frozen=True, slots=True)
class SouthKorea:
    """Data that South Korean operators require."""

    title: str | None = None
    reseller_code: int | None = None

    def __post_init__(self) -> None:
        """Check the title."""
        require_text(self.title, "SouthKorea.title", max_length=66)


@dataclass(frozen=True, slots=True, kw_only=True)
class InfobipOptions(ProviderOptions):
    """Options of all channels."""

    provider: ClassVar[str] = "infobip"

    application_id: str | None = None
    entity_id: str | None = None
    callback_data: str | None = field(default=None, repr=False)
    """Text that comes back in reports."""
    report_url: str | None = field(default=None, repr=False)
    """URL for the reports of this message. Default: the setting, or the account's subscription."""
    raw: Mapping[str, Any] | None = field(default=None, repr=False)
    """Fields of Infobip's API by their own names, merged into the message's JSON object. They override what the plugin writes. Recipients and ids are
    not allowed; MIME mails have no raw fields."""

    def __post_init__(self) -> None:
        """Check the lengths."""
        self.check()

    def check(self) -> None:
        """Refuse what is too long."""
        name = type(self).__name__
        require_text(self.application_id, f"{name}.application_id", max_length=_LABEL)
        require_text(self.entity_id, f"{name}.entity_id", max_length=_LABEL)
        require_text(self.callback_data, f"{name}.callback_data", max_length=_CALLBACK)
        require_text(self.report_url, f"{name}.report_url", max_length=_URL)
        require_raw(self.raw, _NOT_RAW, f"{name}.raw")

    def __hash__(self) -> int:
        """Hash by what is cheap to hash; equal options have equal hashes."""
        return hash((self.application_id, self.entity_id, self.callback_data))


@dataclass(frozen=True, slots=True, kw_only=True)
class _SchedulableOptions(InfobipOptions):
    """Options that SMS and email share."""

    send_at: datetime | None = None
    """Time of sending, with a time zone."""
    bulk_id: str | None = None
    """Name of the schedule. Messages with the same bulk id and time use one request. Default: the message id."""
    delivery_window: DeliveryWindow | None = None
    """Hours and days in which Infobip may deliver."""
    campaign_id: str | None = None
    intermediate_reports: bool | None = None
    """Whether intermediate reports are sent."""
    notify: bool | None = None
    """False: no reports."""
    report_content_type: str | None = None
    """Only `application/json` is allowed, because the plugin reads reports as JSON."""

    __hash__ = InfobipOptions.__hash__

    def check(self) -> None:
        """Refuse a time without a zone, and what is too long."""
        InfobipOptions.check(self)
        name = type(self).__name__
        require_text(self.bulk_id, f"{name}.bulk_id", max_length=_BULK)
        require_text(self.campaign_id, f"{name}.campaign_id", max_length=_LABEL)
        if self.report_content_type is not None and not _JSON_TYPE.fullmatch(self.report_content_type):
            raise InvalidMessage(
                "must be application/json: reports are read as JSON only",
                field=f"{name}.report_content_type",
                hint="leave it out",
            )
        if self.send_at is not None and self.send_at.tzinfo is None:
            raise InvalidMessage(
                "has no time zone", field=f"{name}.send_at", hint="give tzinfo, such as datetime.UTC"
            )


@dataclass(frozen=True, slots=True)
class SmsBinary:
    """Bytes instead of text, as a device takes them: with a user data header if `esm_class` says so (3GPP TS 23.040, SMPP 3.4 section 5.2.12)."""

    content: bytes = field(repr=False)
    data_coding: int = 0
    esm_class: int = 0
    """ESM class, 0 to 255 (SMPP 3.4 section 5.2.12)."""

    def __post_init__(self) -> None:
        """Check the size and the numbers."""
        if not 1 <= len(self.content) <= _MAX_BINARY:
            raise InvalidMessage(
                f"must have 1 to {_MAX_BINARY} bytes", field="SmsBinary.content", hint="send less"
            )
        for name in ("data_coding", "esm_class"):
            if not 0 <= getattr(self, name) <= _OCTET:
                raise InvalidMessage("must be 0 to 255", field=f"SmsBinary.{name}", hint="change it")


@dataclass(frozen=True, slots=True, kw_only=True)
class InfobipSmsOptions(_SchedulableOptions):
    """Options of one SMS."""

    binary: SmsBinary | None = None
    """Bytes that are sent instead of the text. Another provider sends the text."""
    language: Language | None = None
    """National language character set."""
    transliteration: Transliteration | None = None
    """Alphabet to convert the text to."""
    links: Links | None = None
    speed_limit: SpeedLimit | None = None
    """Speed of a schedule. Needs `send_at`."""
    conversion: str | None = None
    """Name under which conversions are tracked."""
    count_parts: bool = False
    """Whether the response contains the number of parts."""
    network_id: int | None = None
    india: IndiaDlt | None = None
    """Fields that Indian operators require (DLT)."""
    turkey: TurkeyIys | None = None
    """Fields for promotional messages to Turkey (IYS)."""
    south_korea: SouthKorea | None = None
    """Fields that South Korean operators require."""

    __hash__ = InfobipOptions.__hash__

    def check(self) -> None:
        """Refuse unknown words, and a speed without a schedule."""
        _SchedulableOptions.check(self)
        require_known(self.transliteration, "InfobipSmsOptions.transliteration", Transliteration)
        if self.speed_limit is not None and self.send_at is None:
            raise InvalidMessage(
                "needs send_at",
                field="InfobipSmsOptions.speed_limit",
                hint="give send_at, or leave speed_limit out",
            )


@dataclass(frozen=True, slots=True)
class SmsFailover:
    """The text that is sent by SMS if a WhatsApp template cannot be delivered."""

    sender: str
    text: str = field(repr=False)

    def __post_init__(self) -> None:
        """Check the lengths."""
        require_text(self.sender, "SmsFailover.sender", max_length=24)
        require_text(self.text, "SmsFailover.text", max_length=4096)


@dataclass(frozen=True, slots=True, kw_only=True)
class InfobipWhatsAppOptions(InfobipOptions):
    """Options of one WhatsApp message. `sms_failover` and `bulk_id` are for templates, `links` for texts."""

    links: Links | None = None
    sms_failover: SmsFailover | None = None
    """SMS that is sent if a template can't be delivered."""
    bulk_id: str | None = None

    __hash__ = InfobipOptions.__hash__

    def check(self) -> None:
        """Refuse what is too long."""
        InfobipOptions.check(self)
        require_text(self.bulk_id, "InfobipWhatsAppOptions.bulk_id", max_length=_BULK)


@dataclass(frozen=True, slots=True)
class Tracking:
    """Which deeds of the reader of a mail are reported, and where."""

    track: bool | None = None
    opens: bool | None = None
    clicks: bool | None = None
    url: str | None = field(default=None, repr=False)
    pixel_position: Literal["TOP", "BOTTOM"] | None = None

    def __post_init__(self) -> None:
        """Check the position."""
        require_known(self.pixel_position, "Tracking.pixel_position", Literal["TOP", "BOTTOM"])


@dataclass(frozen=True, slots=True)
class Masking:
    """How a placeholder's value is hidden in what Infobip keeps."""

    name: str
    side: Literal["L", "R"] = "L"
    mask_char: str = "*"
    visible_chars: int = 0
    delimiter: str | None = None
    skip_chars: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class InfobipEmailOptions(_SchedulableOptions):
    """Options of one email. A mail with text and HTML uses MIME, which supports only the shared options, `tracking.url` and `priority`."""

    validity_period: timedelta | None = None
    """Time in which Infobip tries to deliver."""
    amp_html: str | None = field(default=None, repr=False)
    """AMP version. Needs `html`."""
    template_id: str | None = None
    """Broadcast template, sent instead of the mail's text and HTML."""
    template_language_version: str | None = None
    placeholders: Mapping[str, Any] | None = field(default=None, repr=False)
    """Values for `{{name}}` in the mail."""
    default_placeholders: Mapping[str, Any] | None = field(default=None, repr=False)
    """Values for placeholders that `placeholders` leaves out."""
    landing_page_placeholders: Mapping[str, Any] | None = field(default=None, repr=False)
    optout_landing_page_id: str | None = None
    uploaded_attachments: tuple[str, ...] = ()
    """Content ids of files that Infobip already stores."""
    attachment_passwords: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    """Passwords of PDF attachments by filename."""
    tracking: Tracking | None = None
    priority: Priority | None = None
    ip_pool_id: str | None = None
    masking: tuple[Masking, ...] = ()
    """Placeholders whose values are hidden in stored data."""
    keep_no_content: bool | None = None
    """Whether Infobip stores no content."""

    def check(self) -> None:
        """Refuse unknown words."""
        _SchedulableOptions.check(self)
        require_known(self.priority, "InfobipEmailOptions.priority", Priority)

    def __hash__(self) -> int:
        """Hash by what is cheap to hash; equal options have equal hashes."""
        return hash((self.template_id, self.bulk_id, self.send_at, self.campaign_id))


_INT32 = 2**31
_NOT_RAW = frozenset({"destinations", "to", "messageId"})
_MAX_BINARY, _OCTET = 4000, 255
