"""Who may send a message that waited: other than for one that is sent at once, what became of its earlier steps counts."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from messaging_channels._model.errors import BadInput, ConfigurationError, InvalidSetting
from messaging_channels._sending.decision import TryProvider
from messaging_channels._sending.send_state import joint_refusal
from messaging_channels.plugins.provider import (
    HttpProvider,
    ReportsOptional,
    SupportsLookup,
    SupportsReportPolling,
    SupportsWebhooks,
)
from messaging_channels.plugins.report_pages import SupportsReportCursor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from messaging_channels._sending.send_state import SendState
    from messaging_channels.plugins.ledger import MessageRecord
    from messaging_channels.plugins.ledger_queue import Job
    from messaging_channels.plugins.provider import Envelope, Provider


def prefer_other_providers(state: SendState, record: MessageRecord, base: int) -> None:
    """Ask those last by whom an earlier step of this channel went: it did not arrive."""
    channel = state.request.envelope.channel
    earlier = {one.provider for one in record.attempts if one.number <= base and one.channel == channel}
    if not earlier & state.providers.keys():
        return
    state.providers = dict(sorted(state.providers.items(), key=lambda pair: pair[0] in earlier))
    if isinstance(state.step, TryProvider):
        state.step = TryProvider(next(iter(state.providers)), state.step.delay)


def require_sendable(providers: Iterable[Provider], envelope: Envelope) -> None:
    """Refuse a message that every provider would refuse before anything left the machine, as far as they can tell without sending it.

    Raises:
        BadInput, ConfigurationError: what it says; where there are several, what all of them say.
    """
    refusals: list[tuple[str, BadInput | ConfigurationError]] = []
    for provider in providers:
        check = _check_of(provider)
        if check is None:
            return
        try:
            check(envelope)
        except (BadInput, ConfigurationError) as error:
            refusals.append((provider.name, error))
        else:
            return
    if len(refusals) > 1:
        raise joint_refusal(envelope.channel, refusals) from refusals[0][1]
    if refusals:
        raise refusals[0][1]


def _check_of(provider: Provider) -> Callable[[Envelope], object] | None:
    """Return what tells whether a provider would refuse a message; None where only sending does."""
    # asking the protocol itself (isinstance) takes ten times as long
    validate: Callable[[Envelope], object] | None = getattr(provider, "validate", None)
    if validate is not None:
        return validate
    return provider.build_request if isinstance(provider, HttpProvider) else None


def require_reports(providers: Iterable[Provider], channel: str) -> None:
    """Refuse a step that another one is to follow when it was not delivered, where nobody can ever tell whether it was.

    Raises:
        InvalidSetting: no provider reports deliveries, and none can be asked.
    """
    names: list[str] = []
    for provider in providers:
        if isinstance(provider, ReportsOptional) and not provider.has_reports:
            _log.warning(
                "provider %s is not set up to report deliveries: %s before the next step of a fallback",
                provider.name,
                "it is asked" if isinstance(provider, SupportsLookup) else "nobody knows of one",
            )
            return
        if isinstance(
            provider, (SupportsWebhooks, SupportsReportPolling, SupportsReportCursor, SupportsLookup)
        ):
            return
        names.append(provider.name)
    raise InvalidSetting(
        f"{', '.join(names)} neither reports deliveries nor can be asked, so every message would go out twice",
        setting=f"routes.{channel}",
        source="the steps of a Fallback",
        hint="route the first step to a provider that reports deliveries, or send one message only",
    )


def capped_by_deadline(job: Job, due: float) -> float:
    """Return when to look again: at its deadline at the latest."""
    return due if job.deadline is None else min(due, job.deadline)


_log = logging.getLogger("messaging_channels._queue.candidates")
