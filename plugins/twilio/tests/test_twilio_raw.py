"""What goes to Twilio as it was written."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from specifications import FOLDER

from messaging_channels import Dispatcher, Outcome, Sms, WhatsAppText, errors
from messaging_channels.messages import Message
from messaging_channels_twilio import Twilio, TwilioOptions
from messaging_channels_twilio.emulator import ACCOUNT_SID, AUTH_TOKEN, TwilioEmulator

NUMBER = "+447700900123"
SID = f"HX{'0' * 32}"


def _sent(message: Message, specifications: Path | None = None) -> list[tuple[str, str]]:
    with TwilioEmulator(templates={("order", "en"): SID}) as vendor:
        account = {"account_sid": ACCOUNT_SID, "auth_token": AUTH_TOKEN}
        twilio = Twilio(
            **account,
            sender="+15550100001",
            whatsapp_sender="+15550100001",
            base_url=vendor.url,
            specifications=specifications,
        )
        with Dispatcher([twilio]) as dispatcher:
            receipt = dispatcher.send(message, to=NUMBER)
        assert receipt.outcome is Outcome.ACCEPTED
        assert receipt.provider_id
        return parse_qsl(vendor.requests[-1].body.decode(), keep_blank_values=True)


def _raw(**raw: Any) -> Sms:
    return Sms("Hello", provider_options=(TwilioOptions(raw=raw, smart_encoded=True),))


def test_raw_parameters_stand_beside_or_instead_of_the_plugins_and_the_answer_is_read_as_usual() -> None:
    sent = _sent(
        _raw(
            SmartEncoded=False,
            MediaUrl=["https://example.com/1.png", "https://example.com/2.png"],
            Tags={"a": "é"},
        )
    )
    assert [value for name, value in sent if name == "MediaUrl"] == [
        "https://example.com/1.png",
        "https://example.com/2.png",
    ]
    told = dict(sent)
    assert (told["SmartEncoded"], told["Tags"], told["Body"], told["To"]) == (
        "false",
        '{"a": "é"}',
        "Hello",
        NUMBER,
    )
    assert "Body" not in dict(_sent(_raw(Body=None, MediaUrl="https://example.com/1.png")))


def test_a_content_template_may_be_raw_on_whatsapp() -> None:
    options = TwilioOptions(raw={"Body": None, "ContentSid": SID, "ContentVariables": {"1": "Zoe"}})
    sent = dict(_sent(WhatsAppText("Hello", provider_options=(options,))))
    assert (sent["ContentSid"], sent["ContentVariables"]) == (SID, '{"1": "Zoe"}')


@pytest.mark.parametrize("name", ["To", "StatusCallback"])
def test_raw_parameters_name_neither_the_recipient_nor_the_way_of_the_reports(name: str) -> None:
    with pytest.raises(errors.InvalidMessage, match=name):
        TwilioOptions(raw={name: "x"})


@pytest.mark.parametrize(
    "raw", [{"News": "x"}, {"ValidityPeriod": "soon"}, {"ScheduleType": "never"}, {"MediaUrl": [1]}]
)
def test_with_the_documents_raw_parameters_are_checked_before_they_leave(raw: dict[str, Any]) -> None:
    if not (FOLDER / "twilio_api_v2010.json").exists():
        pytest.skip("the vendor's documents are not here")
    (name,) = raw
    with pytest.raises(errors.InvalidMessage, match=f"documents at {name}"):
        _sent(_raw(**raw), FOLDER)
    assert (
        dict(_sent(_raw(ValidityPeriod=60, Body=None, MediaUrl=("https://example.com/1.png",)), FOLDER))[
            "ValidityPeriod"
        ]
        == "60"
    )


def test_options_that_say_the_same_are_equal_and_hash_alike() -> None:
    one, other = (TwilioOptions(raw={"RiskCheck": "disable"}) for _ in range(2))
    assert one == other
    assert hash(one) == hash(other)
    assert "disable" not in repr(one)
