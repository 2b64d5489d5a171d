"""The rules, asked before a message is sent, and told how it ended."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from messaging_channels._model.errors import MessageBlocked
from messaging_channels._model.outcomes import Outcome
from messaging_channels.consent.gate import ConsentGate, suppressed_error
from messaging_channels.plugins.exchange import Flow, ask
from messaging_channels.plugins.ledger_consent import FindSuppression
from messaging_channels.policies.checks import PreSendCheck, run_check

if TYPE_CHECKING:
    from messaging_channels._sending.send_state import SendState


def ask_checks(checks: Sequence[PreSendCheck], state: SendState) -> Flow[None]:
    """Ask the rules, once for each message; what one of them counted before another forbade it, it counts no longer."""
    if state.is_counted:
        return
    for place, one in enumerate(checks):
        try:
            yield from run_check(one, state.request.envelope, state.request.account)
        except MessageBlocked:
            _finish(checks[:place], state, sent=False)
            raise
    state.is_counted = bool(checks)


def ask_consent(
    checks: Sequence[PreSendCheck], state: SendState, consent: ConsentGate, now: float
) -> Flow[None]:
    """Ask what the person said, for a message that is not recorded: others are asked about as they are written down."""
    query = consent.query(state.request.envelope, now)
    entry = None if query is None else (yield from ask(FindSuppression(query)))
    if entry is not None:
        finish_checks(checks, [state])
        raise suppressed_error(entry)


def finish_checks(checks: Sequence[PreSendCheck], states: Sequence[SendState]) -> None:
    """Tell the rules how messages ended that nothing comes after. What may have been sent counts as sent."""
    for state in states:
        if state.is_counted:
            state.is_counted = False
            sent = any(one.outcome in (Outcome.ACCEPTED, Outcome.UNKNOWN) for one in state.attempts)
            _finish(checks, state, sent=sent and not state.replayed)


def _finish(checks: Sequence[PreSendCheck], state: SendState, *, sent: bool) -> None:
    for one in checks:
        try:
            one.finish(state.request.envelope, state.request.account, sent=sent)
        except Exception:  # what was sent is sent, whatever a rule makes of it
            logging.getLogger(__name__).exception("check %r failed", one.name)
