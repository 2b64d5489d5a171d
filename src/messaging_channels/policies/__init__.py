"""How messages are sent: routes, retries, circuit breakers, rate limits, send windows and pre-send checks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from messaging_channels._faces import lazy

if TYPE_CHECKING:
    from messaging_channels._model.rate_limit import Rate, reserve
    from messaging_channels.policies.checks import AllowedPrefixes, OptOuts, SpendLimit, Velocity, Veto
    from messaging_channels.policies.rate_limiter import Pacer
    from messaging_channels.policies.routing import ALWAYS, Rest, Retry, Route, Via, When
    from messaging_channels.policies.windows import Window

__all__ = [
    "ALWAYS",
    "AllowedPrefixes",
    "OptOuts",
    "Pacer",
    "Rate",
    "Rest",
    "Retry",
    "Route",
    "SpendLimit",
    "Velocity",
    "Veto",
    "Via",
    "When",
    "Window",
    "reserve",
]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "_model.rate_limit": (
            "Rate",
            "reserve",
        ),
        "policies.checks": (
            "Veto",
            "OptOuts",
            "AllowedPrefixes",
            "Velocity",
            "SpendLimit",
        ),
        "policies.rate_limiter": ("Pacer",),
        "policies.routing": (
            "Retry",
            "Rest",
            "When",
            "ALWAYS",
            "Via",
            "Route",
        ),
        "policies.windows": ("Window",),
    },
)
