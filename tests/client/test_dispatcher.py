from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_channels import (
    Dispatcher,
    Email,
    NotSent,
    Outcome,
    Person,
    PhoneNumber,
    Rejected,
    ResolvedRecipient,
    Route,
    Sandbox,
    SendFailed,
    Sms,
    User,
    WhatsAppText,
    errors,
    messages,
)
from messaging_channels._model.outcomes import REASON_POLICIES, AttemptResult, Reason
from messaging_channels._model.receipts import Attempt
from messaging_channels._sending.decision import may_fail_over
from messaging_channels.messages import Message
from messaging_channels.plugins.exchange import BlockingCall, Exchange, ExecutorPair, Flow, ask
from messaging_channels.plugins.observer import Observer
from messaging_channels.plugins.provider import Capabilities, Envelope
from messaging_channels.plugins.resolvers import CallableResolver, MappingResolver, PathResolver
from messaging_channels.policies.routing import RetryPolicy

ONCE = {"sms": Route("scripted", retry=RetryPolicy(max_attempts=1))}


class Scripted:
    """A provider that ends every attempt as it is told, and counts them."""

    name: ClassVar[str] = "scripted"
    capabilities: ClassVar[Capabilities] = Capabilities({Sms: frozenset({"sender"})})
    executors: ClassVar[Mapping[type[Exchange[Any]], ExecutorPair]] = {}

    def __init__(self, end: Any, name: str = "scripted") -> None:
        self.end = end
        self.name = name  # type: ignore[misc]
        self.asked = 0

    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        self.asked += 1
        if isinstance(self.end, Reason):
            return [AttemptResult.of(self.end)]
            yield
        return (yield from self.end(batch))


