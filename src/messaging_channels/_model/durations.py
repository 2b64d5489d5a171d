"""Times that callers give in seconds."""

from __future__ import annotations

from messaging_channels._model.arguments import is_finite
from messaging_channels._model.errors import InvalidMessage


def require_number(value: object, field_name: str) -> None:
    """Refuse what is no number of seconds.

    Raises:
        InvalidMessage: it is no number, or not a finite one.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not is_finite(value):
        raise InvalidMessage("must be a number of seconds", field=field_name, hint="write it like 30.0")
