"""Whether an account can send messages that name no sender is known from its settings: one that cannot is left out while another can."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from messaging_channels import BadInput, Dispatcher, Email, Sandbox, Sms, SqliteLedger, WhatsAppText
from messaging_channels.messages import Message
from messaging_channels.plugins import (
    Envelope,
    PhoneNumber,
    Provider,
    SupportsSenderCheck,
    SupportsValidation,
)
from messaging_channels_infobip import Infobip
from messaging_channels_postmark import Postmark
from messaging_channels_smtp import Smtp
from messaging_channels_telnyx import Telnyx
from messaging_channels_twilio import Twilio, TwilioOptions
from messaging_channels_vonage import Vonage
from messaging_channels_whatsapp_cloud import WhatsAppCloud

TO = "+447700900123"
SENDERLESS: dict[str, Callable[..., Provider]] = {
    "twilio": lambda **more: Twilio(account_sid=f"AC{0:032}", auth_token="t" * 32, **more),
    "vonage": lambda **more: Vonage(api_key="abcd1234", api_secret="secret", **more),
    "telnyx": lambda **more: Telnyx(api_key="key", **more),
    "infobip": lambda **more: Infobip(base_url="https://127.0.0.1:9", api_key="key", **more),
    "smtp": lambda **more: Smtp(host="127.0.0.1", port=9, tls="none", **more),
    "postmark": lambda **more: Postmark(server_token="token", **more),
    "whatsapp-cloud": lambda **more: WhatsAppCloud(access_token="token", **more),
}
MESSAGES: dict[str, tuple[Callable[..., Message], str]] = {
    "sms": (lambda **more: Sms("hello", **more), TO),
    "email": (lambda **more: Email("Hello", "text", **more), "zoe@example.com"),
    "whatsapp": (lambda **more: WhatsAppText("hello", **more), TO),
}
CASES = [
    ("twilio", "sms", "twilio.sender", {"sender": "+447700900000"}),
    ("twilio", "whatsapp", "twilio.whatsapp_sender", {"whatsapp_sender": "+447700900000"}),
    ("vonage", "sms", "vonage.sender", {"sender": "447700900000"}),
    ("vonage", "whatsapp", "vonage.whatsapp_sender", {"whatsapp_sender": "447700900000"}),
    ("telnyx", "sms", "telnyx.sender", {"sender": "+447700900000"}),
    ("infobip", "whatsapp", "infobip.whatsapp_sender", {"whatsapp_sender": "447700900000"}),
    ("infobip", "email", "infobip.email_sender", {"email_sender": "us@example.com"}),
    ("smtp", "email", "smtp.sender", {"sender": "us@example.com"}),
    ("postmark", "email", "postmark.sender", {"sender": "us@example.com"}),
    ("whatsapp-cloud", "whatsapp", "whatsapp_cloud.sender", {"sender": "123456"}),
]


@pytest.mark.parametrize(("name", "channel", "setting", "given"), CASES)
def test_one_without_a_sender_is_left_out_with_the_setting_that_it_lacks(
    name: str, channel: str, setting: str, given: dict[str, Any]
) -> None:
    make, to = MESSAGES[channel]
    with Dispatcher([SENDERLESS[name](), Sandbox()], routes={channel: [name, "sandbox"]}) as dispatcher:
        (skipped,) = dispatcher.send(make(), to=to).skipped
        assert (skipped.provider, setting in skipped.reason) == (name, True)
        assert dispatcher.dry_run(make(), to=to)["providers"] == ["sandbox"]
        own = "us@example.com" if channel == "email" else "447700900000"
        assert dispatcher.dry_run(make(sender=own), to=to)["providers"] == [name, "sandbox"]
        assert dispatcher.dry_run(make(), to=to)["providers"] == ["sandbox"]
    with Dispatcher(
        [SENDERLESS[name](**given), Sandbox()], routes={channel: [name, "sandbox"]}
    ) as dispatcher:
        assert dispatcher.dry_run(make(), to=to)["providers"] == [name, "sandbox"]


@pytest.mark.parametrize("way", ["send", "enqueue", "send_each", "enqueue_each"])
def test_where_none_has_a_sender_the_error_names_all_of_them(way: str) -> None:
    names = ["twilio", "vonage", "telnyx"]
    with Dispatcher(
        [SENDERLESS[name]() for name in names], routes={"sms": names}, ledger=SqliteLedger(owned=True)
    ) as dispatcher:
        error: Any = None
        try:
            told = getattr(dispatcher, way)(Sms("hello"), to=[TO] if way.endswith("each") else TO)
            error = next(iter(told)).error if way.endswith("each") else None
        except BadInput as refusal:
            error = refusal

    assert isinstance(error, BadInput)
    assert all(name in str(error) for name in names)


def test_options_of_its_own_may_name_the_sender() -> None:
    message = Sms("hello", provider_options=(TwilioOptions(messaging_service_sid=f"MG{0:032}"),))
    with Dispatcher([SENDERLESS["twilio"](), Sandbox()], routes={"sms": ["twilio", "sandbox"]}) as dispatcher:
        assert next(iter(dispatcher.dry_run(message, to=TO)["providers"])) == "twilio"


@pytest.mark.parametrize("name", SENDERLESS)
def test_every_provider_tells_what_it_lacks_and_checks_before_it_sends(name: str) -> None:
    provider = SENDERLESS[name]()
    assert isinstance(provider, SupportsSenderCheck)
    if isinstance(provider, SupportsValidation) and Sms in provider.capabilities.message_types:
        with pytest.raises(BadInput):
            provider.validate(
                Envelope("id", "sms", Sms("hello", sender="much too long a name"), PhoneNumber.parse(TO))
            )
