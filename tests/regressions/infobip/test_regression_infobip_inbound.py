"""What people write, as Infobip tells it: names of mail, reactions that are taken back, and messages of other channels."""

from __future__ import annotations

from typing import Any

import pytest
from regression_vendor import infobip_tells

from messaging_channels._model.events import Event, MessageReceived


def _mail_from(sender: str) -> MessageReceived:
    fields = {"from": sender, "to": "desk@example.org", "subject": "Hi", "text": "hello"}
    parts = [
        f'--cut\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    body = ("".join(parts) + "--cut--\r\n").encode()
    (event,) = infobip_tells(body, "multipart/form-data; boundary=cut")
    assert isinstance(event, MessageReceived)
    return event


def _chat(content: dict[str, Any], *, integration: str = "WHATSAPP", message_id: str = "m-1") -> list[Event]:
    record = {
        "from": "447700900123",
        "to": "15550100001",
        "integrationType": integration,
        "receivedAt": "2024-04-01T11:02:43.594+0000",
        "messageId": message_id,
        "message": content,
    }
    return infobip_tells({"results": [record]})


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("Zoe Doe <zoe@example.com>", "Zoe Doe"),
        ('"Doe, Zoe" <zoe@example.com>', "Doe, Zoe"),
        ("Zoë Doe <zoe@example.com>", "Zoë Doe"),
        ("zoe@example.com", None),
    ],
)
def test_a_mail_tells_what_its_sender_calls_itself(written: str, name: str | None) -> None:
    event = _mail_from(written)

    assert (event.name, event.sender.plain) == (name, "zoe@example.com")


@pytest.mark.parametrize("emoji", ["\u2764", "\U0001f44d"])
def test_a_reaction_that_is_taken_back_is_not_told_as_the_reaction_again(emoji: str) -> None:
    reaction = {"type": "REACTION", "emoji": emoji, "context": {"id": "m-9"}}

    (added,) = _chat({**reaction, "action": "ADDED"}, message_id="m-1")
    (removed,) = _chat({**reaction, "action": "REMOVED"}, message_id="m-2")

    assert isinstance(added, MessageReceived)
    assert (added.kind, added.payload, added.reply_to) == ("reaction", emoji, "m-9")
    assert (getattr(removed, "kind", None), getattr(removed, "payload", None)) != ("reaction", emoji)


@pytest.mark.parametrize("integration", ["VIBER", "LINE", "TELEGRAM"])
def test_a_message_of_another_chat_is_not_told_as_one_of_whatsapp(integration: str) -> None:
    (event,) = _chat({"type": "TEXT", "text": "hello"}, integration=integration)

    assert getattr(event, "channel", None) not in {"whatsapp", "sms", "email"}


@pytest.mark.parametrize(
    "content", [{"type": "TEXT", "text": "hello"}, {"type": "VOICE", "url": "https://x.example/1"}]
)
def test_a_message_of_whatsapp_is_told_as_one_of_whatsapp(content: dict[str, Any]) -> None:
    (event,) = _chat(content)

    assert isinstance(event, MessageReceived)
    assert event.channel == "whatsapp"
