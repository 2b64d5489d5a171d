"""What Meta tells: several updates side by side, changes of accounts, edits, groups, choices, repetitions, and proofs that are no text."""

from __future__ import annotations

from typing import Any

import pytest
from regression_vendor import (
    METADATA,
    SECRET,
    TWILIO_ACCOUNT,
    cloud,
    cloud_call,
    cloud_tells,
    infobip,
    said,
    vonage,
)

from messaging_channels import Dispatcher
from messaging_channels._model.errors import WebhookVerificationError
from messaging_channels._model.events import Event, OptedIn, OptedOut, UnknownEvent
from messaging_channels.plugins.observer import Observer
from messaging_channels.plugins.provider import Provider
from messaging_channels.plugins.webhooks import WebhookRequest
from messaging_channels_infobip.webhook_auth import (
    BasicAuth,
    BearerToken,
    FixedHeader,
    HmacSignature,
    UrlToken,
)
from messaging_channels_twilio import Twilio

STATUS = {"id": "wamid.1", "status": "sent", "timestamp": "1744344496", "recipient_id": "447700900123"}
CALL = {"id": "wacid.7", "event": "connect", "timestamp": "1744344496"}


def _written(kind: str, content: Any, **more: Any) -> dict[str, Any]:
    known = {"from": "447700900123", "id": "wamid.2", "timestamp": "1744344496"}
    return {**known, "type": kind, kind: content, **more}


def _messages(**updates: Any) -> list[Event]:
    return cloud_tells("messages", {"metadata": METADATA, **updates})


@pytest.mark.parametrize(
    ("known", "update", "name"),
    [("statuses", STATUS, "wamid.1"), ("messages", _written("text", {"body": "hello"}), "wamid.2")],
    ids=["status", "message"],
)
def test_a_call_beside_another_update_is_told_too(known: str, update: dict[str, Any], name: str) -> None:
    events = _messages(**{known: [update], "calls": [CALL]})

    told = repr([(said(event), event.raw) for event in events])
    assert name in told
    assert "wacid.7" in told


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("account_update", {"event": "ACCOUNT_DELETED"}),
        ("account_review_update", {"decision": "REJECTED"}),
        ("message_template_status_update", {"event": "PAUSED", "message_template_id": 1}),
    ],
    ids=["account", "review", "template"],
)
def test_a_change_of_an_account_names_the_account(field: str, value: dict[str, Any]) -> None:
    (event,) = cloud_tells(field, value, account="WABA-4711")

    assert "WABA-4711" in repr([said(event), event.raw])


def test_an_edit_tells_the_new_words_and_the_message_that_was_edited() -> None:
    edit = {
        "original_message_id": "wamid.ORIGINAL",
        "message": {"type": "text", "text": {"body": "at ten, not nine"}},
    }

    events = _messages(messages=[_written("edit", edit)])

    told = repr([said(event) for event in events])
    assert "at ten, not nine" in told
    assert "wamid.ORIGINAL" in told


@pytest.mark.parametrize(
    "message",
    [
        _written("text", {"body": "hello all"}, group_id="GROUP-4711"),
        _written("image", {"id": "1", "mime_type": "image/png"}, group_id="GROUP-4711"),
    ],
    ids=["text", "image"],
)
def test_a_message_in_a_group_is_not_told_as_one_that_was_written_to_us_alone(
    message: dict[str, Any],
) -> None:
    (event,) = _messages(messages=[message])

    assert isinstance(event, UnknownEvent) or "GROUP-4711" in repr(said(event))


@pytest.mark.parametrize(
    ("value", "choice"),
    [
        ("signup", OptedIn),
        ("resume", OptedIn),
        ("stop", OptedOut),
    ],
)
def test_what_a_person_chooses_about_marketing_is_told_as_a_choice(
    value: str, choice: type[OptedIn | OptedOut]
) -> None:
    preference = {
        "wa_id": "447700900123",
        "category": "marketing_messages",
        "value": value,
        "timestamp": 1731705721,
    }

    (event,) = cloud_tells("user_preferences", {"metadata": METADATA, "user_preferences": [preference]})

    assert isinstance(event, choice)
    assert (event.category, event.address.plain) == ("marketing", "447700900123")


