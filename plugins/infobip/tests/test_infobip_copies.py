"""Names of those who get a copy of a mail: JSON has no place for them, MIME has."""

from __future__ import annotations

import json
from base64 import b64decode
from typing import Any

from messaging_channels import Email, EmailAddress
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
    assert b"Cc: Ann Smith <ann@example.com>" in b64decode(json.loads(request.body)["mimeMessage"])


def test_a_copy_without_a_name_goes_out_as_json() -> None:
    assert _request(Email("Yes", text="words", cc="ann@example.com")).url.endswith("/email/4/messages")


def test_an_option_that_mime_does_not_carry_goes_before_the_name() -> None:
    mail = Email("Yes", text="words", cc=(_ANN,), provider_options=(InfobipEmailOptions(campaign_id="c-1"),))

    assert _request(mail).url.endswith("/email/4/messages")
