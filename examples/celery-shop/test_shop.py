"""The shop's tests: tasks run in this process, and what they send lies in an outbox."""

from collections.abc import Iterator

import pytest
import shop

from messaging_channels import Sms, Worker
from messaging_channels.errors import Rejected
from messaging_channels.plugins import Reason
from messaging_channels.testing import Outbox

PHONE = "+447700900123"


@pytest.fixture
def outbox() -> Iterator[Outbox]:
    """What this test's shop sends, by Infobip."""
    one = Outbox("infobip")
    shop.messaging.replace(one.dispatcher)
    yield one
    shop.messaging.replace(None)
    one.close()


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


def test_an_order_waits_for_the_worker(outbox: Outbox) -> None:
    """The worker inside Celery's does what `drain` does here."""
    shop.order(81, PHONE)

    assert Worker(outbox.dispatcher).drain() == 1
    assert outbox.only(Sms).text == "We have your order 81"
