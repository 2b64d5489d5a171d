"""Postmark's own client against the emulator, and its requests beside ours: what somebody else wrote."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import postmark
import pytest
from postmark.exceptions import InactiveRecipientException, InvalidAPIKeyException, ValidationException
from postmark.models.bounces.enums import BounceType

from messaging_channels import Dispatcher, Email
from messaging_channels.messages import Attachment, ListUnsubscribe
from messaging_channels_postmark import Postmark, PostmarkEmailOptions
from messaging_channels_postmark._table_errors import BOUNCES
from messaging_channels_postmark.emulator import PostmarkEmulator

LOGO = b"\x89PNG made up"


@pytest.fixture
def emulator() -> Iterator[PostmarkEmulator]:
    with PostmarkEmulator() as vendor:
        yield vendor


def _client(vendor: PostmarkEmulator, token: str = "made-up") -> Any:
    return postmark.sync.ServerClient(token, retries=0, base_url=vendor.url)


def _send(vendor: PostmarkEmulator, mail: Email, to: str = "zoe@example.com") -> Any:
    provider = Postmark(server_token="made-up", sender="Shop <shop@example.org>", base_url=vendor.url)
    with Dispatcher([provider]) as dispatcher:
        return dispatcher.send(mail, to=to)


OURS_AND_THEIRS: list[tuple[Email, dict[str, Any]]] = [
    (Email("Hi", "Žluťoučký kůň 🐎"), {"subject": "Hi", "text_body": "Žluťoučký kůň 🐎"}),
    (
        Email("Hi", html="<p>Hello</p>", cc="Max <max@example.com>", bcc=("a@example.com", "b@example.com")),
        {
            "subject": "Hi",
            "html_body": "<p>Hello</p>",
            "cc": '"Max" <max@example.com>',
            "bcc": "a@example.com, b@example.com",
        },
    ),
    (
        Email("Hi", "Hello", sender='Zoë "Z" <zoe@example.org>', reply_to="desk@example.org"),
        {
            "subject": "Hi",
            "text_body": "Hello",
            "sender": '"Zoë \\"Z\\"" <zoe@example.org>',
            "reply_to": "desk@example.org",
        },
    ),
    (
        Email(
            "Hi",
            "Hello",
            html='<img src="cid:logo">',
            attachments=(
                Attachment(b"%PDF", "bill.pdf", "application/pdf"),
                Attachment.inline(LOGO, "logo", content_type="image/png"),
            ),
        ),
        {
            "subject": "Hi",
            "text_body": "Hello",
            "html_body": '<img src="cid:logo">',
            "attachments": [
                {
                    "name": "bill.pdf",
                    "content": b64encode(b"%PDF").decode(),
                    "content_type": "application/pdf",
                },
                {
                    "name": "logo",
                    "content": b64encode(LOGO).decode(),
                    "content_type": "image/png",
                    "content_id": "cid:logo",
                },
            ],
        },
    ),
    (
        Email(
            "Hi",
            "Hello",
            headers={"X-Order": "4821"},
            list_unsubscribe=ListUnsubscribe("https://example.org/leave?u=1", "leave@example.org"),
        ),
        {
            "subject": "Hi",
            "text_body": "Hello",
            "headers": [
                {"name": "X-Order", "value": "4821"},
                {
                    "name": "List-Unsubscribe",
                    "value": "<https://example.org/leave?u=1>, <mailto:leave@example.org>",
                },
                {"name": "List-Unsubscribe-Post", "value": "List-Unsubscribe=One-Click"},
            ],
        },
    ),
    (
        Email(
            "Hi",
            "Hello",
            provider_options=(
                PostmarkEmailOptions("broadcast", "offers", True, "HtmlOnly", {"order": "4821"}),
            ),
        ),
        {
            "subject": "Hi",
            "text_body": "Hello",
            "message_stream": "broadcast",
            "tag": "offers",
            "track_opens": True,
            "track_links": "HtmlOnly",
            "metadata": {"order": "4821"},
        },
    ),
]


@pytest.mark.parametrize(("ours", "theirs"), OURS_AND_THEIRS)
def test_the_same_mail_is_the_same_request_as_of_the_client(
    emulator: PostmarkEmulator, ours: Email, theirs: dict[str, Any]
) -> None:
    receipt = _send(emulator, ours)
    metadata = {**theirs.get("metadata", {}), "message_id": receipt.id}
    mail = {"sender": '"Shop" <shop@example.org>', "to": "zoe@example.com", **theirs, "metadata": metadata}
    with _client(emulator) as client:
        (answer,) = client.outbound.send_batch([mail])

    mine, told = emulator.requests
    assert answer.success
    assert (mine.method, mine.path) == (told.method, told.path)
    assert [_filled(one) for one in json.loads(mine.body)] == [_filled(one) for one in json.loads(told.body)]
    for name in ("x-postmark-server-token", "content-type", "accept"):
        assert mine.headers[name] == told.headers[name]


def _filled(mail: dict[str, Any]) -> dict[str, Any]:
    """The client writes lists that are empty, too."""
    return {name: value for name, value in mail.items() if value != []}


def test_the_client_sends_one_mail_and_reads_its_answer(emulator: PostmarkEmulator) -> None:
    with _client(emulator) as client:
        answer = client.outbound.send(
            {"sender": "a@example.org", "to": "zoe@example.com", "subject": "Hi", "text_body": "Hello"}
        )
    assert (answer.success, answer.to) == (True, "zoe@example.com")


@pytest.mark.parametrize(
    ("token", "change", "error", "code"),
    [
        ("other", {}, InvalidAPIKeyException, 10),
        ("made-up", {"to": "nobody"}, ValidationException, 300),
        ("made-up", {"text_body": ""}, ValidationException, 300),
        ("made-up", {"message_stream": "none"}, ValidationException, 300),
        ("made-up", {"metadata": {"x" * 21: "1"}}, ValidationException, 300),
        ("made-up", {"to": "gone@example.com"}, InactiveRecipientException, 406),
    ],
)
def test_the_client_is_refused_what_postmark_refuses(
    emulator: PostmarkEmulator, token: str, change: dict[str, Any], error: type[Exception], code: int
) -> None:
    emulator.inactive.add("gone@example.com")
    mail = {"sender": "a@example.org", "to": "zoe@example.com", "subject": "Hi", "text_body": "Hello"}
    with _client(emulator, token) as client, pytest.raises(error) as raised:
        client.outbound.send({**mail, **change})
    assert raised.value.error_code == code  # type: ignore[attr-defined]


def test_every_type_of_bounce_that_the_client_knows_has_a_row() -> None:
    consent = {"SpamComplaint", "Unsubscribe", "Subscribe"}
    assert {one.value for one in BounceType} == {kind for kind, *_ in BOUNCES} | consent
