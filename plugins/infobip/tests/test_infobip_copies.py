"""Names of those who get a copy of a mail: JSON has no place for them, MIME has."""

from __future__ import annotations

import json
from base64 import b64decode
from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest

from messaging_channels import Email, EmailAddress
from messaging_channels.messages import Attachment, ListUnsubscribe
from messaging_channels.plugins import Envelope, HttpRequest
from messaging_channels_infobip import Infobip, InfobipEmailOptions

_INFOBIP = Infobip(base_url="http://127.0.0.1:9", api_key="key", email_sender="desk@example.org")
_ANN = EmailAddress("ann", "example.com", "Ann Smith")


def _request(mail: Email) -> HttpRequest:
    to = EmailAddress.parse("zoe@example.com")
    flow: Any = _INFOBIP.send([Envelope("0" * 32, "email", mail, to)])
    exchange = next(flow)
    while not isinstance(exchange, HttpRequest):
        exchange = flow.send(0.0)
    return exchange


def test_a_copy_with_a_name_goes_out_as_mime() -> None:
    request = _request(Email("Yes", text="words", cc=(_ANN,)))

    assert request.url.endswith("/email/4/mime")
    read = message_from_bytes(b64decode(json.loads(request.body)["mimeMessage"]), policy=default)
    assert read["cc"] == "Ann Smith <ann@example.com>"


def test_the_mime_is_what_every_provider_writes() -> None:
    calendar = b"BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nEND:VCALENDAR\r\n"
    mail = Email(
        "Grüße",
        text="words",
        html="<p>words</p>",
        cc=(_ANN,),
        attachments=(Attachment(calendar, "invite.ics", "text/calendar; method=REQUEST"),),
        list_unsubscribe=ListUnsubscribe(mailto="leave@example.com?subject=leave%20list"),
    )
    written = b64decode(json.loads(_request(mail).body)["mimeMessage"])

    read = message_from_bytes(written, policy=default)
    assert (read["list-unsubscribe"], read["subject"]) == (
        "<mailto:leave@example.com?subject=leave%20list>",
        "Grüße",
    )
    (invitation,) = [part for part in read.walk() if part.get_content_type() == "text/calendar"]
    assert invitation.get_content_disposition() is None
    assert invitation["content-type"].params["method"] == "REQUEST"
    assert written.isascii()
    assert max(map(len, written.split(b"\r\n"))) <= 78


@pytest.mark.parametrize("way", ["leave@example.com?subject=leave%20list", "mailto:leave@example.com"])
def test_the_address_for_leaving_a_list_is_one_uri_in_json(way: str) -> None:
    mail = Email("Yes", text="words", list_unsubscribe=ListUnsubscribe(mailto=way))

    told = json.loads(json.loads(_request(mail).body)["messages"][0]["content"]["headers"])
    assert told["List-Unsubscribe"] == f"<mailto:{way.removeprefix('mailto:')}>"


def test_a_copy_without_a_name_goes_out_as_json() -> None:
    assert _request(Email("Yes", text="words", cc="ann@example.com")).url.endswith("/email/4/messages")


def test_an_option_that_mime_does_not_carry_goes_before_the_name() -> None:
    mail = Email("Yes", text="words", cc=(_ANN,), provider_options=(InfobipEmailOptions(campaign_id="c-1"),))

    assert _request(mail).url.endswith("/email/4/messages")
