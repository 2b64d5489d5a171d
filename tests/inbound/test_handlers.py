"""What people write reaches the application: kept before the provider is answered, in order, again where a handler fails, and once."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from scripted import Scripted

from messaging_channels import (
    AsyncDispatcher,
    AsyncWorker,
    Dispatcher,
    PhoneNumber,
    SqliteLedger,
    WebhookRequest,
    WebhookResult,
    Worker,
)
from messaging_channels.errors import InvalidSetting, WebhookVerificationError
from messaging_channels.events import Event, MessageReceived, OptedOut
from messaging_channels.plugins.ledger import Ledger
from messaging_channels.testing.clock import START, ControlledClock


class Vendor(Scripted):
    """A provider whose webhook tells messages as JSON: `[[sender, id, text], …]`."""

    def handle_webhook(self, request: WebhookRequest) -> WebhookResult:
        if request.headers.get("signature") == "forged":
            raise WebhookVerificationError("forged", provider=self.name, hint="refuse it")
        return WebhookResult(
            [
                MessageReceived(
                    provider=self.name,
                    occurred_at=START,
                    event_id=number,
                    raw={"text": text},
                    channel="sms",
                    provider_id=number,
                    sender=PhoneNumber.parse(sender),
                    to="shop",
                    text=text,
                )
                for sender, number, text in json.loads(request.body)
            ]
        )


ANNA, BERT = "+447700900123", "+447700900124"


def _call(*told: tuple[str, str, str], **headers: str) -> WebhookRequest:
    return WebhookRequest(json.dumps(told).encode(), headers)


class Scene:
    """A dispatcher with a handler that writes down what it is told, and fails as often as it is asked to."""

    def __init__(self, ledger: Ledger, *, in_place: bool = False, fails: int = 0) -> None:
        self.clock, self.heard, self.fails = ControlledClock(), list[str](), fails
        self.dispatcher = Dispatcher([Vendor("vendor")], ledger=ledger, clock=self.clock)
        self.dispatcher.on(MessageReceived, name="replies", in_place=in_place)(self._handle)

    def _handle(self, event: MessageReceived) -> None:
        if self.fails:
            self.fails -= 1
            message = "not now"
            raise RuntimeError(message)
        self.heard.append(f"{event.text}")

    def tell(self, *told: tuple[str, str, str]) -> Sequence[Event]:
        return self.dispatcher.handle_webhook("vendor", _call(*told)).events

    def work(self, *, later: float = 0.0) -> int:
        self.clock.advance(later)
        return Worker(self.dispatcher).drain()


def test_an_event_waits_in_the_ledger_until_a_worker_has_dealt_with_it(ledger: Ledger) -> None:
    scene = Scene(ledger)

    scene.tell((ANNA, "1", "hello"))
    waiting = scene.dispatcher.inbound.waiting()
    scene.work()

    assert [(one.handler, one.event_type) for one in waiting] == [("replies", "MessageReceived")]
    assert scene.heard == ["hello"]
    assert scene.dispatcher.inbound.waiting() == []


def test_a_repeated_call_is_heard_once_before_and_after_it_was_dealt_with(ledger: Ledger) -> None:
    scene = Scene(ledger)

    for _ in range(2):
        scene.tell((ANNA, "1", "hello"))
    scene.work()
    scene.tell((ANNA, "1", "hello"))
    scene.work()

    assert scene.heard == ["hello"]


def test_a_conversation_is_heard_in_order_although_its_first_message_fails(ledger: Ledger) -> None:
    scene = Scene(ledger, fails=1)

    scene.tell((ANNA, "1", "one"), (ANNA, "2", "two"))
    scene.tell((BERT, "3", "other"))
    scene.work()
    first = list(scene.heard)
    scene.work(later=10)

    assert first == ["other"]
    assert scene.heard == ["other", "one", "two"]


def test_what_fails_again_and_again_becomes_a_dead_letter_that_can_be_replayed(ledger: Ledger) -> None:
    scene = Scene(ledger, fails=12)

    scene.tell((ANNA, "1", "one"))
    for _ in range(12):
        scene.work(later=1000)
    (dead,) = scene.dispatcher.inbound.dead_letters()
    scene.tell((ANNA, "2", "two"))
    scene.work()
    heard = list(scene.heard)
    retried = scene.dispatcher.inbound.retry_dead_letters(dead.event_key)
    scene.work()

    assert (dead.error, dead.tries) == ("RuntimeError", 12)
    assert heard == ["two"]  # what nobody can deal with stops no conversation
    assert (retried, scene.heard) == (1, ["two", "one"])


def test_a_handler_in_place_is_called_before_the_provider_is_answered_and_again_by_a_worker(
    ledger: Ledger,
) -> None:
    scene = Scene(ledger, in_place=True, fails=1)

    scene.tell((ANNA, "1", "one"))
    failed = list(scene.heard)
    scene.tell((BERT, "2", "two"))
    in_place = list(scene.heard)
    scene.work(later=10)

    assert (failed, in_place, scene.heard) == ([], ["two"], ["two", "one"])


def test_a_call_that_is_not_the_providers_leaves_nothing(ledger: Ledger) -> None:
    scene = Scene(ledger)

    with pytest.raises(WebhookVerificationError):
        scene.dispatcher.handle_webhook("vendor", _call((ANNA, "1", "hello"), signature="forged"))

    assert scene.dispatcher.inbound.waiting() == []


def test_handlers_hear_their_own_type_and_have_names_of_their_own(ledger: Ledger) -> None:
    scene = Scene(ledger)
    opted_out: list[str] = []
    scene.dispatcher.on(OptedOut, name="leaving")(lambda event: opted_out.append(event.reason))

    scene.tell((ANNA, "1", "STOP"))
    scene.work()

    assert (scene.heard, len(opted_out)) == (["STOP"], 1)
    with pytest.raises(InvalidSetting, match="leaving"):
        scene.dispatcher.on(OptedOut, name="leaving")(print)


@pytest.mark.parametrize("is_coroutine", [True, False])
def test_an_async_dispatcher_has_both_kinds_of_handlers(ledger: Ledger, is_coroutine: bool) -> None:
    heard: list[str] = []

    async def scenario() -> None:
        async with AsyncDispatcher([Vendor("vendor")], ledger=ledger) as dispatcher:
            if is_coroutine:

                @dispatcher.on(MessageReceived)
                async def replies(event: MessageReceived) -> None:
                    await asyncio.sleep(0)
                    heard.append(f"{event.text}")
            else:
                _keep(dispatcher.on(MessageReceived), heard)
            await dispatcher.handle_webhook("vendor", _call((ANNA, "1", "hello")))
            await AsyncWorker(dispatcher).drain()
            assert await dispatcher.inbound.waiting() == []

    asyncio.run(scenario())
    assert heard == ["hello"]


def _keep(on: Callable[[Callable[[MessageReceived], None]], object], heard: list[str]) -> None:
    @on
    def replies(event: MessageReceived) -> None:
        heard.append(f"{event.text}")


KILLED = """
import os, sys
from pathlib import Path
sys.path[:0] = [sys.argv[1], str(Path(sys.argv[1]).parent)]
from test_handlers import ANNA, BERT, Vendor, _call
from messaging_channels import Dispatcher, SqliteLedger, Worker
from messaging_channels.events import MessageReceived

