"""What messages share: the rates that they count against, and the request that they may go out in."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

from messaging_channels.plugins.provider import Envelope, Provider, SupportsBatchGrouping

if TYPE_CHECKING:
    from messaging_channels._model.rate_limit import RateLimit
    from messaging_channels._sending.send_state import SendState


def applicable_rate_limits(
    state: SendState, name: str, own: Sequence[tuple[Hashable, RateLimit]], rate: RateLimit | None
) -> list[tuple[Hashable, RateLimit]]:
    """Return what a message counts against: the provider's own rates, and that of its sender."""
    limits: list[tuple[Hashable, RateLimit]] = [((state.account, name, key), one) for key, one in own]
    if rate is not None:
        sender = getattr(state.envelope.message, "sender", None)
        limits.append(((state.account, name, "sender", str(sender)), rate))
    return limits


def batch_key(provider: Provider, envelope: Envelope) -> Hashable | None:
    """Return with which other messages this one may share a request, None if with none."""
    able: SupportsBatchGrouping | None = provider if hasattr(provider, "batch_key") else None  # type: ignore[assignment]
    return "" if able is None else able.batch_key(envelope)
