"""Tasks that send, wake-ups, and a worker inside Celery's: on brokers as they are, and with processes that die."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from queue import Empty, Queue
from typing import Any

import pytest
from brokers import rabbitmq, redis
from celery import Celery
from celery.contrib.testing.worker import start_worker
from celery.exceptions import Retry
from regression_server import TESTS, until

from messaging_channels import Sandbox, Sms, SqliteLedger, Worker
from messaging_channels.errors import InvalidSetting, NotSent
from messaging_channels.plugins import Observer
from messaging_channels.testing import Outbox
from messaging_channels_celery import PROCESS_TASK, CeleryNotifier, Messaging, MessagingTask

EXAMPLE = Path(__file__).parents[3] / "examples/celery-shop"
TO = "+447700900123"
APPLICATION = """
import os
import signal
from pathlib import Path
from celery import Celery
from scripted import Scripted
from messaging_channels import Sms, SqliteLedger
from messaging_channels_celery import Messaging

folder = Path(os.environ["FOLDER"])
app = Celery("shop", broker=os.environ["BROKER"])
app.conf.update(worker_prefetch_multiplier=1, broker_connection_retry_on_startup=True)


def take(key):
    with (folder / "taken").open("a") as file:
        file.write(key + "\\n")


class Noted(Scripted):
    def send(self, batch):
        self._ends = [lambda: take(batch[0].message.text)]
        return (yield from super().send(batch))


def arguments():
    return {"providers": [Noted("vendor")], "ledger": SqliteLedger(folder / "ledger.sqlite3", owned=True)}


messaging = Messaging(app, arguments, worker={"concurrency": 1, "poll_interval": 0.2})


@messaging.task(name="send")
def send(self, key):
    self.send(Sms(key), to="+447700900123", in_progress_timeout=10)
    dead = folder / "dead"
    if key.startswith("dying") and not dead.exists():
        dead.touch()
        os.kill(os.getpid(), signal.SIGKILL)
"""
ASK = """
import sys
from messaging_channels import Sms
from shop import messaging, send
for key in sys.argv[1:]:
    if key.startswith("queued"):
        messaging.dispatcher.enqueue(Sms(key), to="+447700900123", idempotency_key=key)
    else:
        send.apply_async((key,), task_id=key)