def _fails(failure: BaseException) -> Any:
    def raise_it() -> None:
        raise failure

    def send(_: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        yield from ask(BlockingCall(raise_it))
        return []

    return send


def _sent(*providers: Any, to: Any = "+447700900123", message: Message | None = None, **options: Any) -> Any:
    """Send over providers of which each is asked once."""
    options.setdefault(
        "routes", {"sms": Route(*(one.name for one in providers), retry=RetryPolicy(max_attempts=1))}
    )
    with Dispatcher(providers, **options) as dispatcher:
        try:
            return dispatcher.send(message or Sms("hello"), to=to)
        except SendFailed as failed:
            return failed.receipt


@given(st.sampled_from(Reason))
def test_the_next_provider_is_asked_only_after_a_proven_not_sent_or_a_reason_of_the_providers_own(
    reason: Reason,
) -> None:
    first, second = Scripted(reason, "first"), Scripted(Reason.ACCEPTED, "second")
    receipt = _sent(first, second)

    assert second.asked == int(REASON_POLICIES[reason].failover)
    assert [attempt.provider for attempt in receipt.attempts] == ["first", "second"][: 1 + second.asked]
    assert receipt.outcome is (Outcome.ACCEPTED if second.asked else REASON_POLICIES[reason].outcome)


@given(st.lists(st.sampled_from(Reason), min_size=1))
def test_nothing_follows_an_attempt_that_may_have_reached_somebody(reasons: list[Reason]) -> None:
    kinds = {REASON_POLICIES[reason].outcome for reason in reasons}
    if kinds & {Outcome.ACCEPTED, Outcome.UNKNOWN}:
        assert not may_fail_over(AttemptResult.of(reason) for reason in reasons)


@pytest.mark.parametrize(
    ("phase", "kind"),
    [
        (errors.Phase.LOCAL, Outcome.NOT_SENT),
        (errors.Phase.CONNECT, Outcome.NOT_SENT),
        (errors.Phase.WRITE, Outcome.UNKNOWN),
        (errors.Phase.READ, Outcome.UNKNOWN),
    ],
)
def test_what_the_transport_knows_decides_between_not_sent_and_unknown(phase: Any, kind: Outcome) -> None:
    provider = Scripted(_fails(errors.TransportError("gone", phase=phase)))

    assert _sent(provider).outcome is kind
    assert provider.asked == 1


def test_a_later_exchange_that_fails_to_connect_does_not_unsay_an_earlier_effect() -> None:
    def send(batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        yield from ask(BlockingCall(lambda: None))
        return (yield from _fails(errors.TransportError("refused", phase=errors.Phase.CONNECT))(batch))

    assert _sent(Scripted(send)).outcome is Outcome.UNKNOWN


def test_a_harmless_exchange_before_a_refused_connection_leaves_it_not_sent() -> None:
    def send(batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        yield from ask(BlockingCall(lambda: "token", may_send=False))
        return (yield from _fails(errors.TransportError("refused", phase=errors.Phase.CONNECT))(batch))

    assert _sent(Scripted(send)).outcome is Outcome.NOT_SENT


def _raises_at_once(_: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
    raise ZeroDivisionError


def test_a_plugin_that_raises_errs_on_the_safe_side() -> None:
    before, after = _sent(Scripted(_raises_at_once)), _sent(Scripted(_fails(ZeroDivisionError())))

    assert (before.attempts[0].result.reason, before.outcome) == (Reason.INTERNAL_ERROR, Outcome.NOT_SENT)
    assert (after.attempts[0].result.reason, after.outcome) == (Reason.PLUGIN, Outcome.UNKNOWN)


def test_a_plugin_that_forgets_a_message_leaves_it_unknown() -> None:
    def forgets(_: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        yield from ask(BlockingCall(lambda: None))
        return []

    assert _sent(Scripted(forgets)).attempts[0].result.reason is Reason.UNREADABLE_RESPONSE


def test_refusals_and_not_sent_are_raised_with_the_whole_record() -> None:
    with pytest.raises(Rejected) as rejected:
        Dispatcher([Scripted(Reason.INVALID)]).send(Sms("hello"), to="+447700900123")
    with pytest.raises(NotSent) as not_sent:
        Dispatcher([Scripted(Reason.UNREACHABLE)], routes=ONCE).send(Sms("hello"), to="+447700900123")
    for caught in (rejected, not_sent):
        assert len(caught.value.receipt.attempts) == 1
        for secret in ("447700900123", "hello"):
            assert secret not in str(caught.value)
            assert secret not in repr(caught.value.receipt)


@pytest.mark.parametrize(
    ("send", "error"),
    [
        (lambda: _sent(Sandbox(), to="nonsense"), errors.InvalidAddress),
        (lambda: _sent(Sandbox(), to=PhoneNumber("447700900123"), message=Email("s", "t")), errors.InvalidAddress),
        (lambda: _sent(Sandbox(), to=User("1")), errors.UnresolvedRecipient),
        (lambda: _sent(Scripted(Reason.ACCEPTED), message=Email("s", "t"), to="a@example.com"), errors.NoRoute),
        (lambda: _sent(Scripted(Reason.ACCEPTED), message=Sms("x", flash=True)), errors.Unsupported),
        (lambda: _sent(Sandbox(), message=Message()), errors.UnknownChannel),
        (lambda: _sent(Sandbox(), routes={"sms": Route("acme-sms")}), errors.UnknownProvider),
    ],
)  # fmt: skip
def test_bad_input_is_a_typed_error_that_says_what_to_do(send: Any, error: type[Exception]) -> None:
    with pytest.raises(error) as caught:
        send()

    assert isinstance(caught.value, (errors.BadInput, errors.ConfigurationError))
    assert "447700900123" not in str(caught.value)


def test_nothing_is_asked_of_a_provider_that_does_not_carry_the_message() -> None:
    picky, sandbox = Scripted(Reason.ACCEPTED, "picky"), Sandbox()
    receipt = _sent(picky, sandbox, message=Sms("x", flash=True))

    assert picky.asked == 0
    assert receipt.provider == "sandbox"
    assert receipt.skipped[0].reason == "does not carry Sms.flash"


def test_a_user_is_found_in_a_mapping() -> None:
    resolver = MappingResolver({User("1"): {"sms": "+447700900123"}})
    assert _sent(Sandbox(), to=User("1"), resolvers=[resolver]).destination.e164 == "+447700900123"

    with pytest.raises(errors.UnresolvedRecipient, match="whatsapp"):
        _sent(Sandbox(), to=User("1"), resolvers=[resolver], message=WhatsAppText("x"))


def test_a_function_may_resolve() -> None:
    resolver = CallableResolver(
        lambda to, channel: ResolvedRecipient("+447700900123") if to == (1, channel) else None
    )

    assert _sent(Sandbox(), to=(1, "sms"), resolvers=[resolver]).outcome is Outcome.ACCEPTED


PERSON = {"owner": "acme", "person": {"contactInformation": {"phone": [{"number": "447700900123"}]}}}


def _persons(**options: Any) -> PathResolver:
    return PathResolver(
        Person,
        load=lambda person: PERSON if person.identity_id == "1" else None,
        paths={"sms": "person.contactInformation.phone[0].number", "email": "person.contactInformation.email[0].address"},
        **options,
    )  # fmt: skip


def test_a_persons_number_is_found_by_path_and_sent_from_the_tenants_account() -> None:
    platform, tenant = Scripted(Reason.ACCEPTED), Scripted(Reason.ACCEPTED)
    receipt = _sent(
        platform, to=Person("1"), resolvers=[_persons(account_path="owner")], accounts={"acme": [tenant]}
    )

    assert (platform.asked, tenant.asked) == (0, 1)
    assert receipt.attempts[0].account == "acme"


def test_another_account_never_stands_in_for_the_one_that_was_meant() -> None:
    with pytest.raises(errors.UnknownAccount, match="acme"):
        _sent(Scripted(Reason.ACCEPTED), to=Person("1"), resolvers=[_persons(account="acme")])


def test_a_person_without_an_address_or_unknown_is_a_clear_error() -> None:
    with pytest.raises(errors.UnresolvedRecipient, match="no address at 'person"):
        _sent(Sandbox(), to=Person("1"), resolvers=[_persons()], message=Email("s", "t"))

    with pytest.raises(errors.UnresolvedRecipient, match="no such recipient"):
        _sent(Sandbox(), to=Person("2"), resolvers=[_persons()])


def test_observers_hear_of_every_attempt() -> None:
    class Listening(Observer):
        def __init__(self) -> None:
            self.heard: list[Attempt] = []

        def attempt_finished(self, attempt: Attempt) -> None:
            self.heard.append(attempt)

    listening = Listening()
    _sent(Scripted(Reason.UNREACHABLE, "first"), Scripted(Reason.ACCEPTED, "second"), observer=listening)

    assert [attempt.provider for attempt in listening.heard] == ["first", "second"]
    assert all(attempt.duration >= 0 for attempt in listening.heard)


def test_an_observer_that_fails_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    class Clumsy(Observer):
        def attempt_finished(self, attempt: Attempt) -> None:
            raise ZeroDivisionError(attempt.message_id)

    assert _sent(Sandbox(), observer=Clumsy()).outcome is Outcome.ACCEPTED
    assert "raised" in caplog.text
    assert "447700900123" not in caplog.text


def _has_no_sender(_: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
    raise errors.InvalidMessage("no sender", field="Sms.sender", hint="set it")


def test_a_provider_that_cannot_take_over_does_not_hide_what_went_before() -> None:
    receipt = _sent(Scripted(Reason.UNREACHABLE, "first"), Scripted(_has_no_sender, "second"))

    assert receipt.outcome is Outcome.NOT_SENT
    assert [attempt.result.reason for attempt in receipt.attempts] == [Reason.UNREACHABLE]
    assert [skipped.provider for skipped in receipt.skipped] == ["second"]

    with pytest.raises(errors.InvalidMessage):
        _sent(Scripted(_has_no_sender))


def test_options_that_nobody_on_the_route_understands_are_refused_and_not_left_out() -> None:
    @dataclasses.dataclass(frozen=True, slots=True)
    class Wings(messages.ProviderOptions):
        provider: ClassVar[str] = "acme-sms"

    class AcmeSms(Scripted):
        capabilities: ClassVar[Capabilities] = Capabilities(
            {Sms: frozenset()}, provider_options=frozenset({Wings})
        )

    message = Sms("hello", provider_options=(Wings(),))
    other = Scripted(Reason.UNREACHABLE, "other")
    with pytest.raises(errors.Unsupported, match="Wings"):
        _sent(other, message=message)
    with pytest.raises(errors.Unsupported, match="Wings"):
        _sent(Scripted(Reason.ACCEPTED, "acme-sms"), message=message)

    assert _sent(other, AcmeSms(Reason.ACCEPTED, "acme-sms"), message=message).provider == "acme-sms"
