"""The shop's tests: tasks run in this process, and what they send lies in an outbox."""

from collections.abc import Iterator
from io import BytesIO

import pytest
import shop

from messaging_channels import Sms, WebhookRequest, WhatsAppTemplate, Worker
from messaging_channels.errors import MessageBlocked, Rejected
from messaging_channels.plugins import Reason
from messaging_channels.testing import Outbox

PHONE = "+447700900123"


@pytest.fixture
def outbox() -> Iterator[Outbox]:
    """What this test's shop sends, by Infobip."""
    one = Outbox("infobip")
    shop.messaging.replace(one.dispatcher)
    shop.app.conf.task_always_eager = True
    shop.statuses.clear()
    shop.replies.clear()
    yield one
    shop.messaging.replace(None)
    one.close()


def call(request: WebhookRequest) -> str:
    """Make the vendor's call; return the status of the answer."""
    answers: list[str] = []
    environ = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in request.headers.items()}
    environ |= {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/webhooks/infobip",
        "CONTENT_TYPE": request.headers.get("content-type", ""),
        "CONTENT_LENGTH": str(len(request.body)),
        "wsgi.input": BytesIO(request.body),
    }
    b"".join(shop.web(environ, lambda status, _: answers.append(status)))
    return answers[0][:3]


def test_a_task_that_runs_again_sends_once(outbox: Outbox) -> None:
    """A broker delivers it twice."""
    outcomes = [shop.text_code.apply((PHONE,), task_id="81").get() for _ in range(2)]

    assert outcomes == ["accepted", "accepted"]
    assert len(outbox) == 1


def test_what_certainly_was_not_sent_is_tried_again(outbox: Outbox) -> None:
    """Celery runs the task again at once, as it does eager ones; the vendor is back by then."""
    outbox.provider("infobip").refuse_connection(times=2)

    assert shop.text_code.apply((PHONE,)).get() == "accepted"
    assert len(outbox) == 1


def test_what_may_have_been_sent_is_not_tried_again(outbox: Outbox) -> None:
    """The answer was lost, so that the customer may have the code."""
    outbox.provider("infobip").drop_response()

    first, again = (shop.text_code.apply((PHONE,), task_id="82").get() for _ in range(2))

    assert (first, again, len(outbox)) == ("unknown", "unknown", 1)


def test_what_is_refused_for_good_fails(outbox: Outbox) -> None:
    """Nobody is asked again."""
    outbox.provider("infobip").reject(Reason.RECIPIENT)

    with pytest.raises(Rejected):
        shop.text_code.apply((PHONE,), throw=True)


def test_an_order_is_confirmed_by_the_worker_and_reported_as_delivered(outbox: Outbox) -> None:
    """The worker inside Celery's does what `drain` does here."""
    message = shop.order(81, PHONE)
    assert Worker(outbox.dispatcher).drain() == 1
    outbox.only(WhatsAppTemplate, to=PHONE)

    assert call(outbox.delivery_report(outbox.sent[0])) == "200"

    assert shop.statuses[message].startswith("DELIVERED")


def test_without_a_report_it_is_texted(outbox: Outbox) -> None:
    """SMS follows after five minutes."""
    shop.order(82, PHONE)
    Worker(outbox.dispatcher).drain()
    outbox.clock.advance(301)
    Worker(outbox.dispatcher).drain()

    assert outbox.only(Sms, to=PHONE).text == "We have your order 82"


def test_who_writes_stop_gets_nothing_more(outbox: Outbox) -> None:
    """The reply is kept, and a later message is refused."""
    assert shop.text_code.apply((PHONE,)).get() == "accepted"

    stop = outbox.inbound_message("STOP", sender=PHONE[1:], to="447700900999", provider="infobip")
    assert call(stop) == "200"

    assert shop.replies == ["STOP"]
    with pytest.raises(MessageBlocked):
        shop.text_code.apply((PHONE,), throw=True)
    assert len(outbox) == 1


def test_a_forged_report_is_refused(outbox: Outbox) -> None:
    """Nothing proves it."""
    assert call(WebhookRequest(b"{}", {"content-type": "application/json"})) == "401"
    assert (shop.statuses, shop.replies, len(outbox)) == ({}, [], 0)
