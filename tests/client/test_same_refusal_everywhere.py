"""What cannot be meant is refused with the same error, whichever provider would carry it and however it is handed in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from math import inf, nan
from pathlib import Path
from typing import Any

import pytest

from messaging_channels import (
    Attachment,
    Dispatcher,
    Email,
    Route,
    Sandbox,
    Sms,
    SqliteLedger,
    WhatsAppTemplate,
)
from messaging_channels.errors import InvalidAddress, InvalidArgument, InvalidMessage, MessagingError
from messaging_channels.messages import (
    ListUnsubscribe,
    Media,
    Message,
    WhatsAppContacts,
    WhatsAppDocument,
    WhatsAppLocation,
    WhatsAppText,
)
from messaging_channels.plugins import Provider
from messaging_channels.policies import RetryPolicy
from messaging_channels_infobip import Infobip
from messaging_channels_postmark import Postmark
from messaging_channels_smtp import Smtp
from messaging_channels_telnyx import Telnyx
from messaging_channels_twilio import Twilio
from messaging_channels_vonage import Vonage
from messaging_channels_whatsapp_cloud import WhatsAppCloud

TO, MAIL_TO = "+447700900123", "zoe@example.com"
HALF = "\ud83d"


def _odd(value: Any) -> Any:
    """Return a value that no type checker lets through."""
    return value


PROVIDERS: dict[str, Callable[[], Provider]] = {
    "infobip": lambda: Infobip(
        base_url="https://127.0.0.1:9", api_key="key", sender="447700900000", email_sender="us@example.com"
    ),
    "twilio": lambda: Twilio(
        account_sid=f"AC{0:032}", auth_token="t" * 32, sender="+447700900000", whatsapp_sender="+447700900000"
    ),
    "vonage": lambda: Vonage(
        api_key="abcd1234", api_secret="secret", sender="447700900000", whatsapp_sender="447700900000"
    ),
    "telnyx": lambda: Telnyx(api_key="key", sender="+447700900000"),
    "sandbox": Sandbox,
    "smtp": lambda: Smtp(host="127.0.0.1", port=9, tls="none", sender="us@example.com"),
    "postmark": lambda: Postmark(server_token="token", sender="us@example.com"),
    "whatsapp-cloud": lambda: WhatsAppCloud(access_token="token", sender="123456"),
}
OF_CHANNEL = {
    "sms": ("infobip", "twilio", "vonage", "telnyx", "sandbox"),
    "email": ("infobip", "smtp", "postmark", "sandbox"),
    "whatsapp": ("infobip", "twilio", "vonage", "whatsapp-cloud", "sandbox"),
}


def _sms(text: Any = "hello", **more: Any) -> Callable[[], Message]:
    return lambda: Sms(text, **more)


def _mail(subject: Any = "Hello", text: Any = "text", **more: Any) -> Callable[[], Message]:
    return lambda: Email(subject, text, **more)


CASES: dict[str, tuple[str, Callable[[], Message], Any, type[MessagingError]]] = {
    "half a character in the text": ("sms", _sms(f"a{HALF}"), TO, InvalidMessage),
    "half a character in the sender": ("sms", _sms(sender=f"a{HALF}"), TO, InvalidMessage),
    "a sender of two lines": ("sms", _sms(sender="Shop\r\nBcc: x"), TO, InvalidMessage),
    "a number as text": ("sms", _sms(5), TO, InvalidMessage),
    "bytes as text": ("sms", _sms(b"hello"), TO, InvalidMessage),
    "a tuple as text": ("sms", _sms(()), TO, InvalidMessage),
    "a word for yes": ("sms", _sms(flash="yes"), TO, InvalidMessage),
    "one text for the options": ("sms", _sms(provider_options="fast"), TO, InvalidMessage),
    "texts for options": ("sms", _sms(provider_options=["fast"]), TO, InvalidMessage),
    "a validity in seconds": ("sms", _sms(validity_period=3600), TO, InvalidMessage),
    "a validity of a century": ("sms", _sms(validity_period=timedelta(days=36525)), TO, InvalidMessage),
    "a country code that is none": ("sms", _sms(), "+999123456789", InvalidAddress),
    "a digit too many": ("sms", _sms(), "+1 201 555 01234", InvalidAddress),
    "a digit too few": ("sms", _sms(), "+33 6 39 98 12 3", InvalidAddress),
    "a trunk zero": ("sms", _sms(), "+4407700900123", InvalidAddress),
    "half a character in the number": ("sms", _sms(), f"{TO}{HALF}", InvalidAddress),
    "several recipients": ("sms", _sms(), (TO,), InvalidArgument),
    "half a character in the subject": ("email", _mail(f"a{HALF}"), MAIL_TO, InvalidMessage),
    "half a character in a file name": (
        "email", _mail(attachments=[Attachment(b"a", f"a{HALF}.txt")]), MAIL_TO, InvalidMessage),
    "half a character in a header": ("email", _mail(headers={"X-Shop": HALF}), MAIL_TO, InvalidMessage),
    "pairs for headers": ("email", _mail(headers=[("X-Shop", "a")]), MAIL_TO, InvalidMessage),
    "a number in a header": ("email", _mail(headers={"X-Shop": 5}), MAIL_TO, InvalidMessage),
    "one attachment": ("email", _mail(attachments=Attachment(b"a", "a.txt")), MAIL_TO, InvalidMessage),
    "texts for attachments": ("email", _mail(attachments=["a.txt"]), MAIL_TO, InvalidMessage),
    "nothing for attachments": ("email", _mail(attachments=None), MAIL_TO, InvalidMessage),
    "a number for copies": ("email", _mail(cc=5), MAIL_TO, InvalidMessage),
    "nothing among the copies": ("email", _mail(bcc=[None]), MAIL_TO, InvalidMessage),
    "a text for how to leave": ("email", _mail(list_unsubscribe="https://example.com"), MAIL_TO, InvalidMessage),
    "a word that no robot knows": ("email", _mail(auto_submitted="maybe"), MAIL_TO, InvalidMessage),
    "one text for references": ("email", _mail(references="<a@b>"), MAIL_TO, InvalidMessage),
    "a file that is not there": (
        "email", _mail(attachments=[Attachment(Path("/nowhere/a.txt"), "a.txt")]), MAIL_TO, InvalidMessage),
    "a folder for a file": ("email", _mail(attachments=[Attachment(Path("/"), "a.txt")]), MAIL_TO, InvalidMessage),
    "half a character in the address": ("email", _mail(), f"zoe{HALF}@example.com", InvalidAddress),
    "half a character on WhatsApp": ("whatsapp", lambda: WhatsAppText(HALF), TO, InvalidMessage),
    "one text for parameters": ("whatsapp", lambda: WhatsAppTemplate("order", "en", _odd("Zoe")), TO, InvalidMessage),
    "a place in words": ("whatsapp", lambda: WhatsAppLocation(_odd("51"), 0.1), TO, InvalidMessage),
    "a place that is none": ("whatsapp", lambda: WhatsAppLocation(nan, 0.1), TO, InvalidMessage),
    "yes for a place": ("whatsapp", lambda: WhatsAppLocation(_odd(True), 0.1), TO, InvalidMessage),
    "a number for a file": ("whatsapp", lambda: WhatsAppDocument(_odd(5)), TO, InvalidMessage),
    "a text for contacts": ("whatsapp", lambda: WhatsAppContacts(_odd("Zoe")), TO, InvalidMessage),
}  # fmt: skip


def _ways(dispatcher: Dispatcher) -> Iterator[Callable[[Message, Any], Any]]:
    yield lambda message, to: dispatcher.send(message, to=to)
    yield lambda message, to: dispatcher.enqueue(message, to=to)
    yield lambda message, to: [*dispatcher.send_each(message, to=[to])]
    yield lambda message, to: [*dispatcher.enqueue_each(message, to=[to])]


def _refusal(way: Callable[[Message, Any], Any], make: Callable[[], Message], to: Any) -> Exception | None:
    try:
        told = way(make(), to)
    except MessagingError as error:
        return error
    return told[0].error if isinstance(told, list) else None


@pytest.mark.parametrize("name", CASES)
def test_a_nonsense_value_is_the_same_error_for_every_provider_and_way_in(name: str) -> None:
    channel, make, to, kind = CASES[name]
    for provider in OF_CHANNEL[channel]:
        routes = {channel: Route(provider, retry=RetryPolicy(max_attempts=1))}
        with Dispatcher(
            [PROVIDERS[provider]()], routes=routes, ledger=SqliteLedger(owned=True)
        ) as dispatcher:
            for number, way in enumerate(_ways(dispatcher)):
                error = _refusal(way, make, to)
                assert isinstance(error, kind), (provider, number, error)
                assert HALF not in str(error)


@pytest.mark.parametrize("provider", OF_CHANNEL["sms"])
def test_what_only_a_provider_can_judge_is_refused_by_enqueue_as_by_send(provider: str) -> None:
    message, nobody = Sms("hello", sender="a name that is much too long"), Sandbox.name
    with Dispatcher([PROVIDERS[provider]()], ledger=SqliteLedger(owned=True)) as dispatcher:
        ways = [*_ways(dispatcher)][:2]
        if provider != nobody:
            told = [type(_refusal(way, lambda: message, TO)) for way in ways]
            assert told[0] is told[1]
            assert issubclass(told[0], InvalidMessage)


TIMES: list[tuple[str, Any]] = [
    *(
        ("send_at", one)
        for one in (1.8e12, nan, inf, True, -1, 30.0, 10**400, "2026-11-30", date(2026, 11, 30))
    ),
    *(("send_at", datetime(year, 1, 1, tzinfo=UTC)) for year in (1, 1969, 9999)),
    ("send_at", datetime(2026, 11, 30)),  # noqa: DTZ001  this is what is refused
    *(("expires_in", one) for one in (1.8e12, nan, inf, True, -1, 0, 10**400, "5", timedelta.max)),
    *(("in_progress_timeout", one) for one in (nan, inf, True, -1, 10**400, "5")),
    *(("scope", one) for one in (HALF, "a\0", "a" * 256, 5)),
    *(("idempotency_key", one) for one in (HALF, "a\0", "a" * 256, "", 5)),
]


@pytest.mark.parametrize(("option", "value"), TIMES, ids=[f"{name} {str(one)[:20]!a}" for name, one in TIMES])
def test_an_option_that_cannot_be_meant_is_refused_by_every_way_in(option: str, value: Any) -> None:
    options: dict[str, Any] = {option: value}
    with Dispatcher([Sandbox()], ledger=SqliteLedger(owned=True)) as dispatcher:
        with pytest.raises(InvalidMessage):
            dispatcher.enqueue(Sms("hello"), to=TO, **options)
        with pytest.raises(InvalidMessage):
            [*dispatcher.enqueue_each(Sms("hello"), to=[TO], **options)]
        if option not in ("send_at", "expires_in"):
            with pytest.raises(InvalidMessage):
                dispatcher.send(Sms("hello"), to=TO, **options)
            with pytest.raises(InvalidMessage):
                [*dispatcher.send_each(Sms("hello"), to=[TO], **options)]


def test_what_may_be_given_in_several_forms_still_may() -> None:
    picture = Media(content=_odd(bytearray(b"a")), content_type="image/png")
    assert picture.content == b"a"
    assert Email("Hi", "text", list_unsubscribe=ListUnsubscribe("https://example.com/a")).list_unsubscribe
    assert WhatsAppLocation(51, -1).latitude == 51
    assert Email("Hi", "text", cc=(one for one in ["zoe@example.com"])).copies
