"""Which providers serve a channel, and when the next one may be asked: pure decisions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from messaging_channels.outcomes import RULES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from messaging_channels.outcomes import Outcome


@dataclass(frozen=True, slots=True, init=False)
class Route:
    """The providers of a channel by name, in the order in which they are asked: `Route("infobip", "twilio")`."""

    providers: tuple[str, ...]

    def __init__(self, *providers: str) -> None:
        """Name at least one provider.

        Raises:
            ValueError: none is named, or one twice.
        """
        if not providers or len(set(providers)) != len(providers):
            message = "a Route names at least one provider, and none twice"
            raise ValueError(message)
        object.__setattr__(self, "providers", providers)


def may_pass_on(outcomes: Iterable[Outcome]) -> bool:
    """Whether another provider may be asked after these attempts: only if none of them can have reached anybody."""
    return all(RULES[outcome.reason].pass_on for outcome in outcomes)
