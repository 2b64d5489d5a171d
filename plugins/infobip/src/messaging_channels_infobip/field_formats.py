"""How values are written into requests: dates, durations, and the objects that the channels share."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from messaging_channels.errors import InvalidMessage
from messaging_channels_infobip.options import DeliveryWindow, InfobipOptions, Links

MAX_VALIDITY = timedelta(hours=48)


def without_none(**fields: Any) -> dict[str, Any]:  # noqa: ANN401  what goes into JSON
    """Return the fields that are not None."""
    return {name: value for name, value in fields.items() if value is not None}


def without_none_or_null(**fields: Any) -> dict[str, Any] | None:  # noqa: ANN401  what goes into JSON
    """Return the same, or None if there are none."""
    return without_none(**fields) or None


def format_date(at: datetime) -> str:
    """Write a time in the one spelling that all endpoints take: milliseconds, and an offset without a colon."""
    moment = at.astimezone(UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}+0000"


def format_validity(period: timedelta | None, field: str) -> dict[str, Any] | None:
    """Write a validity period.

    Raises:
        InvalidMessage: it is shorter than a second or longer than 48 hours.
    """
    if period is None:
        return None
    seconds = int(period.total_seconds())
    if seconds < 1 or period > MAX_VALIDITY:
        raise InvalidMessage("must be 1 second to 48 hours for Infobip", field=field, hint="change the time")
    return {"amount": seconds, "timeUnit": "SECONDS"}


def format_delivery_window(delivery_window: DeliveryWindow | None) -> dict[str, Any] | None:
    """Write a delivery window."""
    if delivery_window is None:
        return None
    start, end = delivery_window.start, delivery_window.end
    hours = {
        name: {"hour": at.hour, "minute": at.minute}
        for name, at in (("from", start), ("to", end))
        if at is not None
    }
    return {"days": list(delivery_window.days), **hours}


def format_links(options: Links | None) -> dict[str, Any] | None:
    """Write what becomes of links."""
    if options is None:
        return None
    return without_none(
        shortenUrl=options.shorten,
        trackClicks=options.track_clicks and options.shorten,
        trackingUrl=options.tracking_url,
        removeProtocol=options.remove_protocol,
        customDomain=options.custom_domain,
    )


def format_platform(options: InfobipOptions) -> dict[str, Any] | None:
    """Write the labels of tenancy, where they stand in an object of their own."""
    return without_none_or_null(entityId=options.entity_id, applicationId=options.application_id)
