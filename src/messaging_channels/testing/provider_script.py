"""Script of a vendor in a test: by default the vendor accepts everything; each step of the script changes the next response."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from messaging_channels._model.errors import Phase, TransportError
from messaging_channels._model.outcomes import Reason
from messaging_channels.plugins.exchange import Exchange, HttpRequest, HttpResponse

if TYPE_CHECKING:
    from messaging_channels.testing.fixtures import ConformanceFixtures, VendorFault

ReplyStep: TypeAlias = Callable[[Any], Any]
"""Gives the reply to an exchange, or raises TransportError."""

_NOT_FOUND = HttpResponse(404, {}, b"")


class ProviderScript:
    """The vendor behind one provider. Each method speaks of its next request that sends; `times` of the next ones. Safe in threads."""

    def __init__(
        self, fixtures: ConformanceFixtures, *, provider: str, has_own_protocol: bool = False
    ) -> None:
        """Take everything, as the fixtures say."""
        self._has_own_protocol = has_own_protocol
        self._fixtures = fixtures
        self._provider = provider
        self._steps: deque[ReplyStep] = deque()
        self._lock = threading.Lock()

    def throttle(self, *, seconds: float | None = None, times: int = 1) -> None:
        """Answer "too fast", and ask for a wait of `seconds`, where the protocol can say when.

        Raises:
            LookupError: it speaks a protocol of its own, and its fixtures do not say how it does that.
        """
        if self._has_own_protocol:
            self._add_fault("throttle", times)
            return
        wait = {} if seconds is None else {"retry-after": f"{seconds:g}"}
        self.respond(HttpResponse(429, wait, b""), times=times)

    def reject(self, reason: Reason, *, times: int = 1) -> None:
        """Reject the message with the vendor's documented response for this reason.

        Raises:
            LookupError: the plugin's fixtures document none.
        """
        documented = [answer for answer, meant in self._fixtures.error_responses if meant is reason]
        if not documented:
            known = ", ".join(sorted({str(meant) for _, meant in self._fixtures.error_responses})) or "none"
            message = f"no response of {self._provider} is documented for {reason}; documented are: {known}"
            raise LookupError(message)
        self.respond(documented[0], times=times)

    def fail(self, status: int = 500, *, times: int = 1) -> None:
        """Answer with a server error: the message may have been sent. `status` is that of HTTP.

        Raises:
            LookupError: it speaks a protocol of its own, and its fixtures do not say how it does that.
        """
        if self._has_own_protocol:
            self._add_fault("fail", times)
            return
        self.respond(HttpResponse(status, {}, b""), times=times)

    def drop_response(self, *, times: int = 1) -> None:
        """The request is written, and the connection breaks before the answer: the message may have been sent."""
        self._add_fault("drop_response", times)

    def time_out(self, *, times: int = 1) -> None:
        """Read the request and don't answer in time: the message may have been sent."""
        self._add_fault("time_out", times)

    def refuse_connection(self, *, times: int = 1) -> None:
        """Refuse the connection: the message is certainly not sent."""
        self._add_fault("refuse_connection", times)

    def respond(self, reply: Any, *, times: int = 1) -> None:  # noqa: ANN401  the exchange's own type decides
        """Answer with this response, or with the result of a function of the exchange."""
        self._add_steps(reply if callable(reply) else lambda _: reply, times)

    def reply(self, exchange: Exchange[Any]) -> Any:  # noqa: ANN401  the exchange's own type decides
        """Answer one exchange. Called in place of the network."""
        if not exchange.may_send:
            return self._reply_to_query(exchange)
        with self._lock:
            step = self._steps.popleft() if self._steps else self._fixtures.success_response
        return step(exchange)

    def _reply_to_query(self, exchange: Exchange[Any]) -> Any:  # noqa: ANN401  the exchange's own type decides
        """Answer what sends nothing: a look-up or reports where it reads, else what comes before a send."""
        reads = isinstance(exchange, HttpRequest) and exchange.method == "GET"
        if not reads:
            return self._fixtures.success_response(exchange)
        answer = self._fixtures.lookup_response or self._fixtures.reports_response
        return _NOT_FOUND if answer is None else answer(exchange)

    def _add_fault(self, fault: VendorFault, times: int) -> None:
        step = self._fixtures.faults.get(fault) or _TRANSPORT_FAULTS.get(fault)
        if step is None:
            message = f"{self._provider} speaks a protocol of its own, and its fixtures do not say what `{fault}` is there: give `faults`"
            raise LookupError(message)
        self._add_steps(step, times)

    def _add_steps(self, step: ReplyStep, times: int) -> None:
        with self._lock:
            self._steps.extend([step] * times)


def _raise_transport_error(problem: str, phase: Phase, *, timed_out: bool) -> ReplyStep:
    def step(_: object) -> Any:  # noqa: ANN401  it never returns
        raise TransportError(problem, phase=phase, timed_out=timed_out)

    return step


_TRANSPORT_FAULTS: Mapping[VendorFault, ReplyStep] = {
    "drop_response": _raise_transport_error("the connection was reset", Phase.READ, timed_out=False),
    "time_out": _raise_transport_error("no answer in time", Phase.READ, timed_out=True),
    "refuse_connection": _raise_transport_error("the connection was refused", Phase.CONNECT, timed_out=False),
}
"""What breaks below any protocol."""
