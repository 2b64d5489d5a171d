from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest
from scripted import QuickClock, Scripted

from messaging_channels import Dispatcher, Email, PhoneNumber, Sms
from messaging_channels._model.errors import MessageBlocked
from messaging_channels._model.events import OptedIn, OptedOut
from messaging_channels._model.rate_limit import RateLimit
from messaging_channels.plugins.exchange import Flow
from messaging_channels.plugins.provider import Envelope
from messaging_channels.policies.checks import (
    AllowedPrefixes,
    PreSendCheck,
    SpendLimit,
    SuppressionList,
    VelocityLimit,
)

PHONE = PhoneNumber.parse("+447700900123")
OTHER = PhoneNumber.parse("+447700900124")


def _vetoed(*vetoes: PreSendCheck, to: Any = PHONE, clock: QuickClock | None = None) -> MessageBlocked | None:
    provider = Scripted("one")
    with Dispatcher([provider], checks=vetoes, clock=clock or QuickClock()) as dispatcher:
        try:
            dispatcher.send(Sms("hello"), to=to)
        except MessageBlocked as raised:
            veto = raised
        else:
            return None
    assert provider.asked == []
    assert "900123" not in str(veto)
    return veto


def test_who_wants_no_marketing_still_gets_codes_and_receipts() -> None:
    opt_outs = SuppressionList()
    stop = OptedOut(provider="x", occurred_at=0, channel="sms", address=PHONE, category="marketing")
    opt_outs.event_received(stop)
    assert _vetoed(opt_outs) is not None  # what says nothing about itself counts as marketing
    with Dispatcher([Scripted("one")], checks=[opt_outs]) as dispatcher:
        for category in ("authentication", "transactional", "UTILITY"):
            assert dispatcher.send(Sms("hello", category=category), to=PHONE).provider == "one"
        for category in ("marketing", "Marketing", "loyalty"):
            with pytest.raises(MessageBlocked) as caught:
                dispatcher.send(Sms("hello", category=category), to=PHONE)
            assert caught.value.entry is not None
    opt_outs.add("sms", PHONE.plain)
    opt_outs.event_received(
        OptedIn(provider="x", occurred_at=0, channel="sms", address=PHONE, category="marketing")
    )
    assert _vetoed(opt_outs) is not None
    opt_outs.close()


def test_who_opted_out_gets_nothing_until_they_opt_in_again(tmp_path: Path) -> None:
    path = tmp_path / "suppression-list.sqlite3"
    opt_outs = SuppressionList(path)
    opt_outs.event_received(
        OptedOut(provider="x", occurred_at=0, channel="sms", address=PHONE, reason="keyword STOP")
    )
    assert "keyword STOP" in str(_vetoed(opt_outs))
    assert _vetoed(opt_outs, to=OTHER) is None
    opt_outs.close()
    again = SuppressionList(path)
    assert _vetoed(again) is not None
    again.event_received(OptedIn(provider="x", occurred_at=1, channel="sms", address=PHONE))
    assert _vetoed(again) is None
    assert b"447700900123" not in path.read_bytes()
    again.close()


def test_an_opt_out_of_one_channel_is_none_of_another() -> None:
    opt_outs = SuppressionList()
    opt_outs.add("whatsapp", PHONE.plain)
    assert _vetoed(opt_outs) is None
    opt_outs.add("sms", PHONE.plain)
    assert _vetoed(opt_outs) is not None
    opt_outs.remove("sms", PHONE.plain)
    assert _vetoed(opt_outs) is None
    opt_outs.close()


def test_only_listed_prefixes_are_written_to_and_mail_is_not_concerned() -> None:
    rule = AllowedPrefixes(("+385", "1"))

    assert _vetoed(rule) is not None
    assert _vetoed(rule, to="38598123456") is None
    assert _vetoed(AllowedPrefixes((), accounts=["acme"])) is None


@pytest.mark.parametrize("prefixes", [b"+44", [44], [None], "", ["44", ""], "abc", ["٤٤"]])
def test_prefixes_that_are_no_digits_in_texts_are_refused(prefixes: Any) -> None:
    with pytest.raises(ValueError, match="needs digits"):
        AllowedPrefixes(prefixes)


def test_a_number_a_block_and_an_account_each_have_a_pace() -> None:
    clock = QuickClock()
    for rule in (
        VelocityLimit(per_number=RateLimit(1, per=60)),
        VelocityLimit(per_block=RateLimit(1, per=60)),
        VelocityLimit(per_account=RateLimit(1, per=60)),
    ):
        assert _vetoed(rule, clock=clock) is None
        assert _vetoed(rule, clock=clock) is not None
        clock.time += 61
        assert _vetoed(rule, clock=clock) is None
        clock.time += 61


def test_pumping_one_block_of_numbers_stops_while_others_go_on() -> None:
    clock, rule = QuickClock(), VelocityLimit(per_block=RateLimit(1, per=60, burst=5))
    let = [_vetoed(rule, to=f"+1202555{number:04}", clock=clock) is None for number in range(100, 200)]

    assert sum(let) == 5
    assert _vetoed(rule, clock=clock) is None


def test_a_days_money_is_not_overspent_and_the_next_day_begins_anew() -> None:
    clock = QuickClock()
    rule = SpendLimit(lambda _: 0.04, per_day=0.10)
    assert [_vetoed(rule, clock=clock) is None for _ in range(4)] == [True, True, False, False]
    clock.time += 86400

    assert _vetoed(rule, clock=clock) is None


class Broken(PreSendCheck):
    name: ClassVar[str] = "broken"

    def check(self, envelope: Envelope, account: str | None) -> Flow[str | None]:  # noqa: ARG002  it asks nobody
        raise ZeroDivisionError


def test_a_rule_that_cannot_be_asked_forbids() -> None:
    veto = _vetoed(Broken())

    assert veto is not None
    assert (veto.check, type(veto.__cause__)) == ("broken", ZeroDivisionError)


def test_rules_are_not_asked_about_a_message_that_was_answered_before() -> None:
    opt_outs, provider = SuppressionList(), Scripted("one")
    with Dispatcher([provider], checks=[opt_outs]) as dispatcher:
        first = dispatcher.send(Sms("hello"), to=PHONE, idempotency_key="k")
        opt_outs.add("sms", PHONE.plain)
        assert dispatcher.send(Sms("hello"), to=PHONE, idempotency_key="k").id == first.id
        with pytest.raises(MessageBlocked):
            dispatcher.send(Sms("hello"), to=PHONE, idempotency_key="other")
    opt_outs.close()


def test_mail_is_limited_by_address_too() -> None:
    from messaging_channels import Sandbox

    rule = VelocityLimit(per_number=RateLimit(1, per=60))
    with Dispatcher([Sandbox()], checks=[rule], clock=QuickClock()) as dispatcher:
        dispatcher.send(Email("s", "t"), to="zoe@example.com")
        dispatcher.send(Email("s", "t"), to="max@example.com")
        with pytest.raises(MessageBlocked):
            dispatcher.send(Email("s", "t"), to="zoe@example.com")
