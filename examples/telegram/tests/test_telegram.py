"""Telegram as a stranger would write it: it keeps the rules of the kit, and goes through the library as any other channel."""

from __future__ import annotations

import json
from typing import Any

import pytest
from messaging_channels_telegram import (
    TELEGRAM,
    ChatId,
    Telegram,
    TelegramButton,
    TelegramPhoto,
    TelegramText,
)
from messaging_channels_telegram.conformance import FIXTURES
from messaging_channels_telegram.emulator import TOKEN, TelegramEmulator
from messaging_channels_telegram.plugin import SPEC

from messaging_channels import Dispatcher, NotSent, Rejected, Sandbox, SqliteLedger, WebhookRequest, errors
from messaging_channels.events import MessageEdited, MessageReceived, OptedIn, OptedOut, UnknownEvent
from messaging_channels.messages import Adaptive, Content, Link
from messaging_channels.plugins import FailureReason, message_from_json
from messaging_channels.testing.conformance import ProviderConformance

from messaging_channels.plugins import BUILT_IN  # isort: skip


class TestTelegram(ProviderConformance):
    provider = SPEC
    fixtures = FIXTURES
    channels = (*BUILT_IN, TELEGRAM)
    examples = 25


def _telegram(vendor: TelegramEmulator) -> Telegram:
    return Telegram(token=TOKEN, webhook_secret="made-up", base_url=vendor.url)


def _send(message: Any, to: str = "900100200") -> list[dict[str, Any]]:
    with TelegramEmulator() as vendor, Dispatcher([_telegram(vendor)], channels=[TELEGRAM]) as dispatcher:
        assert dispatcher.send(message, to=to).channel == "telegram"
    return vendor.taken


def test_a_text_with_buttons_reaches_the_chat() -> None:
    buttons = (TelegramButton("Yes", "ok-1"), TelegramButton("Look", url="https://shop.example.com/"))

    (taken,) = _send(TelegramText("Your table is booked", buttons, silent=True))

    assert taken == {
        "method": "sendMessage",
        "chat_id": "900100200",
        "text": "Your table is booked",
        "reply_markup": {
            "inline_keyboard": [
                [{"text": "Yes", "callback_data": "ok-1"}],
                [{"text": "Look", "url": "https://shop.example.com/"}],
            ]
        },
        "disable_notification": True,
    }


def test_a_picture_reaches_a_group() -> None:
    (taken,) = _send(TelegramPhoto("https://files.example.com/a.jpg", "Hats"), to="-100200300")

    assert (taken["method"], taken["chat_id"], taken["caption"]) == ("sendPhoto", "-100200300", "Hats")


@pytest.mark.parametrize(
    ("chat", "failure"),
    [("900100901", FailureReason.BLOCKED_BY_RECIPIENT), ("900100902", FailureReason.UNKNOWN_RECIPIENT)],
)
def test_a_refusal_is_told_in_the_words_of_all_vendors(chat: str, failure: FailureReason) -> None:
    with (
        TelegramEmulator() as vendor,
        Dispatcher([_telegram(vendor)], channels=[TELEGRAM]) as dispatcher,
        pytest.raises(Rejected) as refused,
    ):
        dispatcher.send(TelegramText("hi"), to=chat)

    assert refused.value.receipt.failure is failure
    assert chat not in str(refused.value)


def test_too_many_messages_are_asked_for_later() -> None:
    with (
        TelegramEmulator() as vendor,
        Dispatcher([_telegram(vendor)], channels=[TELEGRAM]) as dispatcher,
        pytest.raises(NotSent) as refused,
    ):
        dispatcher.send(TelegramText("hi"), to="900100903", timeout=0.1)

    assert refused.value.retry_after == 3.0


@pytest.mark.parametrize("text", ["", "12 34", "@zoe", "1" * 21, "٣٤٥", "-"])
def test_what_is_no_chat_is_refused_before_anything_leaves(text: str) -> None:
    with Dispatcher([Sandbox()], channels=[TELEGRAM]) as dispatcher, pytest.raises(errors.InvalidAddress):
        dispatcher.send(TelegramText("hi"), to=text)


