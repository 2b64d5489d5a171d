"""The shop's tests: what it sends lies in an outbox."""

import time
from collections.abc import Callable, Iterator

import pytest
import shop
from fastapi.testclient import TestClient

from messaging_channels import Sms, WebhookRequest, WhatsAppTemplate
from messaging_channels.testing import Outbox

PHONE = "+447700900123"


@pytest.fixture
def outbox() -> Iterator[Outbox]:
    """What this test's shop sends, by Infobip."""
    one = Outbox("infobip", observer=shop.messaging.handlers)
    with shop.messaging.replaced(one.async_dispatcher):
        yield one
    one.close()


@pytest.fixture
def client(outbox: Outbox) -> Iterator[TestClient]:  # noqa: ARG001  it replaces the shop's dispatcher
    """The running shop, with its worker."""
    shop.statuses.clear()
    shop.replies.clear()
    with TestClient(shop.app) as one:
        yield one


def call(client: TestClient, request: WebhookRequest) -> int:
    """Make the vendor's call."""
    return client.post(
        "/messaging/webhooks/infobip", content=request.body, headers=dict(request.headers)
    ).status_code


def wait_for(client: TestClient, condition: Callable[[], bool]) -> None:
    """Let the application's loop go on until something holds."""
    until = time.monotonic() + 30
    while not condition() and time.monotonic() < until:
        client.get("/openapi.json")
    assert condition()


def test_an_order_is_confirmed_by_the_worker_and_reported_as_delivered(
    client: TestClient, outbox: Outbox
) -> None:
    """The worker runs in the application."""
    message = client.post("/orders", json={"number": 81, "phone": PHONE}).json()["message"]
    wait_for(client, lambda: len(outbox) == 1)
    outbox.only(WhatsAppTemplate, to=PHONE)

    assert call(client, outbox.delivery_report(outbox.sent[0])) == 200

    wait_for(client, lambda: shop.statuses.get(message, "").startswith("DELIVERED"))


def test_who_writes_stop_gets_nothing_more(client: TestClient, outbox: Outbox) -> None:
    """The reply is kept, and a later message is refused."""
    assert client.post("/codes", params={"phone": PHONE}).json()["outcome"] == "accepted"

    stop = outbox.inbound_message("STOP", sender=PHONE[1:], to="447700900999", provider="infobip")
    assert call(client, stop) == 200

    assert client.post("/codes", params={"phone": PHONE}).status_code == 409
    wait_for(client, lambda: shop.replies == ["STOP"])
    assert [one.message for one in outbox.sent] == [Sms("Your code is 4821", category="authentication")]


def test_a_code_that_certainly_was_not_sent_may_be_asked_for_again(
    client: TestClient, outbox: Outbox
) -> None:
    """The vendor is away."""
    outbox.provider("infobip").refuse_connection(times=9)

    assert client.post("/codes", params={"phone": PHONE}).status_code == 503


def test_a_forged_report_is_refused(client: TestClient) -> None:
    """Nothing proves it."""
    assert client.post("/messaging/webhooks/infobip", json={}).status_code == 401


def test_a_link_takes_somebody_off_the_list(client: TestClient, outbox: Outbox) -> None:
    """One click, as mail programs make it."""
    links = shop.unsubscribe_links(outbox.async_dispatcher)
    url = links.header("zoe@example.com", category="newsletter").url or ""

    answer = client.post(url.removeprefix("https://shop.example.com"), data={"List-Unsubscribe": "One-Click"})

    assert answer.status_code == 200
    assert outbox.dispatcher.consent.find("email", "zoe@example.com", category="newsletter") is not None
