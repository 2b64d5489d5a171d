"""What is called from outside: webhooks, links of mails, pages for operators."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client, override_settings

from messaging_channels import Email, Sms, WebhookRequest
from messaging_channels.errors import LedgerUnavailable
from messaging_channels.events import MessageReceived, StatusChanged
from messaging_channels.testing import Outbox
from messaging_channels_django import get_dispatcher, use_dispatcher
from messaging_channels_django.signals import SignalObserver, attempt_finished, event_received

TO = "+447700900123"
HEARD: list[tuple[object, object]] = []


def _hear(sender: object, event: object = None, attempt: object = None, **_: object) -> None:
    HEARD.append((sender, event or attempt))


@pytest.fixture
def outbox() -> Iterator[Outbox]:
    HEARD.clear()
    one = Outbox("infobip", observer=SignalObserver())
    with use_dispatcher(one.dispatcher, one.async_dispatcher):
        for signal in (event_received, attempt_finished):
            signal.connect(_hear)
        yield one
        for signal in (event_received, attempt_finished):
            signal.disconnect(_hear)
    one.close()


def _call(request: WebhookRequest, path: str = "/messaging/webhooks/infobip") -> Any:
    client = Client(enforce_csrf_checks=True)
    query = urlsplit(request.url).query
    headers = {name: value for name, value in request.headers.items() if name != "host"}
    return client.generic(
        request.method,
        f"{path}?{query}" if query else path,
        request.body,
        headers.pop("content-type", "application/json"),
        headers=headers,
    )


@pytest.mark.parametrize("path", ["/messaging/webhooks/infobip", "/messaging/webhooks/infobip/"])
def test_a_report_that_is_proved_is_kept_and_told_once(outbox: Outbox, path: str) -> None:
    receipt = outbox.dispatcher.send(Sms("hello"), to=TO)
    HEARD.clear()
    report = outbox.delivery_report(receipt)

    assert [_call(report, path).status_code for _ in range(2)] == [200, 200]

    ((sender, event),) = HEARD
    assert sender is StatusChanged
    assert isinstance(event, StatusChanged)
    record = outbox.dispatcher.get_message(receipt.id)
    assert record is not None
    assert record.status.name.startswith("DELIVERED")


def test_who_writes_stop_is_written_to_no_more(outbox: Outbox) -> None:
    inbound = outbox.inbound_message("STOP", sender=TO[1:], to="447700900999", provider="infobip")

    assert _call(inbound).status_code == 200

    assert MessageReceived in [sender for sender, _ in HEARD]
    assert outbox.dispatcher.consent.find("sms", TO) is not None


def test_a_call_that_nothing_proves_is_refused(outbox: Outbox) -> None:
    receipt = outbox.dispatcher.send(Sms("hello"), to=TO)
    HEARD.clear()
    report = outbox.delivery_report(receipt)
    forged = WebhookRequest(
        report.body + b" ", {"content-type": "application/json"}, report.url, report.method
    )

    assert _call(forged).status_code == 401
    assert HEARD == []


@pytest.mark.usefixtures("outbox")
def test_a_provider_that_is_not_configured_is_not_found() -> None:
    assert _call(WebhookRequest(b"{}"), "/messaging/webhooks/nobody").status_code == 404
    assert _call(WebhookRequest(b"{}"), "/messaging/webhooks/infobip/nobody").status_code == 404


def test_a_report_that_cannot_be_kept_is_brought_again(tmp_path: Any) -> None:
    from messaging_channels import SqliteLedger

    (tmp_path / "ledger").write_bytes(b"this is no database, and never was one" * 40)
    outbox = Outbox("infobip", ledger=SqliteLedger(tmp_path / "ledger", owned=True))
    with use_dispatcher(outbox.dispatcher):
        report = outbox.inbound_message("hello", sender=TO[1:], to="447700900999", provider="infobip")
        with pytest.raises(LedgerUnavailable):
            outbox.dispatcher.handle_webhook("infobip", report)
        assert _call(report).status_code == 503
    outbox.close()


@pytest.mark.usefixtures("outbox")
def test_the_public_url_goes_before_what_the_server_is_called() -> None:
    from django.test import RequestFactory

    from messaging_channels_django.webhooks import webhook_request

    request = RequestFactory().post("/messaging/webhooks/infobip?a=1", b"{}", content_type="application/json")

    assert webhook_request(request).url == "http://testserver/messaging/webhooks/infobip?a=1"
    with override_settings(MESSAGING_CHANNELS={"PUBLIC_URL": "https://shop.example.com/"}):
        assert webhook_request(request).url == "https://shop.example.com/messaging/webhooks/infobip?a=1"


def test_a_signature_over_the_url_holds_behind_a_proxy() -> None:
    outbox = Outbox("twilio")
    signed = outbox.inbound_message("STOP", sender=TO[1:], to="447700900999", provider="twilio")
    path = urlsplit(signed.url).path  # as Twilio was told: https://shop.example.com/hooks/twilio
    with use_dispatcher(outbox.dispatcher):
        assert _call(signed, path).status_code == 401  # the server was called testserver
        with override_settings(MESSAGING_CHANNELS={"PUBLIC_URL": "https://shop.example.com"}):
            assert _call(signed, path).status_code == 204
        assert outbox.dispatcher.consent.find("sms", TO) is not None
    outbox.close()


def test_an_attempt_is_told_with_its_provider(outbox: Outbox) -> None:
    outbox.dispatcher.send(Sms("hello"), to=TO)

    assert [sender for sender, _ in HEARD] == ["infobip"]


def test_a_link_of_a_mail_takes_the_recipient_off(outbox: Outbox) -> None:
    from django_project_urls import links

    header = links().header("zoe@example.com", category="newsletter")
    assert header.url is not None
    path = urlsplit(header.url).path
    client = Client(enforce_csrf_checks=True)

    assert client.get(path).status_code == 200
    assert outbox.dispatcher.consent.find("email", "zoe@example.com", category="newsletter") is None
    posted = client.post(path, {"List-Unsubscribe": "One-Click"})
    assert posted.status_code == 200
    assert posted["cache-control"] == "no-store"
    assert outbox.dispatcher.consent.find("email", "zoe@example.com", category="newsletter") is not None
    assert client.get("/unsubscribe/forged").status_code == 404


@pytest.fixture
def staff(migrated: None) -> Iterator[Client]:  # noqa: ARG001  its tables are what it is asked for
    from django.contrib.auth.models import User

    User.objects.all().delete()
    admin = User.objects.create_superuser("root", "root@example.com", "made-up")
    client = Client()
    client.force_login(admin)
    yield client
    User.objects.all().delete()


def test_operators_see_messages_queue_and_consent(staff: Client) -> None:
    outbox = Outbox()
    with use_dispatcher(outbox.dispatcher):
        receipt = outbox.dispatcher.send(Sms("a text that nobody sees"), to=TO)
        for number in range(50):
            outbox.dispatcher.send(Email("s", "t"), to=f"{number}@example.com")
        outbox.dispatcher.consent.add("email", "zoe@example.com", reason="by telephone")

        index = staff.get("/admin/").content.decode()
        assert all(f"/admin/messaging_channels/{name}/" in index for name in ("message", "queue", "consent"))
        pages = {
            path: staff.get(f"/admin/messaging_channels/{path}")
            for path in (
                "message/",
                "message/?channel=sms",
                f"message/?to=%2B{TO[1:]}",
                f"message/{receipt.id}/change/",
                "queue/",
                "consent/",
                "consent/?address=zoe@example.com",
                "consent/?address=else@example.com",
                "consent/?address=nonsense&channel=email",
                "message/?to=nonsense",
            )
        }
    outbox.close()
    assert {page.status_code for page in pages.values()} == {200}
    said = {path: page.content.decode() for path, page in pages.items()}
    assert "Older messages" in said["message/"]
    assert said["message/?channel=sms"].count(receipt.id) == 2
    assert receipt.id in said[f"message/?to=%2B{TO[1:]}"]
    assert "accepted" in said[f"message/{receipt.id}/change/"]
    assert not any(
        "a text that nobody sees" in one or TO in one.split("<table>")[-1] for one in said.values()
    )
    assert "Due now" in said["queue/"]
    assert "by telephone" in said["consent/"]
    assert "Blocked: opted_out" in said["consent/?address=zoe@example.com"]
    assert "Nothing forbids" in said["consent/?address=else@example.com"]
    assert "errornote" in said["consent/?address=nonsense&channel=email"]
    assert "errornote" in said["message/?to=nonsense"]


def test_pages_are_for_those_who_may_view_and_change_nothing(staff: Client) -> None:
    from django.contrib.auth.models import Permission, User

    outbox = Outbox()
    clerk = User.objects.create_user("clerk", is_staff=True)
    client = Client()
    client.force_login(clerk)
    with use_dispatcher(outbox.dispatcher):
        assert client.get("/admin/messaging_channels/message/").status_code == 403
        clerk.user_permissions.add(Permission.objects.get(codename="view_message"))
        assert client.get("/admin/messaging_channels/message/").status_code == 200
        assert client.get("/admin/messaging_channels/queue/").status_code == 403
        assert staff.get("/admin/messaging_channels/message/unknown/change/").status_code == 404
        for other in ("message/add/", "message/1/delete/", "message/1/history/", "queue/1/change/"):
            assert staff.get(f"/admin/messaging_channels/{other}").status_code == 404
            assert staff.post(f"/admin/messaging_channels/{other}").status_code == 404
        assert get_dispatcher() is outbox.dispatcher
    outbox.close()


@pytest.mark.usefixtures("migrated")
def test_no_migration_is_missing() -> None:
    from django.core.management import call_command

    call_command("makemigrations", "messaging_channels", check=True, dry_run=True, verbosity=0)