"""


def _environment(folder: Path, broker: str) -> dict[str, str]:
    paths = [str(folder), str(TESTS), *sys.path]
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths), "FOLDER": str(folder), "BROKER": broker}


def _wait_for(said: Queue[str], text: str) -> None:
    heard: list[str] = []
    while text not in "".join(heard[-1:]):
        try:
            heard.append(said.get(timeout=100))
        except Empty:
            pytest.fail("".join(heard))


@pytest.mark.slow
@pytest.mark.parametrize("run_broker", [redis, rabbitmq], ids=["redis", "rabbitmq"])
def test_each_message_is_sent_once_though_tasks_come_twice_and_processes_die(
    run_broker: Any, tmp_path: Path
) -> None:
    (tmp_path / "shop.py").write_text(APPLICATION)
    (tmp_path / "broker").mkdir()
    options = ("--pool", "prefork", "--concurrency", "2", "--max-tasks-per-child", "3", "--loglevel", "INFO")
    quick = ("--without-mingle", "--without-gossip", "--without-heartbeat")
    keys = ["twice", "twice", "dying", *(f"own-{number}" for number in range(6)), "queued-1", "queued-2"]
    with run_broker(tmp_path / "broker") as broker:
        environment = _environment(tmp_path, broker)
        server = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "celery", "-A", "shop", "worker", *options, *quick],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        said: Queue[str] = Queue()
        assert server.stdout is not None
        lines = iter(server.stdout.readline, "")
        reading = threading.Thread(target=lambda: [said.put(line) for line in lines], daemon=True)
        reading.start()
        try:
            _wait_for(said, " ready.")
            ask = [sys.executable, "-W", "ignore", "-c", ASK, *keys]
            subprocess.run(ask, cwd=tmp_path, env=environment, check=True, timeout=60)
            until(lambda: (tmp_path / "taken").exists() and set(_taken(tmp_path)) == set(keys), 60)
        finally:
            server.terminate()
            server.wait(60)
            reading.join()
            server.stdout.close()

    assert server.returncode == 0
    assert _taken(tmp_path) == Counter(set(keys))


def _taken(folder: Path) -> Counter[str]:
    return Counter((folder / "taken").read_text().split())


@pytest.fixture
def app() -> Celery:
    celery = Celery("shop", broker="memory://", backend="cache+memory://", set_as_current=False)
    celery.conf.broker_connection_retry_on_startup = True
    return celery


@pytest.fixture
def outbox() -> Iterator[Outbox]:
    one = Outbox()
    yield one
    one.close()


def test_the_wait_grows_and_is_as_long_as_the_vendor_asks(app: Celery, outbox: Outbox) -> None:
    messaging = Messaging(app)
    messaging.replace(outbox.dispatcher)

    @messaging.task(max_retries=3)
    def send(self: MessagingTask, key: str | None = None) -> str:
        return self.send(Sms("hello"), to=TO, idempotency_key=key).outcome

    waits = []
    for retries in range(4):
        outbox.provider("fake").refuse_connection(times=9)
        send.push_request(id="81", retries=retries, called_directly=False, is_eager=False, args=(), kwargs={})
        send.request.delivery_info = {}
        try:
            send.run()
        except Retry as retry:
            waits.append(retry.when)
        except NotSent:
            waits.append("given up")
        finally:
            send.pop_request()

    assert waits == [10.0, 20.0, 40.0, "given up"]
    assert send.retry_delay(type("Throttled", (Exception,), {"retry_after": 99.0})()) == 99.0


def test_messages_of_one_task_have_keys_of_their_own(app: Celery, outbox: Outbox) -> None:
    messaging = Messaging(app)
    messaging.replace(outbox.dispatcher)

    @messaging.task
    def send_two(self: MessagingTask) -> None:
        self.send(Sms("first"), to=TO)
        self.send(Sms("second"), to=TO)
        self.send(Sms("third"), to=TO, idempotency_key="third")

    for _ in range(2):
        send_two.apply(task_id="81").get()

    assert [one.message.text for one in outbox.sent] == ["first", "second", "third"]
    assert outbox.dispatcher.get_message(idempotency_key="celery:81:2") is not None


def test_a_task_of_another_kind_and_a_dispatcher_without_a_ledger_say_what_is_missing(app: Celery) -> None:
    @app.task(bind=True, base=MessagingTask)
    def other(self: MessagingTask) -> None:
        self.send(Sms("hello"), to=TO)

    messaging = Messaging(app, lambda: {"providers": [Sandbox()]})

    @messaging.task
    def unkept(self: MessagingTask) -> None:
        self.send(Sms("hello"), to=TO)

    with pytest.raises(InvalidSetting, match=r"messaging\.task"):
        other.apply(throw=True)
    with pytest.raises(InvalidSetting, match="ledger"):
        unkept.apply(throw=True)
    messaging.close()


class Waiting(Observer):
    """Says when a message was sent, and in which thread."""

    def __init__(self) -> None:
        self.ended: Queue[str] = Queue()

    def attempt_finished(self, attempt: object) -> None:
        assert attempt
        self.ended.put(threading.current_thread().name)


def test_the_worker_inside_celerys_sends_what_waits_and_ends_with_it(app: Celery, tmp_path: Path) -> None:
    observer = Waiting()
    ledger = SqliteLedger(tmp_path / "ledger.sqlite3", owned=True)
    arguments = {"providers": [Sandbox()], "ledger": ledger, "observer": observer}
    messaging = Messaging(app, lambda: arguments, worker={"concurrency": 1, "poll_interval": 60.0})

    with start_worker(app, pool="solo", perform_ping_check=False, shutdown_timeout=100):
        messaging.dispatcher.enqueue(Sms("hello"), to=TO)
        assert observer.ended.get(timeout=110)

    assert not [one for one in threading.enumerate() if one.name == "messaging-channels"]
    messaging.close()


def test_a_wake_up_has_the_message_sent(app: Celery, tmp_path: Path) -> None:
    observer = Waiting()
    ledger = SqliteLedger(tmp_path / "ledger.sqlite3", owned=True)
    messaging = Messaging(app, lambda: {"providers": [Sandbox()], "ledger": ledger, "observer": observer})

    with start_worker(app, pool="solo", perform_ping_check=False, shutdown_timeout=100):
        messaging.dispatcher.enqueue(Sms("hello"), to=TO)
        assert observer.ended.get(timeout=110)
        later = messaging.dispatcher.enqueue(Sms("later"), to=TO, send_at=time.time() + 3600)
        asyncio.run(
            CeleryNotifier(app).notify_async(later.id, time.time() + 3600)
        )  # too late to be worth a task
        asyncio.run(CeleryNotifier(app).notify_async(later.id, time.time()))  # early: nothing is due
    assert Worker(messaging.dispatcher).drain() == 0
    assert PROCESS_TASK in app.tasks
    messaging.close()


def test_the_task_of_an_app_is_its_own_where_a_process_has_several(app: Celery) -> None:
    others = [Messaging(Celery(f"other-{number}", broker="memory://"), sandbox=True) for number in range(8)]
    messaging = Messaging(app, sandbox=True)
    app.finalize()

    assert len(others) == 8
    assert app.tasks[PROCESS_TASK].run.__self__ is messaging
    messaging.close()


def test_the_configuration_is_read_when_it_is_needed(app: Celery) -> None:
    messaging = Messaging(app, sandbox=True)

    @messaging.task
    def send(self: MessagingTask) -> str:
        return self.send(Sms("hello"), to=TO).outcome

    assert send.apply(throw=True).get() == "accepted"
    messaging.close()
    messaging.close()


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
