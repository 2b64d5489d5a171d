"""Several messages of which the next one goes out when the one before was not delivered in time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from messaging_channels._model.durations import require_number
from messaging_channels._model.errors import InvalidMessage
from messaging_channels.messages import Message


@dataclass(frozen=True, slots=True, init=False)
class Fallback:
    """An ordered list of messages for one recipient: `Fallback([WhatsAppTemplate(...), Sms(...)], after=300)`.

    The next one is sent when the one before was refused, was reported as not delivered, or was not reported as delivered `after` seconds
    after it was accepted. The one before may still arrive later, so give it a validity of about `after` where its provider takes one.
    """

    steps: tuple[Message, ...]
    after: float
    """Seconds."""
    on_unknown: Literal["hold", "next"]
    """`hold`: a message that may have been sent is not followed by another one. `next`: it is, `after` seconds later."""

    def __init__(
        self, steps: Iterable[Message], *, after: float = 300.0, on_unknown: Literal["hold", "next"] = "hold"
    ) -> None:
        """Name at least one message.

        Raises:
            InvalidMessage: there is none, or the time is not positive.
        """
        require_number(after, "Fallback.after")
        object.__setattr__(self, "steps", tuple(steps))
        object.__setattr__(self, "after", after)
        object.__setattr__(self, "on_unknown", on_unknown)
        if not self.steps:
            raise InvalidMessage("has no messages", field="Fallback", hint="give at least one")
        if any(one.has_vendor_fallback for one in self.steps[:-1]):
            raise InvalidMessage(
                "a step before the last has a fallback of its vendor's own, which might still be under way when the next one is sent",
                field="Fallback",
                hint="leave it out of that message, or send that message alone",
            )
        if after <= 0:
            raise InvalidMessage(
                f"must be positive seconds, got {after:g}", field="Fallback.after", hint="give e.g. 300"
            )
        if on_unknown not in ("hold", "next"):
            raise InvalidMessage(
                f'must be "hold" or "next", got {on_unknown!r:.20}',
                field="Fallback.on_unknown",
                hint="choose one of them",
            )
