"""Every value and error of the library comes through a Celery worker as what it was: as an argument, as a result, and raised."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import value_samples
from celery import Celery
from celery.contrib.testing.worker import start_worker

from messaging_channels import Receipt
from messaging_channels.errors import MessagingError

pytestmark = pytest.mark.slow


def _give_back(values: list[object]) -> list[object]:
    return values


@pytest.fixture(scope="module")
def app() -> Iterator[Celery]:
    """An application whose worker is another thread, and whose arguments, results and errors are pickled on their way."""
    made = Celery("values", broker="memory://", backend="cache+memory://", set_as_current=False)
    made.conf.update(
        task_serializer="pickle",
        result_serializer="pickle",
        accept_content=["pickle"],
        result_accept_content=["pickle"],
    )
    made.task(_give_back, name="give_back", shared=False)
    made.task(value_samples.raise_it, name="raise_it", shared=False)
    with start_worker(made, pool="solo", perform_ping_check=False):
        yield made


def test_every_value_comes_back_from_a_task_as_what_it_was(app: Celery) -> None:
    sent = [one for _, one in value_samples.values()]

    back = app.send_task("give_back", [sent]).get(timeout=60)

    assert any(isinstance(one, Receipt) for one in back)
    assert all(map(value_samples.same, back, sent))


def test_every_error_that_a_task_raises_is_raised_where_its_result_is_awaited(app: Celery) -> None:
    errors = [value_samples.error_of(kind) for kind in value_samples.errors()]
    asked = [app.send_task("raise_it", [one]) for one in errors]

    raised = [one.get(timeout=60, propagate=False) for one in asked]

    assert any(isinstance(one, MessagingError) for one in raised)
    assert [(type(one), str(one)) for one in raised] == [(type(one), str(one)) for one in errors]
