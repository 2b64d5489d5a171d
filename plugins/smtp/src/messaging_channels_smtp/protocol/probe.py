"""Beginning a session and ending it again, to see whether that works."""

from __future__ import annotations

from dataclasses import dataclass

from messaging_channels_smtp.protocol.replies import ConnectionLost, Reply
from messaging_channels_smtp.protocol.server import Server, ServerCapabilities
from messaging_channels_smtp.protocol.session import open_session
from messaging_channels_smtp.protocol.steps import (
    CloseConnection,
    LimitTime,
    OpenConnection,
    SessionRefused,
    Stage,
    StepFlow,
)


@dataclass(slots=True)
class ProbeReport:
    """How far it came."""

    own_name: str | None = None
    """What we were called in EHLO; None if no connection came about."""
    capabilities: ServerCapabilities | None = None
    """What the server offers; None if no session came about."""
    stage: Stage = Stage.CONNECT
    """Where it failed."""
    failure: str = ""
    """Why, in words; empty if it did not."""
    reply: Reply | None = None
    """What the server said to it."""


def probe(server: Server, token: str | None) -> StepFlow[ProbeReport]:
    """Begin a session on a fresh connection, and leave it politely. Raises nothing."""
    report = ProbeReport()
    try:
        yield LimitTime(server.timeouts.total)
        report.own_name = yield OpenConnection(server.timeouts.connect)
        report.capabilities = (yield from open_session(server, token, report.own_name)).capabilities
    except SessionRefused as refusal:
        report.stage, report.failure, report.reply = refusal.stage, refusal.problem, refusal.reply
    except ConnectionLost as lost:
        report.failure = f"no answer in time ({lost.problem})" if lost.timed_out else lost.problem
    yield CloseConnection(polite=not report.failure)
    return report
