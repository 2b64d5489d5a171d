"""The shop's tests: what it sends lies in an outbox."""

from collections.abc import Iterator

import pytest
import shop
from flask.testing import FlaskClient

from messaging_channels import Sms, WebhookRequest, WhatsAppTemplate, Worker
from messaging_channels.testing import Outbox

PHONE = "+447700900123"
APP = shop.create_app()


@pytest.fixture
def outbox() -> Iterator[Outbox]:
    """What this test's shop sends, by Infobip."""
    one = Outbox("infobip", observer=shop.messaging)
    with shop.messaging.replaced(one.dispatcher):
        yield one
    one.close()


@pytest.fixture
def client() -> FlaskClient:
    """The shop."""
    shop.statuses.clear()
    shop.replies.clear()
    return APP.test_client()


def call(client: FlaskClient, request: WebhookRequest) -> int:
    """Make the vendor's call."""
    return client.post(
        "/messaging/webhooks/infobip", data=request.body, headers=dict(request.headers)
    ).status_code


def test_an_order_is_confirmed_by_the_worker_and_reported_as_delivered(
    client: FlaskClient, outbox: Outbox
) -> None:
    """`flask messaging worker` does what `drain` does here."""
    message = client.post("/orders", data={"number": 81, "phone": PHONE}).json["message"]
    assert Worker(outbox.dispatcher).drain() == 1
    outbox.only(WhatsAppTemplate, to=PHONE)

    assert call(client, outbox.delivery_report(outbox.sent[0])) == 200

    assert shop.statuses[message].startswith("DELIVERED")


def test_without_a_report_it_is_texted(client: FlaskClient, outbox: Outbox) -> None:
    """SMS follows after five minutes."""
    client.post("/orders", data={"number": 82, "phone": PHONE})
    Worker(outbox.dispatcher).drain()
    outbox.clock.advance(301)
    Worker(outbox.dispatcher).drain()

    assert outbox.only(Sms, to=PHONE).text == "We have your order 82"


def test_who_writes_stop_gets_nothing_more(client: FlaskClient, outbox: Outbox) -> None:
    """The reply is kept, and a later message is refused."""
    assert client.post("/codes", data={"phone": PHONE}).json["outcome"] == "accepted"

    stop = outbox.inbound_message("STOP", sender=PHONE[1:], to="447700900999", provider="infobip")
    assert call(client, stop) == 200

    assert shop.replies == ["STOP"]
    assert client.post("/codes", data={"phone": PHONE}).status_code == 409
    assert len(outbox) == 1


def test_a_code_that_certainly_was_not_sent_may_be_asked_for_again(
    client: FlaskClient, outbox: Outbox
) -> None:
    """The vendor is away."""
    outbox.provider("infobip").refuse_connection(times=9)

    assert client.post("/codes", data={"phone": PHONE}).status_code == 503


@pytest.mark.usefixtures("outbox")
def test_a_forged_report_is_refused(client: FlaskClient) -> None:
    """Nothing proves it."""
    assert client.post("/messaging/webhooks/infobip", json={}).status_code == 401


def test_a_link_takes_somebody_off_the_list(client: FlaskClient, outbox: Outbox) -> None:
    """One click, as mail programs make it."""
    links = shop.unsubscribe_links(outbox.dispatcher)
    url = links.header("zoe@example.com", category="newsletter").url or ""

    answer = client.post(url.removeprefix("https://shop.example.com"), data={"List-Unsubscribe": "One-Click"})

    assert answer.status_code == 200
    assert outbox.dispatcher.consent.find("email", "zoe@example.com", category="newsletter") is not None
