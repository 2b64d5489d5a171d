"""Values as callers and deployments write them by mistake: refused at once, or read as they are meant."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from pydantic import BaseModel, SecretStr
from regression_server import TO, infobip, infobip_takes, vendor, whatsapp, whatsapp_takes

from messaging_channels import (
    BadInput,
    ConfigurationError,
    Dispatcher,
    Email,
    MessagingError,
    Route,
    Sandbox,
    Sms,
    User,
    WhatsAppTemplate,
    WhatsAppText,
    errors,
)
from messaging_channels._config import plugin_manager as plugins
from messaging_channels._config.settings import Configuration
from messaging_channels._ledger.sqlite import SqliteLedger
from messaging_channels._model.errors import InvalidMessage, Phase
from messaging_channels.messages import Message
from messaging_channels.plugins import hookimpl
from messaging_channels.plugins.channels import PhoneChannel
from messaging_channels.plugins.provider import ProviderSpec
from messaging_channels.policies.routing import RetryPolicy

HALF = "Order ready \ud83d"


@pytest.mark.parametrize(
    ("message", "to"),
    [
        (lambda: Sms(HALF), TO),
        (lambda: WhatsAppText(HALF), TO),
        (lambda: Email(HALF, "text"), "zoe@example.com"),
        (lambda: Email("Hi", HALF), "zoe@example.com"),
        (lambda: WhatsAppTemplate("order_ready", "en", (HALF,)), TO),
    ],
    ids=["sms", "whatsapp", "subject", "mail", "template"],
)
def test_half_an_emoji_is_an_invalid_message(message: Callable[[], Message], to: str) -> None:
    sandbox = Sandbox()

    with Dispatcher([sandbox]) as dispatcher, pytest.raises(InvalidMessage):
        dispatcher.send(message(), to=to)

    assert sandbox.outbox.messages() == []


def test_half_an_emoji_is_an_invalid_message_whoever_carries_it() -> None:
    with (
        vendor(infobip_takes) as server,
        Dispatcher([infobip(server.url)]) as dispatcher,
        pytest.raises(InvalidMessage),
    ):
        dispatcher.send(Sms(HALF), to=TO)

    assert server.requests == []


@pytest.mark.parametrize("when", [1_893_456_000_000, 1_893_456_000_000_000, datetime(2400, 1, 1, tzinfo=UTC)])
def test_a_time_to_send_that_is_decades_away_is_refused(when: float | datetime) -> None:
    with Dispatcher([Sandbox()], ledger=SqliteLedger(owned=True)) as dispatcher, pytest.raises(BadInput):
        dispatcher.enqueue(Sms("hello"), to=TO, send_at=when)


def test_one_text_for_the_gaps_of_a_template_is_one_gap_or_refused() -> None:
    with vendor(whatsapp_takes) as server, Dispatcher([whatsapp(server.url)]) as dispatcher:
        try:
            dispatcher.send(WhatsAppTemplate("order_ready", "en", "Ann"), to=TO)  # type: ignore[arg-type]
        except (MessagingError, TypeError):
            gaps = None
        else:
            [request] = server.requests
            components = json.loads(request.partition(b"\r\n\r\n")[2])["template"]["components"]
            gaps = [one["text"] for part in components for one in part["parameters"]]

    assert gaps in (["Ann"], None)


def test_a_channel_takes_no_type_of_message_from_another() -> None:
    channels = [PhoneChannel("rcs", (Sms,))]

    try:
        with Dispatcher([Sandbox()], channels=channels) as dispatcher:
            channel = dispatcher.send(Sms("hello"), to=TO).channel
    except (MessagingError, ValueError) as refused:
        channel = None
        words = str(refused)
    else:
        words = ""

    assert channel in ("sms", None)
    assert channel or all(word in words for word in ("Sms", "sms", "rcs"))


class ServerSettings(BaseModel):
    host: str
    username: str | None = None
    password: SecretStr | None = None


class Server(Sandbox):
    """A provider that is reached at the host of its settings."""

    def __init__(self, settings: ServerSettings) -> None:
        super().__init__()
        self.settings = settings


class ServerPlugin:
    @hookimpl
    def register_providers(self) -> tuple[ProviderSpec, ...]:
        parts = {name: name for name in ("host", "username", "password")}
        return (ProviderSpec("server", ServerSettings, Server, dsn=parts),)


@pytest.mark.parametrize("password", ["p@ss/s3cr", "p@ss?s3cr", "p@ss#s3cr"])
def test_a_piece_of_a_password_is_never_taken_for_the_host(password: str) -> None:
    variables = {"MESSAGING_CHANNELS_SERVER_DSN": f"smtp://user@example.com:{password}@mail.example.com:587"}
    configuration = Configuration(
        {}, variables, {}, "none", plugins.load_plugins(entries=(), extra=[ServerPlugin()])
    )

    try:
        host = configuration.provider("server").settings.host  # type: ignore[attr-defined]
    except ConfigurationError as refused:
        host, words = None, str(refused)
    else:
        words = ""

    assert host in ("mail.example.com", None)
    assert "s3cr" not in words


def _raised(act: Callable[[Dispatcher], object]) -> MessagingError:
    """Return what a call of a dispatcher raises."""
    routes = {"sms": Route("sandbox", retry=RetryPolicy(max_attempts=1))}
    with Dispatcher([Sandbox()], routes=routes) as dispatcher, pytest.raises(MessagingError) as raised:
        act(dispatcher)
    return raised.value


def _key_reused(dispatcher: Dispatcher) -> None:
    dispatcher.send(Sms("one"), to=TO, idempotency_key="order-1")
    dispatcher.send(Sms("two"), to=TO, idempotency_key="order-1")


RAISED: dict[str, Callable[[], MessagingError]] = {
    "bad number": lambda: _raised(lambda sandbox: sandbox.send(Sms("hello"), to="12")),
    "refused": lambda: _raised(lambda sandbox: sandbox.send(Sms("hello"), to="+447700900001")),
    "throttled": lambda: _raised(lambda sandbox: sandbox.send(Sms("hello"), to="+447700900002")),
    "unreachable": lambda: _raised(lambda sandbox: sandbox.send(Sms("hello"), to="+447700900006")),
    "bad message": lambda: _raised(lambda _: Sms("")),
    "nobody": lambda: _raised(lambda sandbox: sandbox.send(Sms("hello"), to=User("u1"))),
    "no route": lambda: _raised(lambda _: Dispatcher([]).send(Sms("hello"), to=TO)),
    "no provider": lambda: _raised(lambda _: Dispatcher([Sandbox()], routes={"sms": Route("acme-sms")})),
    "key reused": lambda: _raised(_key_reused),
    "no channel": lambda: errors.UnknownChannel("fax", known=("sms", "email")),
    "not carried": lambda: errors.Unsupported("Sms.sender", provider="one", hint="leave it away"),
    "message_blocked": lambda: errors.MessageBlocked("opted out", check="opt-outs"),
    "in progress": lambda: errors.IdempotencyKeyInUse("1", retry_after=2.0),
    "ledger away": lambda: errors.LedgerUnavailable("locked"),
    "bad setting": lambda: errors.InvalidSetting("none", setting="key", source="code", hint="give one"),
    "no account": lambda: errors.UnknownAccount("acme", channel="sms"),
    "broken plugin": lambda: errors.PluginLoadError("acme", problem="no license"),
    "webhook": lambda: errors.WebhookVerificationError(
        "no signature", provider="one", hint="give the secret"
    ),
    "exchange": lambda: errors.TransportError("broken", phase=Phase.READ, timed_out=True),
}


@pytest.mark.parametrize("make", RAISED.values(), ids=RAISED)
def test_an_error_is_the_same_when_it_went_to_another_process_or_was_copied(
    make: Callable[[], MessagingError],
) -> None:
    error = make()

    again = [pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)]

    assert [type(one) for one in again] == [type(error)] * 3
    assert [str(one) for one in again] == [str(error)] * 3
    assert [vars(one) for one in again] == [vars(error)] * 3
