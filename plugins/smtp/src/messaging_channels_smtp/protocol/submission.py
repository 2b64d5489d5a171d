"""Letters to a server over as many lines as it takes: the whole conversation, connections and pool included."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from messaging_channels.plugins import Exchange, Timeouts
from messaging_channels_smtp.protocol.delivery import TransactionSender
from messaging_channels_smtp.protocol.mail import MailTransaction, TransactionResult
from messaging_channels_smtp.protocol.replies import ConnectionLost
from messaging_channels_smtp.protocol.server import ConnectionState, Server, SmtpTimeouts
from messaging_channels_smtp.protocol.session import open_session
from messaging_channels_smtp.protocol.steps import (
    CloseConnection,
    LimitTime,
    OpenConnection,
    ReleaseConnection,
    ReuseConnection,
    SessionRefused,
    Stage,
    StepFlow,
)


@dataclass(slots=True)
class Submission(Exchange[tuple[TransactionResult, ...]]):
    """Letters for one server. The reply tells what became of each, in order; it is not raised."""

    server: Server
    mails: tuple[MailTransaction, ...]
    token: str | None = field(default=None, repr=False)
    """An OAuth access token, for logging in with instead of a password."""
    timeouts: Timeouts | None = None
    """None for the server's own time-outs. A shorter `read` than the server asks for makes more outcomes unknown."""
    may_send: bool = True

    @property
    def server_with_timeouts(self) -> Server:
        """The server, waited for no longer than this submission may."""
        if self.timeouts is None:
            return self.server
        own, most = self.server.timeouts, self.timeouts
        longest_read = max(own.greeting, own.command, own.data_end, own.total)
        if own.connect <= most.connect and own.data_block <= most.write and longest_read <= most.read:
            return self.server
        timeouts = SmtpTimeouts(
            min(own.connect, most.connect),
            min(own.greeting, most.read),
            min(own.command, most.read),
            min(own.data_block, most.write),
            min(own.data_end, most.read),
            min(own.total, most.read),
        )
        return replace(self.server, timeouts=timeouts)


def submit(submission: Submission) -> StepFlow[tuple[TransactionResult, ...]]:
    """Send every letter, on kept lines where there are any.

    A letter whose content was not begun when its line broke is offered once more on a fresh one, if the line had been in use before: an idle line
    may have died unnoticed, and servers close after so many mails.
    """
    told: dict[int, TransactionResult] = {}
    server = submission.server_with_timeouts
    while left := [index for index in range(len(submission.mails)) if index not in told]:
        line: ConnectionState | None = None
        try:
            line = yield ReuseConnection(server.timeouts.data_end)
            used = line is not None
            line = line or (yield from _open_connection(server, submission.token))
        except (ConnectionLost, SessionRefused) as failure:
            yield CloseConnection()
            told |= dict.fromkeys(left, _connection_failure(failure))
            break
        left = left[: max(1, _remaining_mails(server, line))]
        said = yield from _send_on_connection(server, line, [submission.mails[index] for index in left])
        settled = {index: one for index, one in zip(left, said, strict=True) if not one.not_offered}
        told |= settled if used or settled else dict(zip(left, said, strict=True))
    return tuple(told[index] for index in range(len(submission.mails)))


def _open_connection(server: Server, token: str | None) -> StepFlow[ConnectionState]:
    yield LimitTime(server.timeouts.total)
    own_name: str | None = yield OpenConnection(server.timeouts.connect)
    return (yield from open_session(server, token, own_name))


def _send_on_connection(
    server: Server, connection: ConnectionState, mails: Sequence[MailTransaction]
) -> StepFlow[list[TransactionResult]]:
    said = yield from TransactionSender(server, connection, mails).send_all()
    if connection.in_order and _remaining_mails(server, connection):
        yield ReleaseConnection(connection)
    else:
        yield CloseConnection(polite=connection.in_order)
    return said


def _remaining_mails(server: Server, connection: ConnectionState) -> int:
    """Return how many more mails a line may carry."""
    most = min(server.pool.messages_per_connection, connection.capabilities.max_mails)
    return max(0, most - connection.mails_sent)


def _connection_failure(failure: ConnectionLost | SessionRefused) -> TransactionResult:
    if isinstance(failure, SessionRefused):
        return TransactionResult(failure.stage, failure.reply, failure.problem)
    return TransactionResult(Stage.CONNECT, None, failure.problem, failure.timed_out)
