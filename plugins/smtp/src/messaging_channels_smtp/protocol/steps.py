"""The few things a conversation with a server asks of the machine, and the ways in which it ends early."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

if TYPE_CHECKING:
    from messaging_channels_smtp.protocol.replies import Reply
    from messaging_channels_smtp.protocol.server import ConnectionState

Result = TypeVar("Result")


class Stage(StrEnum):
    """What a reply answers, or where a conversation ended."""

    CONNECT = "connect"
    TLS = "tls"
    HELLO = "EHLO"
    AUTH = "AUTH"
    RESET = "RSET"
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    CONTENT = "content"


@dataclass(slots=True)
class Send:
    """Write these octets. Answered with True if the server spoke before they were all written; then the rest is not written."""

    data: bytes = field(repr=False)
    interruptible: bool = False
    """Whether a reply may end it. False where replies to earlier commands may still come."""


@dataclass(slots=True)
class AwaitReply:
    """Wait for the next reply. Answered with a list of it and of those that came with it."""

    timeout: float
    """Seconds for the whole reply, however many lines it has."""
    in_limit: bool = True
    """Whether the limit of the mail holds too. Not for the reply to the whole content: giving it up makes the outcome unknown."""
    most: int = 1
    """How many replies are taken at once, if they have come."""


@dataclass(slots=True)
class LimitTime:
    """Give everything that follows, but for replies to whole contents, so many seconds in all; until the next limit."""

    seconds: float


@dataclass(slots=True)
class ReuseConnection:
    """Take an idle connection. Answered with its Line, or with None when there is none. Waits while too many are in use."""

    timeout: float


@dataclass(frozen=True, slots=True)
class OpenConnection:
    """Open a connection, with TLS from its first octet if that is the server's mode. Answered with this machine's name for EHLO."""

    timeout: float


@dataclass(frozen=True, slots=True)
class StartTls:
    """Begin TLS on the connection at hand. Refused if the server had already said more."""


@dataclass(slots=True)
class ReleaseConnection:
    """Put the connection aside for the next conversation."""

    state: ConnectionState


@dataclass(frozen=True, slots=True)
class CloseConnection:
    """Close the connection, after QUIT when it is in order."""

    polite: bool = False


Step: TypeAlias = (
    Send
    | AwaitReply
    | LimitTime
    | ReuseConnection
    | OpenConnection
    | StartTls
    | ReleaseConnection
    | CloseConnection
)
StepFlow: TypeAlias = Generator[Step, Any, Result]
"""A generator that yields steps and is sent their answers. `Lost` and `Refused` are thrown into it."""


def await_reply(timeout: float, *, in_limit: bool = True) -> StepFlow[Reply]:
    """Wait for the next reply.

    Raises:
        ConnectionLost: it did not come in time, or could not be read.
    """
    replies: list[Reply] = yield AwaitReply(timeout, in_limit)
    return replies[0]


class SessionRefused(Exception):
    """The server, or the certificate it showed, does not let us begin. Nothing was sent."""

    def __init__(self, stage: Stage, problem: str, reply: Reply | None = None) -> None:
        super().__init__(f"{stage}: {problem}")
        self.stage = stage
        self.problem = problem
        self.reply = reply

    def __reduce__(self) -> tuple[Any, ...]:
        """Cross a process as it is."""
        return type(self), (self.stage, self.problem, self.reply), vars(self)
