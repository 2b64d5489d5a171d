"""Several messages of which the next one goes out when the one before was not delivered in time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from messaging_channels._model.arguments import as_seconds, kind_of, require_instance
from messaging_channels._model.errors import InvalidArgument, InvalidMessage
from messaging_channels.messages import Message

if TYPE_CHECKING:
    from datetime import timedelta


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
        self,
        steps: Iterable[Message],
        *,
        after: float | timedelta = 300.0,
        on_unknown: Literal["hold", "next"] = "hold",
    ) -> None:
        """Name at least one message.

        Raises:
            InvalidMessage: there is none, one is no message, or the time is not positive.
        """
        if not isinstance(steps, Iterable) or isinstance(steps, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidArgument(
                f"must be a list of messages, got {kind_of(steps)}",
                argument="Fallback.steps",
                hint="write Fallback([...])",
            )
        object.__setattr__(self, "steps", tuple(steps))
        for number, one in enumerate(self.steps):
            require_instance(one, Message, f"Fallback.steps[{number}]", 'write for example Sms("...")')
        object.__setattr__(self, "after", as_seconds(after, "Fallback.after", least=1e-9))
        object.__setattr__(self, "on_unknown", on_unknown)
        if not self.steps:
            raise InvalidMessage("has no messages", field="Fallback", hint="give at least one")
        if any(one.has_vendor_fallback for one in self.steps[:-1]):
            raise InvalidMessage(
                "a step before the last has a fallback of its vendor's own, which might still be under way when the following step is sent",
                field="Fallback",
                hint="leave it out of that message, or send that message alone",
            )
        if on_unknown not in ("hold", "next"):
            given = repr(on_unknown) if isinstance(on_unknown, str) else kind_of(on_unknown)
            raise InvalidArgument(
                f"must be 'hold' or 'next', got {given}",
                argument="Fallback.on_unknown",
                hint="give one of them",
            )
