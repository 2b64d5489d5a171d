"""Persons as recipients: found once, remembered for a while, and asked for no faster than the account may."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_channels import Person, RateLimit, User, errors
from messaging_channels.plugins import EMAIL, SMS, WHATSAPP, CurrentTime, HttpRequest, HttpResponse, Sleep
from messaging_channels.testing import Fault, FaultKind, Transport
from messaging_channels_infobip import (
    InfobipApiError,
    PeopleClient,
    PeopleResolver,
    PersonWithEmail,
    PersonWithPhone,
)
from messaging_channels_infobip.emulator import InfobipEmulator

NUMBER, ADDRESS = "447700900123", "zoe@example.com"
ZOE = {
    "id": 1,
    "externalId": "zoe",
    "contactInformation": {"phone": [{"number": NUMBER}], "email": [{"address": ADDRESS}]},
}
MUTE = {"id": 2, "externalId": "mute", "contactInformation": {"phone": [], "email": []}}
BARE = {"id": 3, "externalId": "bare"}


@pytest.fixture
def emulator() -> Iterator[InfobipEmulator]:
    with InfobipEmulator() as running:
        running.account.persons += [ZOE, MUTE, BARE]
        yield running


def _people(url: str, **settings: Any) -> PeopleClient:
    return PeopleClient(
        **{"base_url": url, "api_key": "emulated-key", "rate_limit": RateLimit(1000, burst=100)} | settings
    )


@pytest.mark.parametrize(
    "recipient",
    [Person("zoe"), PersonWithPhone(NUMBER), PersonWithPhone(f"+{NUMBER}"), PersonWithEmail(ADDRESS)],
)
@pytest.mark.parametrize(("channel", "address"), [(SMS, NUMBER), (WHATSAPP, NUMBER), (EMAIL, ADDRESS)])
def test_a_person_is_found_by_identity_number_and_address(
    emulator: InfobipEmulator, recipient: Any, channel: Any, address: str
) -> None:
    resolver = PeopleResolver({"acme": _people(emulator.url)})
    with Transport() as transport:
        contact = transport.run(resolver.resolve(recipient, channel))
    assert contact is not None
    assert (contact.address, contact.account) == (address, "acme")
    for request in emulator.requests:
        assert NUMBER not in str(request.query)
        assert ADDRESS not in str(request.query)


@pytest.mark.parametrize(
    ("recipient", "channel", "words"),
    [
        (Person("nobody"), SMS, "no such person"),
        (PersonWithPhone("447700900999"), EMAIL, "no such person"),
        (Person("mute"), SMS, "no phone number"),
        (Person("bare"), WHATSAPP, "no phone number"),
        (Person("mute"), EMAIL, "no mail address"),
    ],
)
def test_who_cannot_be_reached_is_told_in_clear_words(
    emulator: InfobipEmulator, recipient: Any, channel: Any, words: str
) -> None:
    resolver = PeopleResolver({None: _people(emulator.url)})
    with Transport() as transport, pytest.raises(errors.UnresolvedRecipient, match=words) as refused:
        transport.run(resolver.resolve(recipient, channel))
    assert "447700900999" not in str(refused.value)


def test_each_tenants_persons_are_asked_for_at_the_tenants_own_account(emulator: InfobipEmulator) -> None:
    resolver = PeopleResolver(
        {"acme": _people(emulator.url), "other": _people(emulator.url, api_key="wrong")},
        account_of=lambda recipient: {"zoe": "acme", "mute": "other"}.get(
            getattr(recipient, "identity_id", "")
        ),
    )
    with Transport() as transport:
        contact = transport.run(resolver.resolve(Person("zoe"), SMS))
        assert contact is not None
        assert contact.account == "acme"
        with pytest.raises(errors.InvalidSetting):
            transport.run(resolver.resolve(Person("mute"), SMS))
        with pytest.raises(errors.UnknownAccount):
            transport.run(resolver.resolve(Person("stranger"), SMS))
        assert transport.run(resolver.resolve(User("zoe"), SMS)) is None


def test_a_resolver_that_cannot_tell_whose_a_person_is_is_refused() -> None:
    for accounts in ({}, {"a": _people("x.api.infobip.com"), "b": _people("x.api.infobip.com")}):
        with pytest.raises(ValueError, match="account"):
            PeopleResolver(accounts)


def test_what_people_does_not_answer_is_a_failed_exchange(emulator: InfobipEmulator) -> None:
    people = _people(emulator.url)
    with Transport() as transport:
        for fault in (
            Fault(FaultKind.THROTTLE, seconds=2),
            Fault(FaultKind.STATUS, status=503),
            Fault(FaultKind.UNREADABLE),
        ):
            emulator.faults.add(fault)
            with pytest.raises(InfobipApiError) as refused:
                transport.run(people.person("EXTERNAL_ID", "zoe"))
            assert refused.value.retry_after == fault.seconds
        assert transport.run(people.person("EXTERNAL_ID", "zoe")) == ZOE


class Clockwork:
    """Runs flows in a time of its own, and lets time pass where a flow waits."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.asked: list[float] = []

    def run(self, flow: Any, answer: HttpResponse) -> Any:
        reply: Any = None
        try:
            while True:
                exchange = flow.send(reply)
                reply = self._performed(exchange, answer)
        except StopIteration as done:
            return done.value

    def _performed(self, exchange: Any, answer: HttpResponse) -> Any:
        if isinstance(exchange, CurrentTime):
            return self.now
        if isinstance(exchange, Sleep):
            self.now += exchange.seconds
            return None
        assert isinstance(exchange, HttpRequest)
        assert not exchange.may_send
        self.asked.append(self.now)
        return answer


