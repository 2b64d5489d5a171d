"""The time of a call holds for the lookup of its recipient too: what is found too late is not sent."""

from __future__ import annotations

import time
from typing import Any

import pytest
from loopback import Peer, Server
from scripted import QuickClock, Scripted

from messaging_channels import Dispatcher, Sms
from messaging_channels.errors import MessagingError, NotSent
from messaging_channels.plugins import CallableResolver, HttpRequest, ResolvedRecipient, Sleep
from messaging_channels.plugins.channels import Channel
from messaging_channels.plugins.exchange import Flow

SOMEBODY: Any = 17
"""Whatever a resolver understands."""
FOUND = ResolvedRecipient("+447700900123")


class _Looking:
    """Looks recipients up by an exchange."""

    def __init__(self, exchange: Any) -> None:
        self.exchange = exchange

    def resolve(self, recipient: object, channel: Channel) -> Flow[ResolvedRecipient | None]:  # noqa: ARG002  of the protocol
        yield self.exchange
        return FOUND


@pytest.mark.parametrize("seconds", [1.0, 60.0])
@pytest.mark.parametrize("call", ["send", "send_each"])
def test_nobody_is_asked_when_a_lookup_took_all_the_time(call: str, seconds: float) -> None:
    clock, provider = QuickClock(), Scripted("one")

    def look_up(_: object, __: str) -> ResolvedRecipient:
        clock.time += seconds
        return FOUND

    with Dispatcher([provider], resolvers=[CallableResolver(look_up)], clock=clock) as dispatcher:
        if call == "send":
            with pytest.raises(NotSent, match="its time was over"):
                dispatcher.send(Sms("hello"), to=SOMEBODY, timeout=1)
        else:
            (one,) = dispatcher.send_each(Sms("hello"), to=[SOMEBODY], timeout=1)
            assert isinstance(one.error, NotSent)
        assert provider.asked == []
        assert dispatcher.send(Sms("hello"), to=SOMEBODY).outcome == "accepted"


def test_a_lookup_waits_no_longer_than_what_is_left() -> None:
    clock = QuickClock()
    with Dispatcher([Scripted("one")], resolvers=[_Looking(Sleep(60.0))], clock=clock) as dispatcher:
        begun = clock.time
        with pytest.raises(NotSent):
            dispatcher.send(Sms("hello"), to=SOMEBODY, timeout=2)
        assert clock.time - begun == pytest.approx(2)


def test_a_server_that_is_asked_for_a_recipient_and_says_nothing_keeps_no_call() -> None:
    provider = Scripted("one")
    with Server(_say_nothing) as server:
        looking = _Looking(HttpRequest("GET", server.url))
        with Dispatcher([provider], resolvers=[looking]) as dispatcher:
            begun = time.monotonic()
            with pytest.raises(MessagingError):
                dispatcher.send(Sms("hello"), to=SOMEBODY, timeout=0.3)
            assert time.monotonic() - begun < 10  # the time-out of a request alone is 30 s
    assert provider.asked == []


def _say_nothing(peer: Peer) -> None:
    peer.read_request()
    peer.wait_for_the_other_side()
