"""What a person said to which vendor, and what becomes of the next message to them: for the tests of consent."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from messaging_channels import Dispatcher, Sandbox, Sms
from messaging_channels._config import plugin_manager as plugins
from messaging_channels._model.errors import MessageBlocked
from messaging_channels.messages import Message
from messaging_channels.plugins.webhooks import WebhookRequest
from messaging_channels.policies.checks import SuppressionList
from messaging_channels.policies.routing import Route
from messaging_channels.testing.canaries import SECRET
from messaging_channels.testing.fixtures import ConformanceFixtures, sign_at
from messaging_channels_infobip.conformance import FIXTURES as INFOBIP
from messaging_channels_twilio.conformance import FIXTURES as TWILIO
from messaging_channels_vonage.conformance import FIXTURES as VONAGE

PERSON = "447700900123"
OURS = "447700900000"
BEGAN = 1_790_000_000.0

_VENDORS: dict[str, ConformanceFixtures] = {"twilio": TWILIO, "vonage": VONAGE, "infobip": INFOBIP}


def guarded(choices: SuppressionList) -> Dispatcher:
    """Send to nobody, and ask these choices first."""
    return Dispatcher([Sandbox()], checks=[choices])


def vetoed(dispatcher: Dispatcher, message: Message, to: str, **options: Any) -> bool:
    """Send; say whether it was forbidden before it left."""
    try:
        dispatcher.send(message, to=to, **options)
    except MessageBlocked:
        return True
    return False


def vetoed_after(vendor: str, *words: str) -> bool:
    """Have a person write these words, a minute apart, to a number at that vendor; say whether the next text to them is vetoed."""
    spec, fixtures = plugins.load_plugins(only=[vendor]).provider(vendor), _VENDORS[vendor]
    provider = spec.build(spec.settings.model_validate(fixtures.settings("http://127.0.0.1:9", SECRET)))
    with Dispatcher(
        [provider, Sandbox()], routes={"sms": Route("sandbox")}, checks=[SuppressionList()]
    ) as dispatcher:
        for number, word in enumerate(words, 1):
            received = dispatcher.handle_webhook(vendor, _written(vendor, fixtures, word, number))
            assert received.events, "the vendor's call tells nothing"
        return vetoed(dispatcher, Sms("News of the shop"), f"+{PERSON}")


def _written(vendor: str, fixtures: ConformanceFixtures, word: str, number: int) -> WebhookRequest:
    at = BEGAN + 60 * number
    match vendor:
        case "twilio":
            form = {
                "MessageSid": f"SM{number:032x}",
                "SmsStatus": "received",
                "From": f"+{PERSON}",
                "To": f"+{OURS}",
                "Body": word,
                "NumMedia": "0",
            }
            body = urlencode(form).encode()
        case "vonage":
            told = {
                "msisdn": PERSON,
                "to": OURS,
                "messageId": f"0B{number:06X}",
                "text": word,
                "type": "text",
                "keyword": word.split(" ", maxsplit=1)[0].upper(),
                "timestamp": f"{at:.0f}",
            }
            body = json.dumps(told).encode()
        case _:
            assert fixtures.inbound_body is not None
            body = fixtures.inbound_body(PERSON, OURS, word)
    return sign_at(fixtures, body, SECRET, at)