FOUND, ABSENT = HttpResponse(200, {}, b'{"id": 1}'), HttpResponse(404, {}, b"")


def test_a_person_is_remembered_for_its_time_and_no_longer() -> None:
    people, clock = _people("x.api.infobip.com", cache_ttl=60, not_found_ttl=5), Clockwork()
    for later, asked in ((0, 1), (59, 1), (1, 2), (59, 2)):
        clock.now += later
        clock.run(people.person("EXTERNAL_ID", "zoe"), FOUND)
        assert len(clock.asked) == asked
    for later, asked in ((0, 3), (4, 3), (1, 4)):
        clock.now += later
        assert clock.run(people.person("EXTERNAL_ID", "nobody"), ABSENT) is None
        assert len(clock.asked) == asked


def test_no_more_persons_are_remembered_than_there_is_place_for() -> None:
    people, clock = _people("x.api.infobip.com", max_cache_size=2), Clockwork()
    for name in ("a", "b", "c", "b", "c", "a"):
        clock.run(people.person("EXTERNAL_ID", name), FOUND)
    assert len(clock.asked) == 4


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40), st.integers(1, 10), st.integers(1, 5))
def test_no_window_of_time_sees_more_requests_than_the_budget(
    gaps: list[float], count: int, burst: int
) -> None:
    rate = RateLimit(count, burst=burst)
    people, clock = _people("x.api.infobip.com", rate_limit=rate, max_wait=1e9), Clockwork()
    for number, gap in enumerate(gaps):
        clock.now += gap
        clock.run(people.person("EXTERNAL_ID", str(number)), FOUND)
    for start in clock.asked:
        window = [at for at in clock.asked if start <= at < start + 1]
        assert len(window) <= burst + count + 1


def test_who_would_have_to_wait_too_long_is_told_so_at_once() -> None:
    people, clock = _people("x.api.infobip.com", rate_limit=RateLimit(1, per=60), max_wait=5), Clockwork()
    clock.run(people.person("EXTERNAL_ID", "a"), FOUND)
    with pytest.raises(InfobipApiError) as refused:
        clock.run(people.person("EXTERNAL_ID", "b"), FOUND)
    assert refused.value.retry_after == pytest.approx(60)
    assert not refused.value.may_have_been_sent
    clock.now += 60
    assert clock.run(people.person("EXTERNAL_ID", "b"), FOUND) == {"id": 1}
