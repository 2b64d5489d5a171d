"""An example or more of every body, in the order of the page: a test sends each of them, to the sandbox."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from messaging_channels_gateway.channels import CHANNELS

ID = "634b56217f6a7b0be52dffbd"
"""The User, and the Identity, of the examples."""
_TEXT = {"content": {"text": "My text message"}}
_MAIL = {
    "content": {
        "subject": "This is a test subject",
        "html": "<b>This is test html email message</b>",
        "text": "This is test text email message",
    }
}
_PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
_INVOICE = {
    "content": {
        "subject": "Your invoice",
        "html": '<p>Thank you!</p><img src="cid:logo" alt="Logo">',
        "attachments": [
            {"filename": "invoice.txt", "contentType": "text/plain", "content": "VG90YWw6IDEwIEVVUg=="},
            {"filename": "logo.png", "contentType": "image/png", "content": _PIXEL, "contentId": "logo"},
        ],
    }
}
_PICTURE = {
    "content": {"media": {"type": "image", "url": "https://example.com/map.png", "caption": "How to find us"}}
}
_TEMPLATE = {
    "content": {"template": {"name": "order_shipped", "language": "en", "parameters": ["Zoë", "81"]}}
}
_MMS = {"content": {"text": "How to find us", "media": ["https://example.com/map.png"]}}
_SHOP = {"sender": "ACME", "validitySeconds": 3600}
_USER = {
    "username": "zoe",
    "roles": "user",
    "scopes": "own",
    "channel": {
        "sms": "38598123456",
        "whatsapp": "38598123456",
        "rcs": "38598123456",
        "email": "user@example.com",
    },
    "data": {},
    "active": True,
}
_PERSON = {
    "firstName": "Zoë",
    "lastName": "Example",
    "contactInformation": {"phone": [{"number": "38598123456"}], "email": [{"address": "user@example.com"}]},
    "customAttributes": {},
}
_IDENTITY = {"type": "person", "country": "HR", "currency": "EUR", "person": _PERSON, "data": {}}

Examples = dict[str, tuple[str, dict[str, Any]]]


def tomorrow(day: date) -> str:
    """Return a time to send at that is allowed on that day and for months after it."""
    return datetime.combine(day + timedelta(days=1), time(9), UTC).isoformat()


def examples_of(operation_id: str, day: date) -> Examples:
    """Return the examples of a call's body, by name, each with a summary."""
    channel = next((one for one in CHANNELS if operation_id.startswith(f"send_{one}_to_")), None)
    if channel is None:
        return _OTHERS.get(operation_id, {})
    to = (
        {"to": "user@example.com" if channel == "email" else CHANNELS[channel].example or "38598123456"}
        if operation_id.endswith("_addresses")
        else {}
    )
    made: Examples = {
        name: (summary, {**to, **body}) for name, (summary, body) in _MESSAGES.get(channel, _ANY).items()
    }
    plain = next(iter(made.values()))[1]
    made["later"] = ("At a time", {**plain, "sendAt": tomorrow(day)})
    if to and channel in _MESSAGES:
        several = [to["to"], "other@example.com" if channel == "email" else "447700900123"]
        made["several"] = ("To several", {**plain, "to": several})
    return made


_MESSAGES: dict[str, Examples] = {
    "sms": {
        "text": ("A text", _TEXT),
        "options": ("With a sender and a validity", {**_TEXT, **_SHOP}),
        "mms": ("With a picture", _MMS),
    },
    "whatsapp": {
        "text": ("A text", _TEXT),
        "template": ("A template", _TEMPLATE),
        "media": ("A picture", _PICTURE),
    },
    "email": {"both": ("Text and HTML", _MAIL), "files": ("With a file and a picture in the text", _INVOICE)},
}
_ANY: Examples = {"text": ("A text", _TEXT)}
"""Of a channel that has none here."""
_RECIPIENT: Examples = {"number": ("A phone number", {"address": "447700900199"})}
_OTHERS: dict[str, Examples] = {
    "export_recipient": _RECIPIENT,
    "erase_recipient": _RECIPIENT,
    "put_user": {"user": ("A User with an address on each channel", _USER)},
    "put_identity": {"person": ("An Identity with its Person", _IDENTITY)},
    "create_endpoint": {
        "all": ("Every event", {"url": "https://example.com/hooks"}),
        "some": ("Some events", {"url": "https://example.com/delivered", "events": ["sms.message.delivered", "email.message.failed"]}),
    },
}  # fmt: skip
