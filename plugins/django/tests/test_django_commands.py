"""Settings, system checks, `manage.py worker` and `manage.py doctor`, and what tests of a project get."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import subprocess
import sys
import threading
from typing import Any

import pytest
from django.core import mail
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.test import SimpleTestCase, override_settings

from messaging_channels import Email, MappingResolver, Sms, User
from messaging_channels.testing import Outbox
from messaging_channels_django import enqueue, get_async_dispatcher, get_dispatcher, use_dispatcher
from messaging_channels_django.settings import import_parts
from messaging_channels_django.signals import SignalObserver
from messaging_channels_django.testing import OutboxMixin

TO = "+447700900123"
USERS = MappingResolver({User("81"): {"sms": TO}})


def _found(**settings: Any) -> list[str]:
    with override_settings(MESSAGING_CHANNELS=settings):
        return [one.id or "" for one in run_checks() if (one.id or "").startswith("messaging_channels")]


def test_the_settings_are_checked_before_anything_is_sent() -> None:
    assert _found(SANDBOX=True) == []
    assert _found() == ["messaging_channels.W001"]
    assert _found(SANDBOKS=True) == ["messaging_channels.E001"]
    assert _found(RESOLVERS=["nowhere.resolver"]) == ["messaging_channels.E001"]
    assert _found(RESOLVERS="nowhere.resolver") == ["messaging_channels.E001"]
    assert _found(MAIL={"mode": "later"}) == ["messaging_channels.E001"]
    assert _found(MAIL={"how": "later"}) == ["messaging_channels.E001"]
    assert _found(CONFIG={"providers": {"nobody": {"key": "x"}}}) == ["messaging_channels.E002"]
    assert "messaging_channels.E003" in _found(MAIL={"mode": "enqueue"})
    assert "messaging_channels.E004" in _found(SANDBOX=True, LEDGER_DATABASE="nowhere")


def test_the_dispatcher_is_one_for_the_process_until_its_settings_change() -> None:
    settings = {"SANDBOX": True, "RESOLVERS": [f"{__name__}.USERS"]}
    with override_settings(MESSAGING_CHANNELS=settings):
        first = get_dispatcher()
        assert first is get_dispatcher()
        assert first.send(Sms("hello"), to=User("81")).destination.plain == TO[1:]
        assert asyncio.run(get_async_dispatcher().send(Sms("hello"), to=User("81"))).provider == "sandbox"
    with override_settings(MESSAGING_CHANNELS={"SANDBOX": True}):
        assert get_dispatcher() is not first
    with pytest.raises(ImproperlyConfigured, match="cannot be imported"):
        import_parts(("nowhere.resolver",))


def _said(command: str, *arguments: str) -> str:
    out = io.StringIO()
    call_command(command, *arguments, stdout=out)
    return out.getvalue()


def test_the_worker_sends_what_was_enqueued(sqlite_alias: str) -> None:
    with override_settings(MESSAGING_CHANNELS={"SANDBOX": True, "LEDGER_DATABASE": sqlite_alias}):
        receipt = enqueue(Sms("hello"), to=TO)
        try:
            assert _said("worker", "--drain", "--retention-days", "30") == "1 messages looked at\n"
        finally:
            SignalObserver.in_worker = False
        record = get_dispatcher().get_message(receipt.id)
    assert record is not None
    assert record.outcome == "accepted"


def test_the_worker_ends_when_it_is_told_to(sqlite_alias: str) -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    sent = threading.Event()

    def end(**_: Any) -> None:
        sent.set()
        os.kill(os.getpid(), signal.SIGTERM)

    from messaging_channels_django.signals import attempt_finished

    attempt_finished.connect(end)
    try:
        with override_settings(MESSAGING_CHANNELS={"SANDBOX": True, "LEDGER_DATABASE": sqlite_alias}):
            enqueue(Sms("hello"), to=TO)
            assert _said("worker", "--concurrency", "1") == "worker started\nworker stopped\n"
    finally:
        attempt_finished.disconnect(end)
        SignalObserver.in_worker = False
        for number, handler in before.items():
            signal.signal(number, handler)
    assert sent.is_set()


def test_a_worker_without_a_ledger_says_what_to_do() -> None:
    with (
        override_settings(MESSAGING_CHANNELS={"CONFIG": {"routes": {"sms": "sandbox"}}}),
        pytest.raises(CommandError, match="ledger"),
    ):
        _said("worker", "--drain")
    SignalObserver.in_worker = False


def test_the_doctor_says_what_is_wrong(sqlite_alias: str) -> None:
    with override_settings(MESSAGING_CHANNELS={"SANDBOX": True, "LEDGER_DATABASE": sqlite_alias}):
        healthy = _said("doctor")
    out = io.StringIO()
    with override_settings(MESSAGING_CHANNELS={}), pytest.raises(CommandError):
        call_command("doctor", stdout=out)

    assert "wrong" not in healthy
    assert "0 messages are due" in healthy
    assert "goes through the dispatcher" in healthy
    assert "/messaging/webhooks/PROVIDER" in healthy
    assert "wrong  providers: none is configured" in out.getvalue()
    assert "wrong  ledger" in out.getvalue()
    out = io.StringIO()
    with override_settings(MESSAGING_CHANNELS={"NO": 1}), pytest.raises(CommandError):
        call_command("doctor", stdout=out)
    assert "has no key 'NO'" in out.getvalue()


class SignUp(OutboxMixin, SimpleTestCase):
    providers = ("vonage",)

    def test_what_the_project_sends_is_in_the_outbox(self) -> None:
        get_dispatcher().send(Sms("Your code is 4821"), to=TO)
        enqueue(Sms("later"), to=TO)

        assert self.outbox.only(Sms).text == "Your code is 4821"
        assert self.send_queued() == 1
        assert len(self.outbox) == 2


class Mails(OutboxMixin, SimpleTestCase):
    def test_djangos_mails_are_there_too(self) -> None:
        mail.send_mail("s", "t", "from@example.com", ["to@example.com"])

        assert self.outbox.only(Email).subject == "s"


class Unmailed(OutboxMixin, SimpleTestCase):
    takes_mail = False

    def test_djangos_mails_may_go_their_own_way(self) -> None:
        assert len(self.outbox) == 0


def test_receivers_that_fail_harm_nobody() -> None:
    from messaging_channels_django.signals import attempt_finished

    heard: list[object] = []

    def fail(**_: Any) -> None:
        raise OSError

    def hear(**about: Any) -> None:
        heard.append(about["sender"])

    outbox = Outbox(observer=SignalObserver())
    with use_dispatcher(outbox.dispatcher):
        attempt_finished.connect(fail)
        attempt_finished.connect(hear)
        try:
            assert get_dispatcher().send(Sms("hello"), to=TO).outcome == "accepted"
        finally:
            attempt_finished.disconnect(fail)
            attempt_finished.disconnect(hear)
    outbox.close()
    assert heard == ["fake"]


WITHOUT_PSYCOPG = """
import sys
sys.modules["psycopg"] = sys.modules["psycopg_pool"] = None
from django.conf import settings
settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": sys.argv[1]}},
    INSTALLED_APPS=["messaging_channels_django"],
    MESSAGING_CHANNELS={"LEDGER_DATABASE": "default", "SANDBOX": True},
)
import django
django.setup()
from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from messaging_channels_django.ledgers import build_ledger
build_ledger("default")
connections["default"].vendor = "postgresql"
try:
    build_ledger("default")
except ImproperlyConfigured as error:
    print(error)
"""


def test_psycopg_is_needed_only_where_the_ledger_is_in_postgresql(tmp_path: Any) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", WITHOUT_PSYCOPG, tmp_path / "project"],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )

    assert (
        done.stdout == "a ledger in PostgreSQL needs psycopg 3: pip install 'messaging-channels[postgres]'\n"
    ), done.stderr