folder, place = Path(sys.argv[2]), sys.argv[3]
dispatcher = Dispatcher([Vendor("vendor")], ledger=SqliteLedger(folder / "ledger.sqlite3"))
count = 0

@dispatcher.on(MessageReceived, name="replies")
def replies(event):
    global count
    count += 1
    if place == "before" and count == 3:
        os._exit(9)
    with (folder / "heard").open("a") as file:
        file.write(event.text + "\\n")

if place == "tell":
    for number in range(6):
        dispatcher.handle_webhook("vendor", _call((ANNA if number % 2 else BERT, str(number), f"m{number}")))
    os._exit(9)
Worker(dispatcher).drain()
print(count)
"""


def test_a_process_that_dies_loses_no_message_and_hears_none_twice(tmp_path: Path) -> None:
    """Killed once the calls are answered, and again in the middle of a handler."""

    def run(place: str) -> int:
        command = [sys.executable, "-c", KILLED, str(Path(__file__).parent), str(tmp_path), place]
        return subprocess.run(command, check=False, capture_output=True).returncode

    assert (run("tell"), run("before")) == (9, 9)
    clock = ControlledClock(1e10)  # the lease of who died is over
    heard = tmp_path / "heard"
    ledger = SqliteLedger(tmp_path / "ledger.sqlite3", owned=True)
    with Dispatcher([Vendor("vendor")], ledger=ledger, clock=clock) as dispatcher:

        @dispatcher.on(MessageReceived, name="replies")
        def replies(event: MessageReceived) -> None:
            with heard.open("a") as file:
                file.write(f"{event.text}\n")

        Worker(dispatcher).drain()

    lines = heard.read_text().split()
    assert sorted(lines) == [f"m{number}" for number in range(6)]
    assert [one for one in lines if int(one[1:]) % 2] == ["m1", "m3", "m5"]
    assert [one for one in lines if not int(one[1:]) % 2] == ["m0", "m2", "m4"]
