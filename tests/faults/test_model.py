"""A ledger and a dispatcher against a model of a few lines: whatever happens in whatever order, the record is the model's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pytest
from faults.harness import TO, InstantClock
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from ledgers import reservation

from messaging_channels import Dispatcher, Outcome, Route, Sms, errors
from messaging_channels._ledger.options import LedgerOptions
from messaging_channels._ledger.sqlite import SqliteLedger
from messaging_channels._model import status as statuses
from messaging_channels._model.events import StatusChanged
from messaging_channels._model.outcomes import REASON_POLICIES, AttemptResult, Reason
from messaging_channels._model.status import merge
from messaging_channels._transport.drivers import Transport
from messaging_channels.plugins.exchange import BlockingCall, Exchange, ExecutorPair, Flow, ask
from messaging_channels.plugins.ledger import (
    AttemptIntent,
    FinishAttempt,
    Operation,
    Transaction,
)
from messaging_channels.plugins.provider import Capabilities, Envelope, LookupRequest
from messaging_channels.plugins.webhooks import WebhookRequest, WebhookResult
from messaging_channels.policies.routing import CircuitBreaker, RetryPolicy

pytestmark = pytest.mark.timeout(240)
"""One long test, which begins before the many short ones."""
LEASE = 120.0
KEY_LIFE = 7 * 86400.0
HELD = (Outcome.ACCEPTED, Outcome.UNKNOWN)
REPORTED = [
    statuses.DELIVERED_TO_HANDSET,
    statuses.EXPIRED_EXPIRED,
    statuses.known(1, 3),
    statuses.known(2, 9),
]
KEYS = ("k1", "k2", "k3")


class Killed(BaseException):
    """Stands for the end of a process: nothing it would do later happens."""


@dataclass(frozen=True)
class Answer:
    """What a provider does with one attempt."""

    reason: Reason
    taken: bool
    """Whether it takes the message, whatever it says."""


def _answers() -> st.SearchStrategy[Answer]:
    """Any answer, and where it leaves that open, whether it was taken."""
    reasons = st.sampled_from([one for one in Reason if one not in (Reason.DUPLICATE, Reason.NOT_FOUND)])
    return reasons.flatmap(
        lambda reason: st.builds(
            Answer,
            st.just(reason),
            st.booleans()
            if REASON_POLICIES[reason].outcome is Outcome.UNKNOWN
            else st.just(reason is Reason.ACCEPTED),
        )
    )


class MachineProvider:
    """A provider that planned as told, and can be asked."""

    capabilities: ClassVar[Capabilities] = Capabilities({Sms: frozenset({"sender"})})
    executors: ClassVar[Mapping[type[Exchange[Any]], ExecutorPair]] = {}

    def __init__(self, name: str, machine: DispatcherMachine) -> None:
        self.name = name
        self._machine = machine

    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        (envelope,) = batch
        answer = self._machine.next_answer(envelope.id, self.name)
        taken = self._machine.taken.setdefault(envelope.id, [])
        yield from ask(BlockingCall(lambda: taken.append(self.name) if answer.taken else None))
        return [
            AttemptResult.of(
                answer.reason,
                provider_id=f"{self.name} {envelope.id}" if answer.reason is Reason.ACCEPTED else None,
            )
        ]

    def look_up(self, request: LookupRequest) -> Flow[AttemptResult | None]:
        yield from ()
        if not self._machine.answers:
            return None
        if self.name in self._machine.taken.get(request.message_id, []):
            return AttemptResult.of(Reason.ACCEPTED, provider_id=f"{self.name} {request.message_id}")
        return AttemptResult.of(Reason.NOT_FOUND)

    def handle_webhook(self, _: WebhookRequest) -> WebhookResult:
        return WebhookResult([self._machine.report])  # type: ignore[list-item]


class DyingSqliteLedger(SqliteLedger):
    """A ledger in memory, whose caller can be made to die after its first or before its n-th operation of a kind."""

    def __init__(self) -> None:
        super().__init__()
        self.dies: tuple[str, int] | None = None
        self._dead = False

    def perform(self, exchange: Operation[Any]) -> Any:
        name = type(exchange).__name__
        if self._dead or (self.dies and self.dies == (f"before {name}", 1)):
            self._dead = True
            raise Killed
        if self.dies and self.dies[0] == f"before {name}":
            self.dies = (self.dies[0], self.dies[1] - 1)
        reply = super().perform(exchange)
        if self.dies and self.dies[0] == f"after {name}":
            self._dead = True
            raise Killed
        return reply

    def restart(self, dies: tuple[str, int] | None = None) -> None:
        """Start a new process."""
        self.dies, self._dead = dies, False


@dataclass
class AttemptModel:
    """One attempt, as the model knows it."""

    provider: str
    reason: Reason | None = None


@dataclass
class MessageModel:
    """One message, as the model knows it."""

    id: str
    text: str
    expires: float
    lease: float
    attempts: list[AttemptModel] = field(default_factory=list[AttemptModel])
    known_at: set[str] = field(default_factory=set[str])
    """The providers whose own id of it is known."""
    reports: set[StatusChanged] = field(default_factory=set[StatusChanged])
    """Those that came, whether or not it is known that they are about it."""

    @property
    def heard(self) -> list[StatusChanged]:
        return [one for one in self.reports if one.message_id or one.provider in self.known_at]

    @property
    def outcome(self) -> Outcome:
        kinds = [
            REASON_POLICIES[one.reason].outcome if one.reason else Outcome.UNKNOWN for one in self.attempts
        ]
        return next((kind for kind in HELD if kind in kinds), kinds[-1])

    @property
    def open(self) -> bool:
        return any(one.reason is None for one in self.attempts)

    def settled_by_reports(self) -> None:
        """Whoever reports on it had taken it."""
        for one in self.attempts:
            unknown = one.reason is not None and REASON_POLICIES[one.reason].outcome is Outcome.UNKNOWN
            if unknown and one.provider in {report.provider for report in self.heard}:
                one.reason = Reason.ACCEPTED

    def status(self) -> statuses.Status | None:
        """Return what all say together; None where nobody may have it."""
        live = [one for one in self.attempts if one.reason and REASON_POLICIES[one.reason].outcome in HELD]
        said = [REASON_POLICIES[one.reason].status for one in live if one.reason]
        told = [one.status for one in self.heard if one.provider in {each.provider for each in live}]
        return merge(*said, *told) if live else None


class DispatcherMachine(RuleBasedStateMachine):
    """What may happen, in any order."""

    @initialize()
    def begin(self) -> None:
        self.ledger, self.clock = DyingSqliteLedger(), InstantClock()
        self.planned: list[Answer] = []
        self.taken: dict[str, list[str]] = {}
        self.messages: dict[str, MessageModel] = {}
        self.keys: dict[str, MessageModel] = {}
        self.answers, self.resend = True, False
        self.current: MessageModel | None = None
        self.report: StatusChanged | None = None

    def teardown(self) -> None:
        self.ledger.close()

    def _dispatcher(self) -> Dispatcher:
        route = Route(
            "a",
            "b",
            retry=RetryPolicy(max_attempts=2, initial_interval=1e-4),
            circuit_breaker=CircuitBreaker(failure_threshold=10**9),
        )
        return Dispatcher(
            [MachineProvider("a", self), MachineProvider("b", self)],  # type: ignore[list-item]
            routes={"sms": route},
            ledger=LedgerOptions(self.ledger, lease=LEASE, idempotency_ttl=KEY_LIFE),
            clock=self.clock,
        )

    def next_answer(self, message_id: str, provider: str) -> Answer:
        """Say what a provider does, and check that it may be asked at all."""
        answer = self.planned.pop(0) if self.planned else Answer(Reason.ACCEPTED, taken=True)
        message = self.messages.setdefault(message_id, self._new(message_id))
        for one in message.attempts:
            assert one.reason is not None
            rule = REASON_POLICIES[one.reason]
            assert rule.outcome is not Outcome.ACCEPTED, "it was accepted, and sent again"
            assert rule.outcome is not Outcome.UNKNOWN or self.resend, (
                "it may have been sent, and was sent again"
            )
            assert rule.outcome is not Outcome.REJECTED or rule.failover, "it was refused, and sent again"
        message.attempts.append(AttemptModel(provider, answer.reason))
        message.lease = self.clock.time + LEASE
        if answer.reason is Reason.ACCEPTED:
            message.known_at.add(provider)
        return answer

    def _new(self, message_id: str) -> MessageModel:
        now = self.clock.time
        return MessageModel(message_id, self.text, now + KEY_LIFE, now + LEASE)

    @rule(
        key=st.sampled_from(KEYS),
        text=st.sampled_from(["hello", "hello", "hello", "other"]),
        planned=st.lists(_answers(), max_size=4),
        answers=st.booleans(),
        resend=st.sampled_from([False, False, False, True]),
        dies=st.sampled_from(
            [
                None,
                None,
                ("after ReserveMessage", 1),
                ("before FinishAttempt", 1),
                ("before FinishAttempt", 2),
            ]
        ),
    )
    def send(
        self,
        key: str,
        text: str,
        planned: list[Answer],
        answers: bool,
        resend: bool,
        dies: tuple[str, int] | None,
    ) -> None:
        self.planned, self.answers, self.resend, self.text = planned, answers, resend, text
        message = self.keys.get(key)
        if message and message.expires <= self.clock.time:
            message = None
        expected = self._expected(message, text) if message else None
        before = len(message.attempts) if message else 0
        self.ledger.restart(dies if message is None else None)
        end: Any
        try:
            with self._dispatcher() as dispatcher:
                end = dispatcher.send(
                    Sms(text), to=TO, idempotency_key=key, on_unknown="resend" if resend else "hold"
                )
        except errors.MessagingError as error:
            end = error
        except Killed:
            end = None
        self.ledger.restart()
        with self._dispatcher() as dispatcher:
            record = dispatcher.get_message(idempotency_key=key)
        assert record is not None
        message = self.messages.setdefault(record.id, self._new(record.id))
        self.keys[key] = message
        if end is None:  # killed
            if dies == ("after ReserveMessage", 1):
                message.attempts.append(AttemptModel("a"))
            else:
                message.attempts[-1].reason = None
                message.known_at.discard(message.attempts[-1].provider)
        elif expected:
            assert isinstance(end, expected)
            assert len(message.attempts) == before, "a provider was asked though nothing may follow"
        else:
            message.settled_by_reports()
            kind = end.receipt.outcome if isinstance(end, errors.SendFailed) else end.outcome
            assert kind is message.outcome
            assert isinstance(end, errors.SendFailed) is (kind in (Outcome.REJECTED, Outcome.NOT_SENT))

    def _expected(self, message: MessageModel, text: str) -> type[Exception] | None:
        """Bring a message up to date as a call with its key does, and say how the call is refused."""
        if message.text != text:
            return errors.IdempotencyKeyReused
        if message.open and self.clock.time < message.lease:
            return errors.IdempotencyKeyInUse
        self._close_open_attempts(message)
        if message.outcome is Outcome.UNKNOWN:
            self._asked(message)
        return None

    def _close_open_attempts(self, message: MessageModel) -> None:
        for one in message.attempts:
            one.reason = one.reason or Reason.PROCESS_CRASHED
        message.settled_by_reports()

    def _asked(self, message: MessageModel) -> None:
        for one in message.attempts:
            if self.answers and one.reason and REASON_POLICIES[one.reason].outcome is Outcome.UNKNOWN:
                took = one.provider in self.taken.get(message.id, [])
                one.reason = Reason.ACCEPTED if took else Reason.NOT_FOUND
                if took:
                    message.known_at.add(one.provider)
        message.settled_by_reports()

    @rule(
        data=st.data(),
        status=st.sampled_from(REPORTED),
        names=st.sampled_from(["ours", "own", "both"]),
        at=st.integers(1, 2),
        times=st.integers(1, 2),
    )
    def hear(self, data: Any, status: statuses.Status, names: str, at: int, times: int) -> None:
        """A provider reports on a message that it took, by our id, its own, or both; early, late, and more than once."""
        taken = [(key, one) for key, providers in self.taken.items() for one in sorted(set(providers))]
        if not taken:
            return
        key, provider = data.draw(st.sampled_from(taken))
        own = f"{provider} {key}" if names != "ours" else None
        self.report = StatusChanged(
            provider=provider,
            occurred_at=at,
            status=status,
            provider_id=own,
            message_id=key if names != "own" else "",
        )
        message = self.messages[key]
        message.reports.add(self.report)
        if names == "both":
            message.known_at.add(provider)
        message.settled_by_reports()
        with self._dispatcher() as dispatcher:
            for _ in range(times):
                dispatcher.handle_webhook(provider, WebhookRequest())

    @rule(answers=st.booleans())
    def settle(self, answers: bool) -> None:
        """Ask about whatever is due."""
        self.answers = answers
        with self._dispatcher() as dispatcher:
            asked = {record.id for record in dispatcher.reconcile()}
        for message in self.messages.values():
            if message.open and message.lease <= self.clock.time:
                self._close_open_attempts(message)
            if message.id in asked:
                self._asked(message)

    @rule(seconds=st.sampled_from([1000.0]))
    def wait(self, seconds: float) -> None:
        self.clock.time += seconds

    @rule()
    def work_for_a_week(self) -> None:
        """Let days go by on which keys are kept: only then is the time of the others believed to be over."""
        for _ in range(8):
            self.clock.time += 86400.0
            self._run(self._others_message())

    def _others_message(self) -> Transaction:
        now, key = self.clock.time, f"other-{self.clock.time}"
        message_id = f"{int(now * 1000):012x}{'f' * 20}"
        reserve = reservation(
            message_id,
            at=now,
            lease_seconds=LEASE,
            address="",
            fingerprint="",
            scope="others",
            idempotency_key=key,
            expires=now + KEY_LIFE,
            lease_owner="other",
            first_attempt=AttemptIntent(message_id, 1, "elsewhere", None, now),
        )
        end = AttemptResult.of(Reason.ACCEPTED)
        return Transaction((reserve, FinishAttempt(message_id, 1, end, now, now, "done")))

    def _run(self, operation: Operation[Any]) -> Any:
        with Transport(executors=self.ledger.executors) as transport:
            return transport.run(ask(operation))

    @invariant()
    def the_record_is_the_models(self) -> None:
        with self._dispatcher() as dispatcher:
            for message in self.messages.values():
                record = dispatcher.get_message(message.id)
                assert record is not None
                kept = [(one.provider, one.result.reason if one.result else None) for one in record.attempts]
                assert kept == [(one.provider, one.reason) for one in message.attempts]
                assert record.outcome is message.outcome
                assert len(record.events) == len(message.heard)
                assert message.status() in (record.status, None)
                assert message.status() or record.status.id in (52, 100, 1002)


DispatcherMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestDispatcherAgainstTheModel = DispatcherMachine.TestCase