class Hears(Observer):
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def event_received(self, event: Event) -> None:
        self.events.append(event)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (
            "message_template_status_update",
            {"event": "PAUSED", "message_template_id": 1, "message_template_name": "order"},
        ),
        ("phone_number_quality_update", {"display_phone_number": "15550100001", "event": "FLAGGED"}),
        ("messages", {"metadata": METADATA, "errors": [{"code": 131000, "title": "Something went wrong"}]}),
    ],
    ids=["template", "number", "error"],
)
def test_an_update_that_meta_repeats_is_heard_once(field: str, value: dict[str, Any]) -> None:
    hears = Hears()

    with Dispatcher([cloud()], observer=hears) as dispatcher:
        for at in (1.0, 2.0, 3.0):
            dispatcher.handle_webhook("whatsapp-cloud", cloud_call(field, value, at=at))

    assert len(hears.events) == 1


def test_updates_that_differ_are_both_heard() -> None:
    hears = Hears()

    with Dispatcher([cloud()], observer=hears) as dispatcher:
        for word in ("PAUSED", "APPROVED"):
            value = {"event": word, "message_template_id": 1}
            dispatcher.handle_webhook("whatsapp-cloud", cloud_call("message_template_status_update", value))

    assert [event.raw["value"]["event"] for event in hears.events] == ["PAUSED", "APPROVED"]


@pytest.mark.parametrize(
    "token",
    ["\ud83d", "\ude00", "made-up\ud83d", "wrong", "", "\U0001f600"],  # noqa: PT014  two halves
    ids=["high", "low", "end", "wrong", "empty", "whole"],
)
def test_a_verification_call_with_a_wrong_token_is_refused_whatever_the_token_holds(token: str) -> None:
    url = f"https://shop.example/hook?hub.mode=subscribe&hub.verify_token={token}&hub.challenge=1"
    call = WebhookRequest(url=url, method="GET")

    with (
        Dispatcher([cloud(webhook_verify_token="made-up")]) as dispatcher,
        pytest.raises(WebhookVerificationError),
    ):
        dispatcher.handle_webhook("whatsapp-cloud", call)


@pytest.mark.parametrize(
    ("provider", "headers"),
    [
        (cloud(), {"x-hub-signature-256": "sha256=\ud83d"}),
        (Twilio(account_sid=TWILIO_ACCOUNT, auth_token=SECRET), {"x-twilio-signature": "\ud83d"}),
        (vonage(), {}),
        (infobip(webhook_auth=[HmacSignature([SECRET], "X-Signature")]), {"x-signature": "\ud83d"}),
    ]
    + [
        (infobip(webhook_auth=[proof]), headers)
        for proof, headers in (
            (UrlToken([SECRET]), {}),
            (BearerToken([SECRET]), {"authorization": "Bearer \ud83d"}),
            (BasicAuth("shop", SECRET), {"authorization": "Basic \ud83d"}),
            (FixedHeader("X-Shop", [SECRET]), {"x-shop": "\ud83d"}),
        )
    ],
    ids=[
        "cloud",
        "twilio",
        "vonage",
        "infobip-hmac",
        "infobip-url",
        "infobip-bearer",
        "infobip-basic",
        "infobip-header",
    ],
)
def test_a_call_whose_proof_is_half_a_letter_is_refused(provider: Provider, headers: dict[str, str]) -> None:
    call = WebhookRequest(b'{"sig": "\\ud83d"}', headers, "https://shop.example/hook?token=\ud83d")

    with Dispatcher([provider]) as dispatcher, pytest.raises(WebhookVerificationError):
        dispatcher.handle_webhook(provider.name, call)
