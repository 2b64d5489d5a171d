"""Letters over one line, one or many, in as few round trips as the server allows.

With PIPELINING (RFC 2920) a letter's envelope is one write, and travels behind the content of the letter before: one round trip a letter. With CHUNKING
besides (RFC 3030) several letters are under way at once. A letter is committed with the last block of its content: what is lost before was
not sent, since the server has to drop it (RFC 5321 section 4.1.1.4); what is lost after it may have been.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NoReturn

from messaging_channels_smtp.protocol import commands
from messaging_channels_smtp.protocol.mail import MailTransaction, TransactionResult
from messaging_channels_smtp.protocol.replies import ConnectionLost, Reply
from messaging_channels_smtp.protocol.server import ConnectionState, Server, ServerCapabilities
from messaging_channels_smtp.protocol.steps import AwaitReply, LimitTime, Send, Stage, StepFlow, await_reply


@dataclass(slots=True)
class TransactionState:
    """One letter on its way."""

    mail: MailTransaction
    local_problem: str
    """Why it was not offered at all; empty if it was."""
    recipients: list[Reply | None]
    """What was said to each recipient, as far as it was said."""
    stage: Stage = Stage.MAIL
    committed: bool = False
    rejection: tuple[Stage, Reply] | None = None
    final_reply: Reply | None = None

    def result(self, lost: ConnectionLost | None) -> TransactionResult:
        """Say what became of it."""
        told, asked = tuple(self.recipients), self.mail.recipients
        if self.rejection:
            return TransactionResult(*self.rejection, recipients=told, addresses=asked)
        if self.final_reply:
            return TransactionResult(_CONTENT, self.final_reply, "", False, True, told, asked)
        if self.local_problem:
            return TransactionResult(
                Stage.MAIL, Reply(_LOCAL_REPLY_CODE, self.local_problem), self.local_problem
            )
        problem, timed_out = (lost.problem, lost.timed_out) if lost else ("not offered", False)
        return TransactionResult(self.stage, None, problem, timed_out, self.committed, told, asked)


class TransactionSender:
    """Carries letters over a line."""

    def __init__(self, server: Server, connection: ConnectionState, mails: Sequence[MailTransaction]) -> None:
        """Say nothing yet."""
        self._timeouts = server.timeouts
        self._pipeline_depth = server.pool.pipeline_depth
        self._connection = connection
        offer = connection.capabilities
        self._states = [TransactionState(letter, _local_problem(letter, offer), []) for letter in mails]
        self._pending_content: TransactionState | None = None
        """The one whose content goes with the next envelope."""

    def send_all(self) -> StepFlow[list[TransactionResult]]:
        """Carry them all; never raises Lost, but tells what became of each."""
        lost: ConnectionLost | None = None
        offer = self._connection.capabilities
        fit = [passage for passage in self._states if not passage.local_problem]
        chunked = offer.chunking and offer.pipelining and self._pipeline_depth > 1 and len(fit) > 1
        try:
            yield from self._send_by_chunks(fit) if chunked else self._send_by_data(fit)
        except ConnectionLost as error:
            lost, self._connection.in_order = error, False
        return [passage.result(lost) for passage in self._states]

    def _send_by_data(self, passages: Sequence[TransactionState]) -> StepFlow[None]:
        for passage in passages:
            yield from self._send_envelope(passage, with_data=True)
            if passage.rejection is None:
                self._pending_content = passage
        if self._pending_content is not None:
            end, last = yield from self._start_content(self._pending_content)
            if last is not None:
                yield from self._commit(last, end)

    def _send_envelope(self, passage: TransactionState, *, with_data: bool) -> StepFlow[None]:
        """Say the envelope, behind the content of the letter before. Afterwards the content may follow, unless it was refused."""
        yield LimitTime(self._timeouts.total)
        for group in self._command_groups(passage, with_data=with_data):
            said, before = b"".join([said for _, said in group]), self._pending_content
            if before is not None:
                ahead, before = yield from self._start_content(before)
                said = ahead + said
            if before is not None:
                yield from self._commit(before, said)
            else:
                yield Send(said)
            expects_content = yield from self._read_replies(passage, group)
            if passage.rejection:
                yield from self._abort_transaction(expects_content=expects_content)
                return

    def _command_groups(
        self, passage: TransactionState, *, with_data: bool
    ) -> Sequence[Sequence[tuple[Stage, bytes]]]:
        """Cut the envelope's commands into what may be said at once.

        DATA follows the only recipient at once; with copies it waits for the first recipient's reply, since they are sent nothing without it.
        """
        offer = self._connection.capabilities
        said = _envelope_commands(passage.mail, offer)
        if self._connection.open_transaction:
            said.insert(0, (_RESET, commands.RSET))
            self._connection.open_transaction = False
        if with_data and offer.pipelining and len(passage.mail.recipients) == 1:
            return ([*said, _DATA_COMMAND],)
        size = _MAX_COMMANDS_PER_WRITE if offer.pipelining else 1
        groups = [said[start : start + size] for start in range(0, len(said), size)]
        return [*groups, [_DATA_COMMAND]] if with_data else groups

    def _read_replies(
        self, passage: TransactionState, group: Sequence[tuple[Stage, bytes]]
    ) -> StepFlow[bool]:
        """Take the reply to each command; the first that matters decides. Return whether the server waits for content now.

        Raises:
            ConnectionLost: a reply was of another kind than its command; or one came behind that to DATA, and would be taken for that to the content.
        """
        came: list[Reply] = []  # together, and not yet taken: the last first
        expects_content, surplus = False, group[-1][0] is _DATA
        for number, (stage, _) in enumerate(group):
            passage.stage = stage if stage is not _RESET else _MAIL
            if not came:
                came = yield AwaitReply(self._timeouts.command, most=len(group) - number + surplus)
                came.reverse()
            reply = came.pop()
            _take_reply(passage, stage, reply)
            if stage is _RCPT:
                passage.recipients.append(reply)
            if reply.code >= _FIRST_REFUSAL and passage.rejection is None and _decides(passage, stage):
                passage.rejection = stage, reply
            expects_content = reply.code == _GO_AHEAD
        if came:
            _lose_count(passage, came[0])
        return expects_content

    def _abort_transaction(self, *, expects_content: bool) -> StepFlow[None]:
        """Leave a refused transaction: reset it before the next one, and end an empty content if the server waits for one."""
        self._connection.open_transaction = True
        if expects_content:
            yield Send(commands.END)
            yield from await_reply(self._timeouts.data_end)

    def _start_content(self, passage: TransactionState) -> StepFlow[tuple[bytes, TransactionState | None]]:
        """Write the last accepted letter's content but for its end; return its end, which commits it."""
        self._pending_content = None
        data = commands.dot_stuff(passage.mail.content)
        passage.stage = _CONTENT
        end = data
        if len(data) > _BLOCK:
            end = yield from self._write_blocks(passage, data)
        passage.committed = True
        if self._connection.capabilities.pipelining:
            return end, passage
        yield from self._commit(passage, end)
        return b"", None

    def _write_blocks(
        self, passage: TransactionState, data: bytes, *, interruptible: bool = True
    ) -> StepFlow[bytes]:
        """Write all blocks but the last, and return it; from now on the server may have everything.

        Raises:
            ConnectionLost: it broke, or the server spoke before it had everything: what it said is the final reply then.
        """
        cut = max(0, (len(data) - 1) // _BLOCK) * _BLOCK
        for start in range(0, cut, _BLOCK):
            if (yield Send(data[start : start + _BLOCK], interruptible)):
                yield from self._read_early_reply(passage)
        passage.committed = True
        return data[cut:]

    def _read_early_reply(self, passage: TransactionState) -> StepFlow[None]:
        """Take a reply that came before the end of the content: a refusal is one. No more is sent on this connection."""
        reply = yield from await_reply(self._timeouts.command)
        if reply.first_digit in _REFUSALS:
            passage.final_reply = reply
        passage.committed = True
        raise ConnectionLost(f"{reply.code} before the end of the content")

    def _commit(self, passage: TransactionState, data: bytes) -> StepFlow[None]:
        """Write the end of the content, and what goes with it, and take the reply. It may have come although writing failed."""
        try:
            yield Send(data)
        except ConnectionLost as lost:
            yield from self._read_last_words(passage, lost)
        yield from self._read_final_reply(passage, self._timeouts.data_end)

    def _read_last_words(self, passage: TransactionState, lost: ConnectionLost) -> StepFlow[None]:
        with suppress(ConnectionLost):
            yield from self._read_final_reply(passage, self._timeouts.command)
        raise lost

    def _read_final_reply(self, passage: TransactionState, seconds: float) -> StepFlow[None]:
        """Take the reply to the whole content."""
        replies: list[Reply] = yield AwaitReply(seconds, in_limit=False)
        _take_reply(passage, _CONTENT, replies[0])
        self._connection.mails_sent += 1

    def _send_by_chunks(self, passages: Sequence[TransactionState]) -> StepFlow[None]:
        """Keep a window of letters under way. The first goes by steps, so that a dead connection is found before content is committed."""
        waiting: deque[TransactionState] = deque()
        for number, passage in enumerate(passages):
            stepwise = number == 0 or len(passage.mail.recipients) > 1
            while waiting and (stepwise or self._is_pipeline_full(waiting, passage)):
                yield from self._read_pipelined_replies(waiting.popleft())
            if stepwise:
                yield from self._send_envelope(passage, with_data=False)
            if passage.rejection is None:
                yield from self._send_chunk(passage, waiting, alone=stepwise)
                waiting.append(passage)
        while waiting:
            yield from self._read_pipelined_replies(waiting.popleft())

    def _is_pipeline_full(self, waiting: Collection[TransactionState], further: TransactionState) -> bool:
        octets = len(further.mail.content) + sum(len(one.mail.content) for one in waiting)
        return len(waiting) >= self._pipeline_depth or octets > _MAX_PIPELINED_OCTETS

    def _send_chunk(
        self, passage: TransactionState, waiting: deque[TransactionState], *, alone: bool
    ) -> StepFlow[None]:
        """Write the content, and the envelope before it unless that was answered. RSET, since a refusal before leaves an open question."""
        content = passage.mail.content
        ahead = commands.bdat(len(content))
        if not alone:
            self._connection.open_transaction = False
            envelope = _envelope_commands(passage.mail, self._connection.capabilities)
            ahead = commands.RSET + b"".join([said for _, said in envelope]) + ahead
        if alone:
            passage.stage = _CONTENT
        try:
            end = yield from self._write_blocks(passage, ahead + content, interruptible=alone)
            yield Send(end)
        except ConnectionLost:
            if passage.committed and passage.final_reply is None:
                waiting.append(passage)
            while waiting:  # what was answered before it broke
                yield from self._read_pipelined_replies(waiting.popleft())
            raise

    def _read_pipelined_replies(self, passage: TransactionState) -> StepFlow[None]:
        """Take the replies to one letter of the window."""
        yield LimitTime(self._timeouts.total)
        if passage.stage is not _CONTENT:
            stages = [(_RESET, b""), (_MAIL, b""), *[(_RCPT, b"")] * len(passage.mail.recipients)]
            yield from self._read_replies(passage, stages)
        passage.stage = _CONTENT
        yield from self._read_final_reply(passage, self._timeouts.data_end)
        if passage.rejection or (passage.final_reply and passage.final_reply.first_digit in _REFUSALS):
            self._connection.open_transaction = True


def _take_reply(passage: TransactionState, stage: Stage, reply: Reply) -> None:
    """Take one reply of the kind that its command can have.

    Raises:
        ConnectionLost: it is of another kind, so that we no longer know which reply is to what; or the server closes with it.
    """
    digit = reply.code // 100
    if digit not in _REFUSALS and digit != (_GO_ON if stage is _DATA else _DONE):
        raise ConnectionLost(f"{reply.code} is not a reply to {stage}")
    if stage is _CONTENT:
        passage.final_reply = reply
    if reply.code == _CLOSING:
        if stage is not _CONTENT and passage.rejection is None:
            passage.rejection = passage.stage, reply
        raise ConnectionLost("the server closes the connection")


def _lose_count(passage: TransactionState, surplus: Reply) -> NoReturn:
    """Give a connection up whose server said more than it was asked, before it was offered any content. A refusal is one.

    Raises:
        ConnectionLost: always.
    """
    if passage.rejection is None and surplus.first_digit in _REFUSALS:
        passage.final_reply = surplus
    raise ConnectionLost(f"{surplus.code} before any content")


def _decides(passage: TransactionState, stage: Stage) -> bool:
    """Whether a refusal at this stage is one of the whole mail: not that of a copy, and not that of RSET."""
    return len(passage.recipients) == 1 if stage is _RCPT else stage is not _RESET


def _envelope_commands(mail: MailTransaction, capabilities: ServerCapabilities) -> list[tuple[Stage, bytes]]:
    named = [(_RCPT, commands.rcpt(address, capabilities, mail.notify)) for address in mail.recipients]
    return [(_MAIL, commands.mail(mail, capabilities)), *named]


def _local_problem(mail: MailTransaction, capabilities: ServerCapabilities) -> str:
    """Say, as an enhanced code and words, why the server would not take a letter; empty if it might."""
    if mail.needs_utf8 and not capabilities.utf8:
        return "5.6.7 the server does not take addresses with non-ASCII characters before the @ (SMTPUTF8)"
    if capabilities.size and len(mail.content) > capabilities.size:
        return f"5.3.4 {len(mail.content)} octets, {capabilities.size} allowed"
    if len(mail.recipients) > capabilities.max_recipients:
        return f"5.5.3 {len(mail.recipients)} recipients, {capabilities.max_recipients} allowed"
    return ""


_RESET, _MAIL, _RCPT = Stage.RESET, Stage.MAIL, Stage.RCPT  # to find a member takes Python 3.11 0.2 µs
_DATA, _CONTENT = Stage.DATA, Stage.CONTENT
_DATA_COMMAND = _DATA, commands.DATA
_LOCAL_REPLY_CODE = 550
"""The reply code that stands for a refusal of our own."""
_GO_AHEAD, _DONE, _GO_ON, _CLOSING = 354, 2, 3, 421
_REFUSALS = (4, 5)
_FIRST_REFUSAL = 400
_BLOCK = 65536
_MAX_COMMANDS_PER_WRITE = 100
"""Commands in one write: their replies have to fit the buffers on the way, since nobody reads them meanwhile."""
_MAX_PIPELINED_OCTETS = 1 << 20
"""Octets under way at once in a window."""
