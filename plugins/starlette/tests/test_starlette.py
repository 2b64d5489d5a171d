"""The dispatcher of an application that runs, and what is called from outside."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from messaging_channels import AsyncDispatcher, Sandbox, Sms, SqliteLedger, WebhookRequest
from messaging_channels.consent import UnsubscribeLinks
from messaging_channels.errors import InvalidSetting
from messaging_channels.events import MessageReceived
from messaging_channels.plugins import Attempt, Observer
from messaging_channels.testing import Outbox
from messaging_channels_starlette import EventHandlers, Messaging

TO = "+447700900123"
EXAMPLE = Path(__file__).parents[3] / "examples/fastapi-shop"


def links(dispatcher: AsyncDispatcher) -> UnsubscribeLinks:
    return UnsubscribeLinks(
        "https://shop.example.com/unsubscribe", "a made-up secret", dispatcher.consent.recipient_key
    )


@asynccontextmanager
async def _served(messaging: Messaging) -> AsyncIterator[httpx.AsyncClient]:
    app = Starlette(
        routes=[Mount("/messaging", messaging.webhooks), Mount("/unsubscribe", messaging.unsubscribe(links))],
        lifespan=messaging.lifespan,
    )
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://testserver") as client,
    ):
        yield client


async def _call(
    client: httpx.AsyncClient, request: WebhookRequest, path: str = "/messaging/webhooks/infobip"
) -> int:
    answer = await client.request(request.method, path, content=request.body, headers=dict(request.headers))
    return answer.status_code


def _with_outbox(
    scenario: Callable[[httpx.AsyncClient, Outbox, Messaging], Awaitable[None]],
    *providers: str,
    **options: Any,
) -> None:
    messaging = Messaging(lambda: pytest.fail("the replacement is used"), **options)
    outbox = Outbox(*(providers or ("infobip",)), observer=messaging.handlers)

    async def run() -> None:
        with messaging.replaced(outbox.async_dispatcher):
            async with _served(messaging) as client:
                await scenario(client, outbox, messaging)

    asyncio.run(run())
    outbox.close()


@pytest.mark.parametrize("path", ["/messaging/webhooks/infobip", "/messaging/webhooks/infobip/"])
def test_what_is_proved_is_kept_and_told_once(path: str) -> None:
    heard: list[object] = []

    async def scenario(client: httpx.AsyncClient, outbox: Outbox, messaging: Messaging) -> None:
        @messaging.on(MessageReceived)
        async def hear(event: MessageReceived) -> None:
            heard.append(event.text)

        @messaging.on()
        def fail(_: object) -> None:
            raise OSError

        stop = outbox.inbound_message("STOP", sender=TO[1:], to="447700900999", provider="infobip")
        assert [await _call(client, stop, path) for _ in range(2)] == [200, 200]
        assert await outbox.async_dispatcher.consent.find("sms", TO) is not None

    _with_outbox(scenario)
    assert heard == ["STOP"]  # when the application has ended, at the latest


def test_what_nothing_proves_or_nobody_knows_is_refused() -> None:
    async def scenario(client: httpx.AsyncClient, outbox: Outbox, messaging: Messaging) -> None:
        report = outbox.delivery_report(await messaging.dispatcher.send(Sms("hello"), to=TO))
        forged = WebhookRequest(report.body + b" ", report.headers)
        assert await _call(client, forged) == 401
        assert await _call(client, report, "/messaging/webhooks/nobody") == 404
        assert await _call(client, report, "/messaging/webhooks/infobip/nobody") == 404
        assert await _call(client, WebhookRequest(b"x" * 5000)) == 413

    _with_outbox(scenario, max_body_size=4999)


def test_a_report_that_cannot_be_kept_is_brought_again(tmp_path: Path) -> None:
    (tmp_path / "ledger").write_bytes(b"this is no database, and never was one" * 40)
    outbox = Outbox("infobip", ledger=SqliteLedger(tmp_path / "ledger", owned=True))
    messaging = Messaging(dict)

    async def run() -> int:
        with messaging.replaced(outbox.async_dispatcher):
            async with _served(messaging) as client:
                stop = outbox.inbound_message("x", sender=TO[1:], to="447700900999", provider="infobip")
                return await _call(client, stop)

    assert asyncio.run(run()) == 503
    outbox.close()


@pytest.mark.parametrize(("public_url", "status"), [("https://shop.example.com", 204), ("", 401)])
def test_a_signature_over_the_url_holds_behind_a_proxy(public_url: str, status: int) -> None:
    outbox = Outbox("twilio")
    signed = outbox.inbound_message("hi", sender=TO[1:], to="447700900999", provider="twilio")
    messaging = Messaging(dict, public_url=public_url)
    app = Starlette(lifespan=messaging.lifespan)
    endpoint: Any = messaging.webhooks.routes[0]
    app.add_route(
        "/hooks/{provider}", endpoint.endpoint, methods=["POST"]
    )  # as the vendor's fixtures were told

    async def run() -> int:
        with messaging.replaced(outbox.async_dispatcher):
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
                return await _call(client, signed, "/hooks/twilio")

    assert asyncio.run(run()) == status
    outbox.close()


def test_a_link_of_a_mail_takes_the_recipient_off() -> None:
    async def scenario(client: httpx.AsyncClient, outbox: Outbox, messaging: Messaging) -> None:
        url = links(messaging.dispatcher).header("zoe@example.com").url or ""
        path = url.removeprefix("https://shop.example.com")
        assert (await client.get(path)).status_code == 200
        assert (await client.post(path, data={"List-Unsubscribe": "One-Click"})).status_code == 200
        assert await outbox.async_dispatcher.consent.find("email", "zoe@example.com") is not None

    _with_outbox(scenario)


class Waiting(Observer):
    """Says how the attempt of a worker ended."""

    def __init__(self, ended: asyncio.Future[str]) -> None:
        self._ended = ended

    def attempt_finished(self, attempt: Attempt) -> None:
        self._ended.set_result(attempt.outcome)


def test_the_dispatcher_is_made_at_each_start_and_closed_at_the_end(tmp_path: Path) -> None:
    made: list[asyncio.Future[str]] = []

    def make_arguments() -> dict[str, Any]:
        made.append(asyncio.get_running_loop().create_future())
        ledger = SqliteLedger(tmp_path / "ledger.sqlite3", owned=True)
        return {"providers": [Sandbox()], "ledger": ledger, "observer": Waiting(made[-1])}

    messaging = Messaging(make_arguments, worker={"concurrency": 1, "poll_interval": 0.01})
    with pytest.raises(InvalidSetting, match="lifespan"):
        messaging.get_dispatcher()

    async def run() -> str:
        async with messaging.lifespan():
            await messaging.dispatcher.enqueue(Sms("hello"), to=TO)
            return await made[-1]

    assert [asyncio.run(run()), asyncio.run(run())] == ["accepted", "accepted"]
    assert len(made) == 2
    with pytest.raises(InvalidSetting):
        messaging.get_dispatcher()


def test_the_configuration_is_read_at_the_start() -> None:
    messaging = Messaging.from_config({"providers": {"nobody": {"key": "x"}}}, sandbox=True)
    sandbox = Messaging.from_config(sandbox=True)

    async def fail() -> None:
        async with messaging.lifespan():
            pytest.fail("it cannot start")

    async def send() -> str | None:
        async with sandbox.lifespan():
            return (await sandbox.dispatcher.send(Sms("hello"), to=TO)).provider

    with pytest.raises(Exception, match="nobody"):
        asyncio.run(fail())
    assert asyncio.run(send()) == "sandbox"


def test_handlers_hear_only_what_they_want() -> None:
    handlers = EventHandlers()
    heard: list[object] = []
    handlers.on(str)(heard.append)
    handlers.on()(heard.append)

    async def run() -> None:
        handlers.event_received("a")  # type: ignore[arg-type]
        handlers.event_received(1)  # type: ignore[arg-type]
        await handlers.finish()

    asyncio.run(run())
    assert sorted(map(str, heard)) == ["1", "a", "a"]


@pytest.mark.slow
def test_the_example_passes_its_own_tests() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:cov", "-W", "ignore"],
        cwd=EXAMPLE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )
    assert done.returncode == 0, done.stdout + done.stderr
