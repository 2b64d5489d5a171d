"""The limits of RCS business messages, and checks by them: those of Google's platform, which every vendor passes on to.

Source: https://developers.google.com/business-communications/rcs-business-messaging/reference/rest/v1/phones.agentMessages
"""

from __future__ import annotations

import re
from datetime import timedelta

from messaging_channels.errors import InvalidMessage

TEXT, TITLE, DESCRIPTION = 3072, 200, 2000
"""Characters."""
SUGGESTIONS, CARD_SUGGESTIONS = 11, 4
MIN_CARDS, MAX_CARDS = 2, 10
LABEL, POSTBACK, URL = 25, 2048, 2048
LOCATION_LABEL = 100
EVENT_TITLE, EVENT_DESCRIPTION = 100, 500
MAX_VALIDITY = timedelta(days=15)
DEFAULT_VALIDITY = timedelta(hours=48)
"""For how long a message may be tried that does not say so: without any, a phone that is off gets it up to 30 days later."""
CODE_VALIDITY = timedelta(minutes=10)
"""The same for a code (category `authentication`), which nobody can use later."""


def _camel_case(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(one.capitalize() for one in others)


FORBIDDEN = {"extra": "forbid", "hide_input_in_errors": True, "alias_generator": _camel_case}
"""How JSON is read as these values: names in camel case, and no unknown fields."""


def require_length(value: str, field: str, at_most: int, *, at_least: int = 1) -> None:
    """Refuse text that is blank or too long.

    Raises:
        InvalidMessage: naming the field and the length, never the text.
    """
    if at_least and not value.strip():
        raise InvalidMessage("must not be blank", field=field, hint="give some text")
    if len(value) > at_most:
        raise InvalidMessage(f"{len(value)} characters, {at_most} allowed", field=field, hint="shorten it")


def require_number_of(count: int, field: str, *, at_least: int, at_most: int) -> None:
    """Refuse a number of parts outside the limits.

    Raises:
        InvalidMessage: naming the field and the number.
    """
    if not at_least <= count <= at_most:
        raise InvalidMessage(
            f"{count} given, {at_least} to {at_most} allowed", field=field, hint="change the number"
        )


def require_url(value: str, field: str) -> None:
    """Refuse what is no http URL of at most 2048 characters.

    Raises:
        InvalidMessage: naming the field, never the URL.
    """
    if not _URL.fullmatch(value) or len(value) > URL:
        raise InvalidMessage(
            f"must be an http URL of at most {URL} characters without blanks",
            field=field,
            hint="give https://…",
        )


def require_place(latitude: float, longitude: float, field: str) -> None:
    """Refuse what is no place on earth.

    Raises:
        InvalidMessage: naming the field.
    """
    if not (abs(latitude) <= _MAX_LATITUDE and abs(longitude) <= 2 * _MAX_LATITUDE):
        raise InvalidMessage(
            "must be within -90 to 90, and -180 to 180 degrees",
            field=field,
            hint="give degrees (WGS 84)",
        )


_URL = re.compile(r"https?://[^\s\x00-\x1f\x7f]+")
_MAX_LATITUDE = 90