def test_an_address_is_masked_wherever_it_is_shown() -> None:
    assert "900100200" not in f"{ChatId('900100200')} {ChatId('900100200')!r}"


def _hear(told: dict[str, Any]) -> Any:
    telegram = Telegram(token=TOKEN, webhook_secret="made-up")
    call = WebhookRequest(
        json.dumps(told).encode(), {"x-telegram-bot-api-secret-token": "made-up"}, received_at=5.0
    )
    (event,) = telegram.handle_webhook(call).events
    return event


CHAT = {"id": 900100200, "type": "private"}


def test_what_people_write_press_edit_and_want_is_read() -> None:
    message = {
        "message_id": 1,
        "date": 1_700_000_000,
        "chat": CHAT,
        "text": "Hello",
        "from": {"first_name": "Zoe"},
    }
    heard = _hear({"update_id": 1, "message": message})
    pressed = _hear({"update_id": 2, "callback_query": {"id": "q-1", "data": "ok-1", "message": message}})
    edited = _hear(
        {"update_id": 3, "edited_message": {**message, "text": "Hallo", "edit_date": 1_700_000_009}}
    )
    blocked = _hear(
        {"update_id": 4, "my_chat_member": {"chat": CHAT, "new_chat_member": {"status": "kicked"}}}
    )
    back = _hear({"update_id": 5, "my_chat_member": {"chat": CHAT, "new_chat_member": {"status": "member"}}})
    poll = _hear({"update_id": 6, "poll": {"id": "p"}})

    assert isinstance(heard, MessageReceived)
    assert (heard.text, heard.name, heard.sender, heard.occurred_at) == (
        "Hello",
        "Zoe",
        ChatId("900100200"),
        1.7e9,
    )
    assert (pressed.kind, pressed.payload, pressed.reply_to) == ("button", "ok-1", heard.provider_id)
    assert isinstance(edited, MessageEdited)
    assert (edited.text, edited.original_id) == ("Hallo", heard.provider_id)
    assert isinstance(blocked, OptedOut)
    assert isinstance(back, OptedIn)
    assert isinstance(poll, UnknownEvent)


def test_a_call_with_another_secret_is_not_believed() -> None:
    telegram = Telegram(token=TOKEN, webhook_secret="made-up")
    for headers in ({}, {"x-telegram-bot-api-secret-token": "other"}):
        with pytest.raises(errors.WebhookVerificationError):
            telegram.handle_webhook(WebhookRequest(b"{}", headers))


def test_stop_in_a_chat_is_about_that_chat() -> None:
    told = {"update_id": 1, "message": {"message_id": 1, "date": 1_700_000_000, "chat": CHAT, "text": "STOP"}}
    call = WebhookRequest(json.dumps(told).encode(), {"x-telegram-bot-api-secret-token": "made-up"})
    with (
        TelegramEmulator() as vendor,
        Dispatcher([_telegram(vendor)], channels=[TELEGRAM], ledger=SqliteLedger(owned=True)) as dispatcher,
    ):
        dispatcher.handle_webhook("telegram", call)
        with pytest.raises(errors.MessageBlocked):
            dispatcher.send(TelegramText("hi"), to="900100200")
        assert dispatcher.send(TelegramText("hi"), to="900100300")


def test_declared_content_becomes_a_picture_with_buttons() -> None:
    content = Content(
        "words",
        "Title",
        "https://files.example.com/a.jpg",
        ("Yes",),
        Link("https://shop.example.com/", "Open"),
    )

    rendering = Adaptive(content).render(TELEGRAM)

    assert isinstance(rendering.message, TelegramPhoto)
    assert [one.text for one in rendering.message.buttons] == ["Yes", "Open"]


def test_json_becomes_a_message() -> None:
    told = {"type": "photo", "url": "https://files.example.com/a.jpg", "buttons": [{"text": "Yes"}]}

    assert message_from_json(TELEGRAM, told) == TelegramPhoto(
        "https://files.example.com/a.jpg", buttons=(TelegramButton("Yes"),)
    )
