"""What `send` would do with a message, without doing it: nothing is sent, recorded or counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from messaging_channels._model.errors import MessageBlocked
from messaging_channels._queue.candidates import require_sendable
from messaging_channels.consent.gate import suppressed_error
from messaging_channels.plugins.exchange import Flow, ask
from messaging_channels.plugins.ledger_consent import FindSuppression
from messaging_channels.policies.checks import run_check

if TYPE_CHECKING:
    from messaging_channels._sending.pipeline import SendPipeline
    from messaging_channels.consent.gate import ConsentGate
    from messaging_channels.messages import Message
    from messaging_channels.plugins.provider import Envelope


def dry_run(pipeline: SendPipeline, gate: ConsentGate, message: Message, to: Any) -> Flow[dict[str, Any]]:  # noqa: ANN401  resolvers take anything
    """Return for whom the message is, who would be asked for it in which order, and what the checks say.

    Raises:
        MessagingError: what `send` would raise before it asks a provider, other than a check that blocks it.
    """
    envelope, account = yield from pipeline.envelopes.build(message, to, pipeline.clock())
    selection = pipeline.selector.select(envelope, account)
    require_sendable(selection.providers.values(), envelope)
    problems: list[dict[str, str | None]] = []
    for check in pipeline.checks:
        problem = None
        try:
            yield from run_check(check, envelope, account)
            check.finish(envelope, account, sent=False)
        except MessageBlocked as blocked:
            problem = str(blocked)
        problems.append({"check": check.name, "problem": problem})
    problems.append({"check": "consent", "problem": (yield from _consent_problem(pipeline, gate, envelope))})
    return {
        "channel": envelope.channel,
        "to": envelope.to.masked,
        "account": account,
        "providers": list(selection.providers),
        "skipped": [{"provider": one.provider, "reason": one.reason} for one in selection.skipped],
        "checks": problems,
        "wouldSend": not any(one["problem"] for one in problems),
    }


def _consent_problem(pipeline: SendPipeline, gate: ConsentGate, envelope: Envelope) -> Flow[str | None]:
    query = gate.query(envelope, pipeline.clock())
    entry = None if query is None else (yield from ask(FindSuppression(query)))
    return None if entry is None else str(suppressed_error(entry))
