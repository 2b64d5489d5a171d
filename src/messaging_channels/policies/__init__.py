"""How messages are sent: routes, retries, circuit breakers, rate limits, send windows and pre-send checks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from messaging_channels._faces import lazy

if TYPE_CHECKING:
    from messaging_channels._model.rate_limit import RateLimit, reserve
    from messaging_channels.policies.checks import (
        AllowedPrefixes,
        PreSendCheck,
        SpendLimit,
        SuppressionList,
        VelocityLimit,
    )
    from messaging_channels.policies.rate_limiter import RateLimiter
    from messaging_channels.policies.routing import (
        MATCH_ALL,
        CircuitBreaker,
        RetryPolicy,
        Route,
        RouteMatch,
        RouteTarget,
    )
    from messaging_channels.policies.windows import SendWindow

__all__ = [
    "MATCH_ALL",
    "AllowedPrefixes",
    "CircuitBreaker",
    "PreSendCheck",
    "RateLimit",
    "RateLimiter",
    "RetryPolicy",
    "Route",
    "RouteMatch",
    "RouteTarget",
    "SendWindow",
    "SpendLimit",
    "SuppressionList",
    "VelocityLimit",
    "reserve",
]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "_model.rate_limit": (
            "RateLimit",
            "reserve",
        ),
        "policies.checks": (
            "PreSendCheck",
            "SuppressionList",
            "AllowedPrefixes",
            "VelocityLimit",
            "SpendLimit",
        ),
        "policies.rate_limiter": ("RateLimiter",),
        "policies.routing": (
            "RetryPolicy",
            "CircuitBreaker",
            "RouteMatch",
            "MATCH_ALL",
            "RouteTarget",
            "Route",
        ),
        "policies.windows": ("SendWindow",),
    },
)
