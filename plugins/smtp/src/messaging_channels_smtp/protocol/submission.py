"""Letters to a server over as many lines as it takes: the whole conversation, connections and pool included."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from messaging_channels.plugins import Exchange, Timeouts
from messaging_channels_smtp.protocol.delivering import Delivering
from messaging_channels_smtp.protocol.letters import Delivery, Letter
from messaging_channels_smtp.protocol.replies import Lost
from messaging_channels_smtp.protocol.server import Line, Patience, Server
from messaging_channels_smtp.protocol.session import opened
from messaging_channels_smtp.protocol.steps import Connect, Drop, Keep, Refused, Reuse, Stage, Talk


@dataclass(frozen=True, slots=True)
class Submission(Exchange[tuple[Delivery, ...]]):
    """Letters for one server. The reply tells what became of each, in order; it is not raised."""

    server: Server
    letters: tuple[Letter, ...]
    token: str | None = field(default=None, repr=False)
    """An OAuth access token, for logging in with instead of a password."""
    timeouts: Timeouts | None = None
    """None for the server's own patience. A shorter `read` than the server asks for makes more outcomes unknown."""
    effect: bool = True

    @property
    def patient(self) -> Server:
        """The server, waited for no longer than this submission may."""
        if self.timeouts is None:
            return self.server
        own, most = self.server.patience, self.timeouts
        patience = Patience(
            min(own.connect, most.connect),
            min(own.greeting, most.read),
            min(own.command, most.read),
            min(own.block, most.write),
            min(own.answer, most.read),
        )
        return replace(self.server, patience=patience)


def submitted(submission: Submission) -> Talk[tuple[Delivery, ...]]:
    """Send every letter, on kept lines where there are any.

    A letter whose content was not begun when its line broke is offered once more on a fresh one, if the line had been in use before: an idle line
    may have died unnoticed, and servers close after so many mails.
    """
    told: dict[int, Delivery] = {}
    server = submission.patient
    while left := [index for index in range(len(submission.letters)) if index not in told]:
        line: Line | None = yield Reuse(server.patience.answer)
        used = line is not None
        try:
            line = line or (yield from _fresh(server, submission.token))
        except (Lost, Refused) as failure:
            yield Drop()
            told |= dict.fromkeys(left, _unopened(failure))
            break
        left = left[: max(1, _room(server, line))]
        said = yield from _carried(server, line, [submission.letters[index] for index in left])
        settled = {index: one for index, one in zip(left, said, strict=True) if not one.untouched}
        told |= settled if used or settled else dict(zip(left, said, strict=True))
    return tuple(told[index] for index in range(len(submission.letters)))


def _fresh(server: Server, token: str | None) -> Talk[Line]:
    yield Connect(server.patience.connect)
    return (yield from opened(server, token))


def _carried(server: Server, line: Line, letters: Sequence[Letter]) -> Talk[list[Delivery]]:
    said = yield from Delivering(server, line, letters).all()
    if line.in_order and _room(server, line):
        yield Keep(line)
    else:
        yield Drop(polite=line.in_order)
    return said


def _room(server: Server, line: Line) -> int:
    """Return how many more mails a line may carry."""
    return max(0, min(server.limits.messages, line.offer.most_mails) - line.sent)


def _unopened(failure: Lost | Refused) -> Delivery:
    if isinstance(failure, Refused):
        return Delivery(failure.stage, failure.reply, failure.problem)
    return Delivery(Stage.CONNECT, None, failure.problem, failure.timed_out)
