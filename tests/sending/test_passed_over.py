"""A provider that cannot send a message is passed over; nothing it says outranks what others said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import pytest
from faults.harness import CLIENTS, MODES, TO, InstantClock, JsonProvider, VendorServer, http, sent

from messaging_channels import BadInput, ConfigurationError, Dispatcher, NotSent, Route, Sms
from messaging_channels._transport.settings import HttpSettings
from messaging_channels.errors import InvalidSetting, NoRoute, Unsupported
from messaging_channels.plugins import HttpRequest
from messaging_channels.plugins.provider import Capabilities, Envelope
from messaging_channels.policies.routing import RetryPolicy


class Unable(JsonProvider):
    """One that finds out only when it is asked that it lacks something."""

    lacks: ClassVar[Mapping[str, Exception]] = {
        "setting": InvalidSetting("is missing", setting="unable.sender", source="nowhere", hint="set it"),
        "ability": Unsupported("Sms.text", provider="unable", hint="leave it out"),
    }

    def __init__(self, name: str, url: str, lack: str = "setting") -> None:
        super().__init__(name, url)
        self._lack = self.lacks[lack]

    def build_request(self, envelope: Envelope) -> HttpRequest:  # noqa: ARG002  whatever the message
        raise self._lack


class Narrow(JsonProvider):
    """One that carries no sender."""

    capabilities: ClassVar[Capabilities] = Capabilities({Sms: frozenset()})


@pytest.mark.parametrize("lack", Unable.lacks)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("client", CLIENTS)
def test_another_provider_of_the_route_sends_it(client: Any, mode: str, lack: str) -> None:
    with VendorServer() as server:
        providers = [Unable("unable", server.url, lack), JsonProvider("able", server.url)]
        receipt = sent(mode, providers, HttpSettings(client=client), routes={"sms": Route("unable", "able")})

    assert receipt.provider == "able"
    assert [one.provider for one in receipt.skipped] == ["unable"]
    assert len(server.taken) == 1


def test_a_throttle_is_not_hidden_by_one_that_cannot_send() -> None:
    def busy(_: VendorServer, peer: Any) -> None:
        while peer.read_request():
            peer.answer(http(429, retry_after="3600"))

    route = Route("busy", "unable", retry=RetryPolicy(max_attempts=2))
    with VendorServer(busy) as server:
        providers = [JsonProvider("busy", server.url), Unable("unable", server.url)]
        with (
            Dispatcher(providers, routes={"sms": route}, clock=InstantClock()) as dispatcher,
            pytest.raises(NotSent, match="throttled") as failed,
        ):
            dispatcher.send(Sms("hello"), to=TO)

    assert failed.value.retry_after == 3600.0
    assert [one.provider for one in failed.value.receipt.skipped] == ["unable"]


def test_the_only_provider_says_itself_what_it_lacks() -> None:
    with Dispatcher([Unable("unable", "http://127.0.0.1:9")]) as dispatcher, pytest.raises(InvalidSetting):
        dispatcher.send(Sms("hello"), to=TO)


@pytest.mark.parametrize(
    ("second", "kind"), [("setting", ConfigurationError), ("ability", BadInput)], ids=["setting", "ability"]
)
def test_where_none_can_send_it_the_error_names_all_of_them(second: str, kind: type[Exception]) -> None:
    providers = [Unable("one", "http://127.0.0.1:9"), Unable("two", "http://127.0.0.1:9", second)]
    with (
        Dispatcher(providers, routes={"sms": Route("one", "two")}) as dispatcher,
        pytest.raises(kind, match=r"one: .*two: ") as refused,
    ):
        dispatcher.send(Sms("hello"), to=TO)

    assert refused.value.__cause__ is not None


def test_where_none_carries_it_the_error_names_all_of_them() -> None:
    providers = [Narrow("one", "http://127.0.0.1:9"), Narrow("two", "http://127.0.0.1:9")]
    with (
        Dispatcher(providers, routes={"sms": Route("one", "two")}) as dispatcher,
        pytest.raises(BadInput, match=r"(?s)one.*two") as refused,
    ):
        dispatcher.send(Sms("hello", sender="Shop"), to=TO)

    assert isinstance(refused.value, (Unsupported, NoRoute))


def test_a_bug_before_the_request_is_chained_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    class Clumsy(JsonProvider):
        def build_request(self, envelope: Envelope) -> HttpRequest:
            raise ZeroDivisionError(envelope.channel)

    with (
        Dispatcher([Clumsy("clumsy", "http://127.0.0.1:9")]) as dispatcher,
        pytest.raises(NotSent, match="internal_error") as failed,
    ):
        dispatcher.send(Sms("hello"), to=TO)

    assert isinstance(failed.value.__cause__, ZeroDivisionError)
    assert any(record.exc_info for record in caplog.records)
