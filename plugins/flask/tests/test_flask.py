"""The extension: one dispatcher for a process, what is called from outside, and the commands."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, current_app

from messaging_channels import Dispatcher, Sandbox, Sms, SqliteLedger, WebhookRequest
from messaging_channels.consent import UnsubscribeLinks
from messaging_channels.errors import InvalidSetting
from messaging_channels.events import MessageReceived
from messaging_channels.plugins import Observer
from messaging_channels.testing import Outbox
from messaging_channels_flask import Messaging

TO = "+447700900123"
EXAMPLE = Path(__file__).parents[3] / "examples/flask-shop"


def links(dispatcher: Dispatcher) -> UnsubscribeLinks:
    return UnsubscribeLinks(
        "https://shop.example.com/unsubscribe", "a made-up secret", dispatcher.consent.recipient_key
    )


def _app(messaging: Messaging, **settings: Any) -> Flask:
    app = Flask(__name__)
    app.config["MESSAGING_CHANNELS"] = settings
    messaging.init_app(app)
    return app


@pytest.fixture
def messaging() -> Iterator[Messaging]:
    one = Messaging()
    yield one
    one.close()


def _call(app: Flask, request: WebhookRequest, path: str = "/messaging/webhooks/infobip") -> int:
    client = app.test_client()
    return client.open(
        path, method=request.method, data=request.body, headers=dict(request.headers)
    ).status_code


@pytest.mark.parametrize("path", ["/messaging/webhooks/infobip", "/messaging/webhooks/infobip/"])
def test_what_is_proved_is_kept_and_told_once(messaging: Messaging, path: str) -> None:
    heard: list[object] = []
    app = _app(messaging)

    @messaging.on()
    def fail(_: object) -> None:
        raise OSError

    @messaging.on(MessageReceived)
    def hear(event: MessageReceived) -> None:
        heard.append((current_app.name, event.text))

    outbox = Outbox("infobip", observer=messaging)
    with messaging.replaced(outbox.dispatcher):
        stop = outbox.inbound_message("STOP", sender=TO[1:], to="447700900999", provider="infobip")
        assert [_call(app, stop, path) for _ in range(2)] == [200, 200]
        assert messaging.dispatcher.consent.find("sms", TO) is not None
    outbox.close()
    assert heard == [(app.name, "STOP")]


def test_what_nothing_proves_or_nobody_knows_is_refused(messaging: Messaging) -> None:
    app, outbox = _app(messaging), Outbox("infobip")
    with messaging.replaced(outbox.dispatcher):
        report = outbox.delivery_report(outbox.dispatcher.send(Sms("hello"), to=TO))
        assert _call(app, WebhookRequest(report.body + b" ", report.headers)) == 401
        assert _call(app, report, "/messaging/webhooks/nobody") == 404
        assert _call(app, report, "/messaging/webhooks/infobip/nobody") == 404
    outbox.close()


def test_a_report_that_cannot_be_kept_is_brought_again(messaging: Messaging, tmp_path: Path) -> None:
    (tmp_path / "ledger").write_bytes(b"this is no database, and never was one" * 40)
    app = _app(messaging)
    outbox = Outbox("infobip", ledger=SqliteLedger(tmp_path / "ledger", owned=True))
    with messaging.replaced(outbox.dispatcher):
        stop = outbox.inbound_message("x", sender=TO[1:], to="447700900999", provider="infobip")
        assert _call(app, stop) == 503
    outbox.close()


@pytest.mark.parametrize(("public_url", "status"), [("https://shop.example.com/", 204), ("", 401)])
def test_a_signature_over_the_url_holds_behind_a_proxy(
    messaging: Messaging, public_url: str, status: int
) -> None:
    app = _app(messaging, PUBLIC_URL=public_url)
    app.add_url_rule(
        "/hooks/<provider>", view_func=app.view_functions["messaging_channels.webhook"], methods=["POST"]
    )
    outbox = Outbox("twilio")
    with messaging.replaced(outbox.dispatcher):
        signed = outbox.inbound_message("hi", sender=TO[1:], to="447700900999", provider="twilio")
        assert _call(app, signed, "/hooks/twilio") == status
    outbox.close()


def test_a_link_of_a_mail_takes_the_recipient_off(messaging: Messaging) -> None:
    messaging.add_unsubscribe("/unsubscribe/<token>", links)
    app, outbox = _app(messaging, URL_PREFIX="/other"), Outbox()
    with messaging.replaced(outbox.dispatcher):
        path = (links(outbox.dispatcher).header("zoe@example.com").url or "").removeprefix(
            "https://shop.example.com"
        )
        client = app.test_client()
        assert client.get(path).status_code == 200
        assert client.post(path, data={"List-Unsubscribe": "One-Click"}).status_code == 200
        assert outbox.dispatcher.consent.find("email", "zoe@example.com") is not None
        assert client.post("/other/webhooks/nobody").status_code == 404
    outbox.close()


class Counting(Observer):
    attempts = 0

    def attempt_finished(self, attempt: object) -> None:
        assert attempt
        Counting.attempts += 1


def test_the_dispatcher_is_one_and_its_observer_hears_too() -> None:
    app = Flask(__name__)
    messaging = Messaging(app, make_arguments=lambda: {"providers": [Sandbox()], "observer": Counting()})
    assert app.extensions["messaging_channels"] is messaging
    assert messaging.dispatcher is messaging.dispatcher
    messaging.dispatcher.send(Sms("hello"), to=TO)
    messaging.close()
    messaging.close()
    assert Counting.attempts == 1


def test_a_setting_that_there_is_not_is_named(messaging: Messaging) -> None:
    with pytest.raises(InvalidSetting, match="SANDBOKS"):
        _app(messaging, SANDBOKS=True)


def test_the_worker_sends_what_was_enqueued(messaging: Messaging) -> None:
    app = _app(messaging, SANDBOX=True)
    runner = app.test_cli_runner()
    receipt = messaging.dispatcher.enqueue(Sms("hello"), to=TO)

    said = runner.invoke(args=["messaging", "worker", "--drain"]).output

    assert said == "1 messages looked at\n"
    record = messaging.dispatcher.get_message(receipt.id)
    assert record is not None
    assert record.outcome == "accepted"


def test_the_worker_ends_when_it_is_told_to(tmp_path: Path) -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    class Ender(Observer):
        def attempt_finished(self, attempt: object) -> None:
            assert attempt
            os.kill(os.getpid(), signal.SIGTERM)

    app = Flask(__name__)
    ledger = SqliteLedger(tmp_path / "ledger.sqlite3", owned=True)
    messaging = Messaging(
        app, make_arguments=lambda: {"providers": [Sandbox()], "ledger": ledger, "observer": Ender()}
    )
    messaging.dispatcher.enqueue(Sms("hello"), to=TO)
    try:
        said = app.test_cli_runner().invoke(args=["messaging", "worker", "--concurrency", "1"]).output
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    messaging.close()
    assert said == "worker started\nworker stopped\n"


def test_the_doctor_says_what_is_wrong() -> None:
    def said(messaging: Messaging, **settings: Any) -> tuple[int, str]:
        result = _app(messaging, **settings).test_cli_runner().invoke(args=["messaging", "doctor"])
        messaging.close()
        return result.exit_code, result.output

    assert said(Messaging(), SANDBOX=True) == (
        0,
        "providers: sandbox\nledger: writable, 0 messages are due\n",
    )
    code, told = said(Messaging())
    assert code == 1
    assert "MESSAGING_CHANNELS_LEDGER_URL" in told
    without = Messaging(make_arguments=lambda: {"providers": [], "ledger": SqliteLedger()})
    assert said(without)[0] == 1
    worker = _app(Messaging()).test_cli_runner().invoke(args=["messaging", "worker"])
    assert (worker.exit_code, "ledger" in worker.output) == (1, True)


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
