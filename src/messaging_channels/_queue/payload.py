"""What the queue keeps of a message to send it later: itself, to whom, and on what terms; as JSON and back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Literal

from messaging_channels._sending.send_options import SendOptions
from messaging_channels.messages import Codec, DecodeError, Message
from messaging_channels.messages._codec import UnknownType
from messaging_channels.policies.windows import SendWindow

if TYPE_CHECKING:
    from messaging_channels._model.addresses import Address


@dataclass(frozen=True, slots=True)
class Step:
    """One message for one address: a step of a fallback, or all there is."""

    message: Message
    to: Address
    account: str | None


@dataclass(frozen=True, slots=True)
class QueuePayload:
    """All that is kept of one message that waits."""

    steps: Sequence[Step]
    on_unknown: Literal["hold", "resend"] = "hold"
    after: float = 0.0
    """Seconds between the steps."""
    follow_unknown: bool = False
    """Whether a step that may have been sent is followed by the next."""
    window: SendWindow | None = None
    timezones: tuple[str, ...] = field(default=())
    trace: str = ""
    """What an observer made of its being enqueued, such as a W3C `traceparent`."""

    def send_options(self, seconds: float | None) -> SendOptions:
        """Return the terms of a round that has so many seconds left."""
        return SendOptions(timeout=seconds, on_unknown=self.on_unknown)

    def next_open(self, at: float) -> float:
        """Return the first moment from then on at which the recipient may be written to."""
        return self.window.next_opening(at, self.timezones) if self.window else at

    def to_json(self, codec: Codec) -> str:
        """Return it as JSON.

        Raises:
            InvalidMessage: a message holds what cannot be stored.
        """
        window = self.window
        return json.dumps(
            {
                "steps": [
                    [codec.encode(one.message), codec.encode(one.to), one.account] for one in self.steps
                ],
                "onUnknown": self.on_unknown,
                "after": self.after,
                "followUnknown": self.follow_unknown,
                "window": [*map(str, window.hours), list(window.days)] if window else None,
                "zones": self.timezones,
                **({"trace": self.trace} if self.trace else {}),
            },
            separators=(",", ":"),
        )

    @classmethod
    def from_json(cls, codec: Codec, text: str) -> QueuePayload:
        """Return what was dumped.

        Raises:
            DecodeError: a type in it is not known here, or no longer fits.
        """
        kept: dict[str, Any] = json.loads(text)
        try:
            window = SendWindow(*kept["window"]) if kept["window"] else None
            steps = [Step(codec.decode(message), codec.decode(to), own) for message, to, own in kept["steps"]]
        except UnknownType:
            raise
        except (KeyError, TypeError, ValueError) as error:
            raise DecodeError(str(error)) from None
        return cls(
            steps,
            kept["onUnknown"],
            kept["after"],
            kept["followUnknown"],
            window,
            tuple(kept["zones"]),
            str(kept.get("trace", "")),
        )

    def with_window(self, window: SendWindow | None) -> QueuePayload:
        """Return them with a window, and the time zones of every address in them."""
        if window is None:
            return self
        zones = dict.fromkeys(zone for one in self.steps for zone in window.timezones(one.to))
        return replace(self, window=window, timezones=tuple(zones))


def recipient_digest(plain: str) -> str:
    """Return the digest under which schemas before version 5 kept the recipients of what waits."""
    return sha256(plain.lower().encode()).hexdigest()[:32]
