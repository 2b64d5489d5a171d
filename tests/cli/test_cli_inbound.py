"""An operator sees what waits for the application's handlers, and has dead letters dealt with again, from a shell."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from scripted import Scripted

from messaging_channels import Dispatcher, PhoneNumber, WebhookRequest, WebhookResult, Worker
from messaging_channels._cli.main import main
from messaging_channels._config.settings import Configuration
from messaging_channels.events import MessageReceived
from messaging_channels.testing.clock import START, ControlledClock

if TYPE_CHECKING:
    import pytest


class Vendor(Scripted):
    """A provider whose webhook tells of one message."""

    def handle_webhook(self, request: WebhookRequest) -> WebhookResult:
        told = MessageReceived(
            provider=self.name,
            occurred_at=START,
            event_id="1",
            channel="sms",
            provider_id="1",
            sender=PhoneNumber.parse("+447700900123"),
            to="shop",
            text=request.body.decode(),
        )
        return WebhookResult([told])


class Application:
    """An application whose handler fails until it is mended."""

    def __init__(self) -> None:
        self.heard, self.is_mended, self.clock = list[str](), False, ControlledClock()
        given = Configuration.read(use_sandbox_defaults=True).dispatcher_arguments()
        self.dispatcher = Dispatcher(
            **given | {"providers": [Vendor("vendor")], "clock": self.clock, "routes": None}
        )
        self.dispatcher.on(MessageReceived, name="replies")(self._hear)

    def _hear(self, event: MessageReceived) -> None:
        if not self.is_mended:
            raise RuntimeError(event.text)
        self.heard.append(event.text)

    def work(self, rounds: int = 1) -> None:
        for _ in range(rounds):
            self.clock.advance(1000.0)
            Worker(self.dispatcher).drain()


def _printed(capsys: pytest.CaptureFixture[str], *command: str) -> list[dict[str, object]]:
    assert main(["inbound", *command]) == 0
    return json.loads(capsys.readouterr().out)["events"]  # type: ignore[no-any-return]


def test_a_dead_letter_is_listed_without_what_it_says_and_dealt_with_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    application = Application()
    application.dispatcher.handle_webhook("vendor", WebhookRequest(b"Please call me", {}))
    waiting = _printed(capsys, "list")
    application.work(rounds=12)
    (dead,) = _printed(capsys, "dead-letters")
    application.is_mended = True

    assert main(["inbound", "retry", str(dead["eventKey"])]) == 0
    capsys.readouterr()
    application.clock.advance(1e9)
    application.work()

    assert [one["tries"] for one in waiting] == [0]
    assert (dead["handler"], dead["error"], dead["tries"]) == ("replies", "RuntimeError", 12)
    assert "call me" not in json.dumps(dead)
    assert application.heard == ["Please call me"]
    assert _printed(capsys, "dead-letters") == _printed(capsys, "list") == []


def test_what_is_no_dead_letter_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inbound", "retry", "unknown"]) != 0
    assert "not_found" in capsys.readouterr().err
    assert main(["inbound", "retry", "--all"]) == 0
    assert "0 dead letters" in capsys.readouterr().err
