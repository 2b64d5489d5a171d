"""Letters over one line, one or many, in as few round trips as the server allows.

With PIPELINING (RFC 2920) a letter's envelope is one write, and travels behind the content of the letter before: one round trip a letter. With CHUNKING
besides (RFC 3030) several letters are under way at once. A letter is committed with the last block of its content: what is lost before was
not sent, since the server has to drop it (RFC 5321 section 4.1.1.4); what is lost after it may have been.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from messaging_channels_smtp.protocol import commands
from messaging_channels_smtp.protocol.letters import Delivery, Letter
from messaging_channels_smtp.protocol.replies import Lost, Reply
from messaging_channels_smtp.protocol.server import Line, Offer, Server
from messaging_channels_smtp.protocol.steps import Send, Stage, Talk, reply_within


@dataclass(slots=True)
class Passage:
    """One letter on its way."""

    letter: Letter
    stage: Stage = Stage.MAIL
    committed: bool = False
    refusal: tuple[Stage, Reply] | None = None
    final: Reply | None = None
    recipients: list[Reply | None] = field(default_factory=list[Reply | None])
    local: str = ""
    """Why it was not offered at all."""

    def told(self, lost: Lost | None) -> Delivery:
        """Say what became of it."""
        told = tuple(self.recipients)
        if self.local:
            return Delivery(Stage.MAIL, Reply(_LOCAL, self.local), self.local)
        if self.refusal:
            return Delivery(*self.refusal, recipients=told)
        if self.final:
            return Delivery(Stage.CONTENT, self.final, committed=True, recipients=told)
        problem, timed_out = (lost.problem, lost.timed_out) if lost else ("not offered", False)
        return Delivery(self.stage, None, problem, timed_out, self.committed, told)


class Delivering:
    """Carries letters over a line."""

    def __init__(self, server: Server, line: Line, letters: Sequence[Letter]) -> None:
        """Say nothing yet."""
        self._patience = server.patience
        self._window = server.limits.window
        self._line = line
        self._passages = [Passage(letter) for letter in letters]
        self._last: Passage | None = None
        """The one whose content goes with the next envelope."""

    def all(self) -> Talk[list[Delivery]]:
        """Carry them all; never raises Lost, but tells what became of each."""
        lost: Lost | None = None
        for passage in self._passages:
            passage.local = _unfit(passage.letter, self._line.offer)
        fit = [passage for passage in self._passages if not passage.local]
        offer = self._line.offer
        chunked = offer.chunking and offer.pipelining and self._window > 1 and len(fit) > 1
        try:
            yield from self._by_chunks(fit) if chunked else self._by_data(fit)
        except Lost as error:
            lost, self._line.in_order = error, False
        return [passage.told(lost) for passage in self._passages]

    def _by_data(self, passages: Sequence[Passage]) -> Talk[None]:
        for passage in passages:
            yield from self._offered(passage, with_data=True)
            if passage.refusal is None:
                self._last = passage
        yield from self._finished()

    def _offered(self, passage: Passage, *, with_data: bool) -> Talk[None]:
        """Say the envelope, behind the content of the letter before. Afterwards the content may follow, unless it was refused."""
        for group in self._groups(passage, with_data=with_data):
            ahead, before = yield from self._begun()
            yield Send(ahead + b"".join(said for _, said in group))
            if before:
                yield from self._closed(before)
            replies = yield from self._heard(passage, group)
            if passage.refusal:
                yield from self._withdrawn(replies[-1])
                return

    def _groups(self, passage: Passage, *, with_data: bool) -> Iterator[Sequence[tuple[Stage, bytes]]]:
        """Cut the envelope's commands into what may be said at once.

        DATA follows the only recipient at once; with copies it waits for the first recipient's reply, since they are sent nothing without it.
        """
        said = list(_envelope(passage.letter, self._line.offer))
        if self._line.open_transaction:
            said.insert(0, (Stage.RESET, commands.RSET))
            self._line.open_transaction = False
        if not self._line.offer.pipelining:
            yield from ([one] for one in said)
        elif with_data and len(passage.letter.recipients) == 1:
            yield [*said, (Stage.DATA, commands.DATA)]
            return
        else:
            yield from (said[start : start + _MOST_AT_ONCE] for start in range(0, len(said), _MOST_AT_ONCE))
        if with_data:
            yield [(Stage.DATA, commands.DATA)]

    def _heard(self, passage: Passage, group: Sequence[tuple[Stage, bytes]]) -> Talk[list[Reply]]:
        """Take the reply to each command; the first that matters decides."""
        replies: list[Reply] = []
        for stage, _ in group:
            passage.stage = stage if stage is not Stage.RESET else Stage.MAIL
            reply = yield from self._reply(passage, stage, self._patience.command)
            replies.append(reply)
            if stage is Stage.RCPT:
                passage.recipients.append(reply)
            decides = stage is not Stage.RCPT or len(passage.recipients) == 1
            if passage.refusal is None and decides and reply.kind in _REFUSALS and stage is not Stage.RESET:
                passage.refusal = stage, reply
        return replies

    def _withdrawn(self, last: Reply) -> Talk[None]:
        """Leave a refused transaction: reset it before the next one, and end an empty content if the server waits for one."""
        self._line.open_transaction = True
        if last.code == _GO_AHEAD:
            yield Send(commands.END)
            yield from reply_within(self._patience.answer)

    def _begun(self) -> Talk[tuple[bytes, Passage | None]]:
        """Write the last accepted letter's content but for its end; return its end, which commits it."""
        passage, self._last = self._last, None
        if passage is None:
            return b"", None
        data = commands.stuffed(passage.letter.content)
        passage.stage = Stage.CONTENT
        end = yield from self._written(passage, data)
        if self._line.offer.pipelining:
            return end, passage
        yield Send(end)
        yield from self._closed(passage)
        return b"", None

    def _written(self, passage: Passage, data: bytes) -> Talk[bytes]:
        """Write all blocks but the last, and return it; from now on the server may have everything."""
        cut = max(0, (len(data) - 1) // _BLOCK) * _BLOCK
        for start in range(0, cut, _BLOCK):
            yield Send(data[start : start + _BLOCK])
        passage.committed = True
        return data[cut:]

    def _finished(self) -> Talk[None]:
        end, passage = yield from self._begun()
        if passage:
            yield Send(end)
            yield from self._closed(passage)

    def _closed(self, passage: Passage) -> Talk[None]:
        """Take the reply to the whole content."""
        passage.final = yield from self._reply(passage, Stage.CONTENT, self._patience.answer)
        self._line.sent += 1

    def _by_chunks(self, passages: Sequence[Passage]) -> Talk[None]:
        """Keep a window of letters under way. The first goes by steps, so that a dead connection is found before content is committed."""
        waiting: deque[Passage] = deque()
        for number, passage in enumerate(passages):
            stepwise = number == 0 or len(passage.letter.recipients) > 1
            while waiting and (stepwise or self._is_full(waiting, passage)):
                yield from self._collected(waiting.popleft())
            if stepwise:
                yield from self._offered(passage, with_data=False)
            if passage.refusal is None:
                yield from self._chunk(passage, alone=stepwise)
                waiting.append(passage)
        while waiting:
            yield from self._collected(waiting.popleft())

    def _is_full(self, waiting: Collection[Passage], further: Passage) -> bool:
        octets = len(further.letter.content) + sum(len(one.letter.content) for one in waiting)
        return len(waiting) >= self._window or octets > _MOST_OCTETS

    def _chunk(self, passage: Passage, *, alone: bool) -> Talk[None]:
        """Write the content, and the envelope before it unless that was answered. RSET, since a refusal before leaves an open question."""
        content = passage.letter.content
        ahead = commands.bdat(len(content))
        if not alone:
            self._line.open_transaction = False
            envelope = b"".join(said for _, said in _envelope(passage.letter, self._line.offer))
            ahead = commands.RSET + envelope + ahead
        end = yield from self._written(passage, ahead + content)
        yield Send(end)
        if alone:
            passage.stage = Stage.CONTENT

    def _collected(self, passage: Passage) -> Talk[None]:
        """Take the replies to one letter of the window."""
        if passage.stage is not Stage.CONTENT:
            envelope = [(Stage.RESET, b""), *_envelope(passage.letter, self._line.offer)]
            yield from self._heard(passage, envelope)
        passage.stage = Stage.CONTENT
        yield from self._closed(passage)
        if passage.refusal or (passage.final and passage.final.kind in _REFUSALS):
            self._line.open_transaction = True

    def _reply(self, passage: Passage, stage: Stage, seconds: float) -> Talk[Reply]:
        """Take one reply of the kind that its command can have.

        Raises:
            Lost: it is of another kind, so that we no longer know which reply is to what; or the server closes with it.
        """
        reply = yield from reply_within(seconds)
        if reply.kind not in _REFUSALS and reply.kind != _KINDS.get(stage, _DONE):
            raise Lost(f"{reply.code} is no answer to {stage}")
        if reply.closes:
            if stage is Stage.CONTENT:
                passage.final = reply
            elif passage.refusal is None:
                passage.refusal = passage.stage, reply
            raise Lost("the server closes the connection")
        return reply


def _envelope(letter: Letter, offer: Offer) -> Iterator[tuple[Stage, bytes]]:
    yield Stage.MAIL, commands.mail(letter, offer)
    for address in letter.recipients:
        yield Stage.RCPT, commands.rcpt(address, offer)


def _unfit(letter: Letter, offer: Offer) -> str:
    """Say, as an enhanced code and words, why the server would not take a letter; empty if it might."""
    if letter.needs_utf8 and not offer.utf8:
        return "5.6.7 the server does not take addresses with non-ASCII characters before the @ (SMTPUTF8)"
    if offer.size and len(letter.content) > offer.size:
        return f"5.3.4 {len(letter.content)} octets, {offer.size} allowed"
    if len(letter.recipients) > offer.most_recipients:
        return f"5.5.3 {len(letter.recipients)} recipients, {offer.most_recipients} allowed"
    return ""


_LOCAL = 550
"""The reply code that stands for a refusal of our own."""
_GO_AHEAD, _DONE = 354, 2
_REFUSALS = (4, 5)
_KINDS = {Stage.DATA: 3}
_BLOCK = 65536
_MOST_AT_ONCE = 100
"""Commands in one write: their replies have to fit the buffers on the way, since nobody reads them meanwhile."""
_MOST_OCTETS = 1 << 20
"""Octets under way at once in a window."""
