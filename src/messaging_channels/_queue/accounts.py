"""Accounts that cannot send, such as one with a wrong key: their messages wait, and one of them tries now and then whether that was mended."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import InitVar, dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from messaging_channels._model.outcomes import Outcome
from messaging_channels._model.receipts import Skipped
from messaging_channels._sending.decision import TryProvider
from messaging_channels.plugins.exchange import Flow, ask
from messaging_channels.plugins.ledger_queue import (
    AcquireProbe,
    PauseAccount,
    PausedAccount,
    ResumeAccount,
)

if TYPE_CHECKING:
    from messaging_channels._model.receipts import Attempt
    from messaging_channels._sending.send_state import SendState

_Key: TypeAlias = "tuple[str, str | None]"
"""A provider's name, and the account there."""


@dataclass(slots=True)
class AccountPauses:
    """The accounts that are paused, as one round of a worker finds and leaves them."""

    clock: Callable[[], float]
    chance: Callable[[], float]
    found: InitVar[Sequence[PausedAccount]]
    """Those that the ledger told of when the round began."""
    paused: dict[_Key, PausedAccount] = field(init=False)

    def __post_init__(self, found: Sequence[PausedAccount]) -> None:
        """Find them by provider and account."""
        self.paused = {(one.provider, one.account): one for one in found}

    def leave_out(self, state: SendState) -> Flow[float | None]:
        """Take paused accounts out of those that may be asked. Return None if anybody is left, else when the message may be tried.

        Where nobody else is left, one message tries the account whose turn it is.
        """
        blocked = [
            self.paused[key]
            for name in state.providers
            if (key := (name, state.request.account)) in self.paused
        ]
        if not blocked:
            return None
        names = {one.provider for one in blocked}
        if len(names) == len(state.providers):
            probe = min(blocked, key=lambda one: one.next_probe_at)
            if not (yield from self._acquire(probe)):
                return probe.next_probe_at
            names.discard(probe.provider)
        state.skipped += tuple(Skipped(name, "its account is paused") for name in sorted(names))
        state.providers = {name: one for name, one in state.providers.items() if name not in names}
        if isinstance(state.step, TryProvider):
            state.step = TryProvider(next(iter(state.providers)))
        return None

    def record(self, states: Sequence[SendState]) -> Flow[None]:
        """Learn from the attempts of a round which accounts cannot send, and which can again."""
        ends = {(one.provider, one.account): one for state in states for one in state.attempts if one.result}
        for key, attempt in ends.items():
            if attempt.result is not None and attempt.result.reason.policy.is_account_fault:
                yield from self._pause(key, attempt)
            elif key in self.paused and attempt.outcome in (Outcome.ACCEPTED, Outcome.REJECTED):
                yield from self._resume(key)

    def next_try(self, attempt: Attempt) -> float:
        """Return when a message may be tried again whose account could not send: after those that wait for the probe."""
        paused = self.paused.get((attempt.provider, attempt.account))
        now = self.clock()
        at = now + _INTERVAL if paused is None else paused.next_probe_at
        return at + (at - now) * (1 + self.chance()) / 10

    def _acquire(self, paused: PausedAccount) -> Flow[bool]:
        now = self.clock()
        if paused.next_probe_at > now:
            return False
        probe = AcquireProbe(paused.provider, paused.account, now, self._next_probe(paused.probes))
        return (yield from ask(probe))

    def _pause(self, key: _Key, attempt: Attempt) -> Flow[None]:
        provider, account = key
        known = self.paused.get(key)
        probes = known.probes if known else 0
        reason, detail = (attempt.result.reason.value, attempt.result.detail) if attempt.result else ("", "")
        now, after = self.clock(), self._next_probe(probes)
        is_new = yield from ask(PauseAccount(provider, account, reason, detail, now, after))
        self.paused[key] = PausedAccount(provider, account, reason, detail, now, after, probes + 1)
        if is_new:
            _log.error(
                "provider %s, account %s cannot send (%s: %s): its queue is paused until the account works again",
                provider,
                account or "of the platform",
                reason,
                detail,
            )

    def _resume(self, key: _Key) -> Flow[None]:
        provider, account = key
        del self.paused[key]
        if (yield from ask(ResumeAccount(provider, account, self.clock()))):
            _log.warning(
                "provider %s, account %s can send again: its queue continues",
                provider,
                account or "of the platform",
            )

    def _next_probe(self, probes: int) -> float:
        bound = min(_MAX_INTERVAL, _INTERVAL * 2.0 ** min(probes, 30))
        return self.clock() + bound * (1 - self.chance() / 10)


_log = logging.getLogger("messaging_channels._queue.accounts")
_INTERVAL, _MAX_INTERVAL = 30.0, 900.0
"""Seconds between two tries: twice as long after each, up to the most."""
