"""What a caller may ask of one message, besides what it says and whom it is for."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Literal, TypedDict

from messaging_channels._model import errors
from messaging_channels._model.durations import require_number

if TYPE_CHECKING:
    from datetime import timedelta


class SendKeywords(TypedDict, total=False):
    """What a caller may ask of one message, by keyword. See `SendOptions`."""

    idempotency_key: str | None
    scope: str
    timeout: float | timedelta | None
    on_unknown: Literal["hold", "resend"]
    in_progress_timeout: float | timedelta
    confirms: str


_MAX_KEY_LENGTH = 255
_CONFIRMATION = "consent-confirmation/"
_USABLE_KEY = re.compile(f"[^\x00\ud800-\udfff]{{1,{_MAX_KEY_LENGTH}}}")


@dataclass(frozen=True, slots=True)
class SendOptions:
    """Options of one message."""

    idempotency_key: str | None = None
    """The same key sends at most once, in whatever process, as long as the ledger keeps it. At most 255 characters."""
    scope: str = ""
    """Name space of the idempotency key, such as a tenant's name: equal keys of two scopes are different keys."""
    timeout: float | None = None
    """Seconds after which no attempt begins and no phase of an exchange goes on."""
    on_unknown: Literal["hold", "resend"] = "hold"
    """`hold`: what may have been sent is never sent again. `resend`: a second copy is better than none."""
    in_progress_timeout: float = 0.0
    """Seconds to wait for an earlier call with the same key, before IdempotencyKeyInUse is raised."""
    confirms: str = ""
    """The id of an opt-out (`ConsentStatement.id`) that this message confirms to the person, without any marketing in it.

    That opt-out does not block it, for five minutes after it was kept; and it goes out once, whatever the key.
    """

    def __post_init__(self) -> None:
        """Refuse what cannot be meant.

        Raises:
            InvalidMessage: the key is empty, longer than 255 characters or no text that a database can hold, or the deadline has passed.
        """
        if self.confirms and not (self.idempotency_key or "").startswith(_CONFIRMATION):
            object.__setattr__(self, "idempotency_key", f"{_CONFIRMATION}{self.confirms}"[:_MAX_KEY_LENGTH])
        if self.idempotency_key is not None and not _USABLE_KEY.fullmatch(self.idempotency_key):
            raise _unusable_error("idempotency_key", "1 to 255")
        if self.scope and not _USABLE_KEY.fullmatch(self.scope):
            raise _unusable_error("scope", "at most 255")
        if self.timeout is not None:
            require_number(self.timeout, "timeout")
        if self.in_progress_timeout:
            require_number(self.in_progress_timeout, "in_progress_timeout")
        if self.timeout is not None and self.timeout <= 0:
            raise errors.InvalidMessage(
                "must be positive seconds from now", field="timeout", hint="give for example 20"
            )
        if self.on_unknown not in ("hold", "resend"):
            raise errors.InvalidMessage(
                "must be hold or resend", field="on_unknown", hint="choose one of them"
            )

    def for_recipient(self, channel: str, plain: str) -> SendOptions:
        """Return the terms of one recipient of many: under the call's key, the key of its address."""
        if self.idempotency_key is None:
            return self
        digest = sha256(repr((self.idempotency_key, channel, plain)).encode()).hexdigest()
        return replace(self, idempotency_key=f"{self.idempotency_key[:100]}/{digest}")


def _unusable_error(field: str, length: str) -> errors.InvalidMessage:
    problem = f"must have {length} characters, none of them NUL or an unpaired surrogate"
    return errors.InvalidMessage(problem, field=field, hint="change it")


DEFAULT_OPTIONS = SendOptions()
"""What is asked of a message where nothing is said."""
