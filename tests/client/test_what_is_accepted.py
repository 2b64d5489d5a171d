"""What every public entry takes, and what it refuses at the door: with a typed error, before anything leaves the machine, through both clients."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest

from messaging_channels import (
    AsyncDispatcher,
    AsyncWorker,
    Attachment,
    Dispatcher,
    Email,
    Fallback,
    HttpSettings,
    LoggingObserver,
    MappingResolver,
    MessagingError,
    RateLimit,
    RetryPolicy,
    Route,
    Sandbox,
    SendWindow,
    Sms,
    SqliteLedger,
    User,
    WebhookRequest,
    WhatsAppText,
    Worker,
)
from messaging_channels.errors import BadInput, ConfigurationError
from messaging_channels.plugins import StatusGroup
from messaging_channels.policies import CircuitBreaker, RouteTarget

TO = "+447700900123"
HI = Sms("Hi")
FUTURE = time.time() + 3600


class Hold(StrEnum):
    """An enumeration of an application's own."""

    HOLD = "hold"


class Urgency(StrEnum):
    HIGH = "high"


def _name(options: dict[str, Any]) -> str:
    return next(iter(options))


MADE: list[tuple[str, Callable[[], object]]] = [
    ("routes as text", lambda: Dispatcher([Sandbox()], routes={"sms": "sandbox"})),
    ("routes as list", lambda: Dispatcher([Sandbox()], routes={"sms": ["sandbox"]})),
    ("routes as target", lambda: Dispatcher([Sandbox()], routes={"sms": Route(RouteTarget("sandbox", 1.0))})),
    ("rate as number", lambda: Dispatcher([Sandbox()], rate_limits={"sandbox": 5})),
    ("providers as tuple", lambda: Dispatcher((Sandbox(),))),
    ("providers as iterator", lambda: Dispatcher(iter([Sandbox()]))),
    ("fallback with timedelta", lambda: Fallback([HI], after=timedelta(minutes=5))),
    ("window", lambda: SendWindow("09:00", "20:00", timezone="Europe/London")),
]


@pytest.mark.parametrize("make", [one[1] for one in MADE], ids=[one[0] for one in MADE])
def test_what_can_only_be_meant_in_one_way_is_taken(make: Callable[[], object]) -> None:
    make()


NOT_MADE: list[tuple[Callable[[], object], str]] = [
    # what is made, and a word of what is said
    (lambda: Dispatcher([Sandbox]), "Sandbox(...)"),  # type: ignore[list-item]
    (lambda: Dispatcher(Sandbox), "providers"),  # type: ignore[arg-type]
    (lambda: Dispatcher(Sandbox()), "providers"),  # type: ignore[arg-type]
    (lambda: Dispatcher("sandbox"), "providers"),  # type: ignore[arg-type]
    (lambda: Dispatcher(["sandbox"]), "providers[0]"),  # type: ignore[list-item]
    (lambda: Dispatcher(None), "providers"),  # type: ignore[arg-type]
    (lambda: Dispatcher([Sandbox(), Sandbox()]), "two providers"),
    (lambda: Dispatcher([Sandbox()], routes={"sms": 5}), "routes['sms']"),  # type: ignore[dict-item]
    (lambda: Dispatcher([Sandbox()], routes={"sms": Sandbox}), "routes['sms']"),  # type: ignore[dict-item]
    (lambda: Dispatcher([Sandbox()], routes={"sms": ""}), "no provider"),
    (lambda: Dispatcher([Sandbox()], routes={"sms": "sandbocks"}), "'sandbox'"),
    (lambda: Dispatcher([Sandbox()], routes={"smss": "sandbox"}), "sms"),
    (lambda: Dispatcher([Sandbox()], routes="sandbox"), "routes"),  # type: ignore[arg-type]
    (lambda: Dispatcher([Sandbox()], ledger="sqlite:x"), "SqliteLedger"),  # type: ignore[arg-type]
    (lambda: Dispatcher([Sandbox()], ledger=Path("x")), "SqliteLedger"),  # type: ignore[arg-type]
    (lambda: Dispatcher([Sandbox()], ledger=SqliteLedger), "SqliteLedger(...)"),  # type: ignore[arg-type]
    (lambda: Dispatcher([Sandbox()], ledger=True), "ledger"),  # type: ignore[arg-type]
    (lambda: Dispatcher([Sandbox()], resolvers=MappingResolver({})), "resolvers"),  # type: ignore[arg-type]
    (lambda: Dispatcher([Sandbox()], resolvers=[MappingResolver]), "MappingResolver(...)"),  # type: ignore[list-item]
    (lambda: Dispatcher([Sandbox()], resolvers=[{}]), "resolvers[0]"),  # type: ignore[list-item]
    (lambda: Dispatcher([Sandbox()], checks=[lambda _: None]), "checks[0]"),  # type: ignore[list-item]
    (lambda: Dispatcher([Sandbox()], channels=["sms"]), "channels[0]"),  # type: ignore[list-item]
    (lambda: Dispatcher([Sandbox()], accounts=[Sandbox()]), "accounts"),  # type: ignore[arg-type]
    (lambda: Dispatcher([Sandbox()], accounts={"shop": Sandbox()}), "accounts['shop']"),  # type: ignore[dict-item]
    (lambda: Dispatcher([Sandbox()], rate_limits={"sandbox": "fast"}), "rate_limits"),  # type: ignore[dict-item]
    (lambda: Dispatcher([Sandbox()], rate_limits={"sandbocks": 5}), "'sandbox'"),
    (lambda: Dispatcher([Sandbox()], rate_limits=RateLimit(5)), "rate_limits"),  # type: ignore[arg-type]
    (lambda: Dispatcher([Sandbox()], observer=LoggingObserver), "LoggingObserver(...)"),  # type: ignore[arg-type]
    (lambda: Dispatcher([Sandbox()], http=30), "http"),  # type: ignore[arg-type]
    (lambda: Dispatcher([Sandbox()], http=HttpSettings), "http"),  # type: ignore[arg-type]
    (lambda: Dispatcher([Sandbox()], clock=time.time), "clock"),  # type: ignore[arg-type]
    (lambda: Dispatcher([Sandbox()], consent=True), "consent"),  # type: ignore[arg-type]
    (Route, "no provider"),
    (lambda: Route("a", "a"), "'a' twice"),
    (lambda: Route(["a", "b"]), "providers[0]"),  # type: ignore[arg-type]
    (lambda: Route(Sandbox), "providers[0]"),  # type: ignore[arg-type]
    (lambda: Route("a", retry=3), "retry"),  # type: ignore[arg-type]
    (lambda: Route("a", circuit_breaker={}), "circuit_breaker"),  # type: ignore[arg-type]
    (lambda: RetryPolicy(max_attempts=0), "max_attempts"),
    (lambda: RetryPolicy(max_attempts="3"), "max_attempts"),  # type: ignore[arg-type]
    (lambda: RetryPolicy(max_elapsed=-1), "max_elapsed"),
    (lambda: CircuitBreaker(failure_threshold=0), "failure_threshold"),
    (lambda: RateLimit(0), "limit"),
    (lambda: RateLimit("80"), "limit"),  # type: ignore[arg-type]
    (lambda: RateLimit(1, burst=0), "burst"),
    (lambda: RateLimit(float("nan")), "limit"),
    (lambda: Fallback([]), "no messages"),
    (lambda: Fallback(HI), "steps"),  # type: ignore[arg-type]
    (lambda: Fallback([HI, "Hi"]), "steps[1]"),  # type: ignore[list-item]
    (lambda: Fallback([Sms]), "steps[0]"),  # type: ignore[list-item]
    (lambda: Fallback([HI], after=0), "after"),
    (lambda: Fallback([HI], after=time.time()), "after"),
    (lambda: Fallback([HI], after="300"), "after"),  # type: ignore[arg-type]
    (lambda: Fallback([HI], on_unknown="resend"), "on_unknown"),  # type: ignore[arg-type]
    (lambda: SendWindow("20:00", "08:00"), "overnight"),
    (lambda: SendWindow("9", "20"), "09:00"),
    (lambda: SendWindow(9, 20), "start"),  # type: ignore[arg-type]
    (lambda: SendWindow("09:00", "20:00", days="Mon"), "days"),  # type: ignore[arg-type]
    (lambda: SendWindow("09:00", "20:00", days=[7]), "days"),
    (lambda: SendWindow("09:00", "20:00", timezone=1), "timezone"),  # type: ignore[arg-type]
    (lambda: Sms(None), "Sms.text"),  # type: ignore[arg-type]
    (lambda: Sms(4821), "Sms.text"),  # type: ignore[arg-type]
    (lambda: Sms(b"Hi"), "Sms.text"),  # type: ignore[arg-type]
    (lambda: Sms("Hi", sender=447700900123), "Sms.sender"),  # type: ignore[arg-type]
    (lambda: Sms("Hi", validity_period=60), "validity_period"),  # type: ignore[arg-type]
    (lambda: Sms("Hi", flash="yes"), "Sms.flash"),  # type: ignore[arg-type]
    (lambda: WhatsAppText(None), "WhatsAppText.text"),  # type: ignore[arg-type]
    (lambda: Email(None, "text"), "Email.subject"),  # type: ignore[call-overload]
    (lambda: Email("s", 5), "Email.text"),  # type: ignore[call-overload]
    (lambda: Email("s", "t", attachments=Attachment(b"x", "a.txt")), "list or tuple of Attachment"),  # type: ignore[call-overload]
    (lambda: Email("s", html=b"<b>"), "Email.html"),  # type: ignore[call-overload]
    (lambda: Email("s"), "neither text nor html"),  # type: ignore[call-overload]
    (lambda: Worker(None), "dispatcher"),  # type: ignore[arg-type]
    (lambda: AsyncWorker(None), "dispatcher"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(
    ("make", "told"), NOT_MADE, ids=[f"{number}-{one[1]}" for number, one in enumerate(NOT_MADE)]
)
def test_what_cannot_be_meant_is_refused_where_it_is_made(make: Callable[[], object], told: str) -> None:
    with pytest.raises((BadInput, ConfigurationError)) as refused:
        make()

    assert told.lower() in str(refused.value).lower()


SENDS: list[tuple[dict[str, Any], str]] = [
    ({"message": "Hi"}, "message"),
    ({"message": Sms}, "Sms(...)"),
    ({"message": None}, "message"),
    ({"message": [HI, HI]}, "send_each"),
    ({"message": {"text": "Hi"}}, "message"),
    ({"message": Fallback([HI])}, "enqueue"),
    ({"to": None}, "is None"),
    ({"to": [TO]}, "send_each"),
    ({"to": (TO,)}, "send_each"),
    ({"to": {TO}}, "send_each"),
    ({"to": 447700900123}, '"+447700900123"'),
    ({"to": 4.5}, "number"),
    ({"to": b"+447700900123"}, "text"),
    ({"to": str}, "class"),
    ({"to": User("u1")}, "resolvers=["),
    ({"to": object()}, "resolver"),
    ({"timeout": time.time() + 10}, "since 1970"),
    ({"timeout": 5000 * 1000}, "milliseconds"),
    ({"timeout": -1}, "got -1"),
    ({"timeout": 0}, "timeout"),
    ({"timeout": float("nan")}, "timeout"),
    ({"timeout": "5"}, "timeout"),
    ({"timeout": True}, "timeout"),
    ({"timeout": datetime.now(UTC)}, "timeout"),
    ({"timeout": timedelta(seconds=-1)}, "timeout"),
    ({"idempotency_key": ""}, "idempotency_key"),
    ({"idempotency_key": 5}, "idempotency_key"),
    ({"idempotency_key": "k" * 256}, "idempotency_key"),
    ({"scope": None}, "scope"),
    ({"scope": 5}, "scope"),
    ({"on_unknown": "retry"}, "'hold' or 'resend'"),
    ({"on_unknown": "Hold"}, "did you mean hold"),
    ({"on_unknown": None}, "on_unknown"),
    ({"in_progress_timeout": "5"}, "in_progress_timeout"),
    ({"in_progress_timeout": -5}, "in_progress_timeout"),
    ({"in_progress_timeout": time.time()}, "in_progress_timeout"),
    ({"confirms": 5}, "confirms"),
]
ENQUEUES: list[tuple[dict[str, Any], str]] = [
    *[one for one in SENDS if "timeout" not in one[0] and "Fallback" not in repr(one[0].get("message"))],
    ({"expires_in": time.time() * 2}, "since 1970"),
    ({"expires_in": "5"}, "expires_in"),
    ({"expires_in": -5}, "expires_in"),
    ({"send_at": datetime.now()}, "time zone"),  # noqa: DTZ005  that is the mistake
    ({"send_at": "2030-01-01T00:00:00Z"}, "send_at"),
    ({"send_at": timedelta(hours=1)}, "send_at"),
    ({"send_at": 1893456000000}, "milliseconds"),
    ({"window": "09:00-20:00"}, "window"),
    ({"window": SendWindow}, "window"),
    ({"priority": "urgent"}, "'high', 'normal' or 'low'"),
    ({"priority": 0}, "priority"),
    ({"transaction": object()}, "must be a database connection, got object"),
]


def _call(door: Any, method: str, given: dict[str, Any]) -> Any:
    options = dict(given)
    message, to = options.pop("message", HI), options.pop("to", TO)
    return getattr(door, method)(message, to=to, **options)


def _refusal(method: str, given: dict[str, Any], folder: Path, *, is_async: bool) -> str:
    ledger = SqliteLedger(folder / "ledger.db")
    provider = Sandbox()
    if not is_async:
        with Dispatcher([provider], ledger=ledger) as door, pytest.raises(MessagingError) as refused:
            _call(door, method, given)
        return _told(refused.value)

    async def run() -> str:
        async with AsyncDispatcher([provider], ledger=ledger) as door:
            with pytest.raises(MessagingError) as refused:
                await _call(door, method, given)
            return _told(refused.value)

    return asyncio.run(run())


def _told(error: Exception) -> str:
    assert isinstance(error, BadInput), (
        f"told as {type(error).__name__}, which a caller would take for an outage"
    )
    return str(error)


both_clients = pytest.mark.parametrize("is_async", [False, True], ids=["threads", "tasks"])


@both_clients
@pytest.mark.parametrize(
    ("given", "told"), SENDS, ids=[f"{n}-{next(iter(one[0]))}" for n, one in enumerate(SENDS)]
)
def test_send_refuses_what_cannot_be_meant(
    given: dict[str, Any], told: str, tmp_path: Path, is_async: bool
) -> None:
    assert told.lower() in _refusal("send", given, tmp_path, is_async=is_async).lower()


@both_clients
@pytest.mark.parametrize(
    ("given", "told"), ENQUEUES, ids=[f"{n}-{next(iter(one[0]))}" for n, one in enumerate(ENQUEUES)]
)
def test_enqueue_refuses_what_cannot_be_meant(
    given: dict[str, Any], told: str, tmp_path: Path, is_async: bool
) -> None:
    said = _refusal("enqueue", given, tmp_path, is_async=is_async).lower()

    assert told.lower() in said.replace("enqueue_each", "send_each")


@pytest.mark.parametrize("method", ["send_each", "enqueue_each"])
@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"message": "Hi", "to": [TO]}, "message"),
        ({"message": Sms, "to": [TO]}, "Sms(...)"),
        ({"message": None, "to": [TO]}, "message"),
        ({"to": None}, "to"),
        ({"to": 447700900123}, "to"),
        ({"to": {TO: "x"}}, "to"),
        ({"to": b"x"}, "to"),
        ({"to": [TO], "on_unknown": "again"}, "on_unknown"),
        ({"to": [TO], "idempotency_key": 3}, "idempotency_key"),
    ],
)
def test_many_are_refused_at_the_call_and_not_when_the_first_is_drawn(
    method: str, given: dict[str, Any], told: str, tmp_path: Path
) -> None:
    with (
        Dispatcher([Sandbox()], ledger=SqliteLedger(tmp_path / "l.db")) as door,
        pytest.raises(BadInput, match=told.replace("(...)", "")),
    ):
        _call(door, method, given)
    async_door = AsyncDispatcher([Sandbox()], ledger=SqliteLedger(tmp_path / "l.db"))
    with pytest.raises(BadInput):
        _call(async_door, method, given)


@pytest.mark.parametrize(
    ("method", "misspelt", "right"),
    [
        ("send", "idempotencykey", "idempotency_key"),
        ("send", "time_out", "timeout"),
        ("send", "deadline", "timeout"),
        ("send_each", "on_unknwon", "on_unknown"),
        ("enqueue", "sendat", "send_at"),
        ("enqueue", "expire_in", "expires_in"),
        ("enqueue_each", "windows", "window"),
    ],
)
def test_a_misspelt_option_is_named_with_the_right_one(
    method: str, misspelt: str, right: str, tmp_path: Path
) -> None:
    with (
        Dispatcher([Sandbox()], ledger=SqliteLedger(tmp_path / "l.db")) as door,
        pytest.raises(TypeError) as refused,
    ):
        _call(door, method, {misspelt: "x", **({"to": [TO]} if "each" in method else {})})

    assert f"{method}()" in str(refused.value)
    assert misspelt in str(refused.value)
    assert right in str(refused.value)


@pytest.mark.parametrize(
    "options",
    [
        {"timeout": timedelta(seconds=30)},
        {"timeout": 30},
        {"timeout": None},
        {"in_progress_timeout": timedelta(seconds=1)},
        {"on_unknown": Hold.HOLD},
        {"idempotency_key": None},
    ],
    ids=_name,
)
def test_send_takes_times_and_words_in_every_form_that_can_be_meant(options: dict[str, Any]) -> None:
    with Dispatcher([Sandbox()]) as door:
        assert door.send(HI, to=TO, **options).outcome == "accepted"


@pytest.mark.parametrize(
    "options",
    [
        {"send_at": datetime.now(UTC) + timedelta(hours=1)},
        {"send_at": FUTURE},
        {"expires_in": timedelta(days=2)},
        {"priority": Urgency.HIGH},
        {"on_unknown": Hold.HOLD},
        {"window": SendWindow("00:00", "23:59", timezone="UTC")},
    ],
    ids=_name,
)
def test_enqueue_takes_times_and_words_in_every_form_that_can_be_meant(
    options: dict[str, Any], tmp_path: Path
) -> None:
    with Dispatcher([Sandbox()], ledger=SqliteLedger(tmp_path / "l.db")) as door:
        assert door.enqueue(HI, to=TO, **options).id


LOOKUPS: list[tuple[str, dict[str, Any], str]] = [
    ("list_messages", {"group_id": "DELIVRD"}, "StatusGroup"),
    ("list_messages", {"group_id": 1.5}, "StatusGroup"),
    ("list_messages", {"status": 5}, "status"),
    ("list_messages", {"status": "DELIVERED"}, "group_id"),
    ("list_messages", {"limit": 0}, "limit"),
    ("list_messages", {"limit": "50"}, "limit"),
    ("list_messages", {"before": 5}, "before"),
    ("list_messages", {"channel": 5}, "channel"),
    ("list_messages", {"scope": None}, "scope"),
    ("list_messages", {"since": "today"}, "since"),
    ("list_messages", {"since": datetime.now()}, "time zone"),  # noqa: DTZ005  that is the mistake
    ("list_messages", {"to": "nonsense"}, "phone number"),
    ("get_message", {}, "message_id"),
    ("get_message", {"message_id": 5}, "message_id"),
    ("get_message", {"provider": "sandbox"}, "provider_id"),
    ("reconcile", {"limit": "all"}, "limit"),
    ("reconcile", {"limit": -1}, "limit"),
    ("handle_webhook", {"provider": "sandbox", "request": b"body"}, "from_django"),
    ("handle_webhook", {"provider": Sandbox, "request": b"body"}, "provider"),
]


@both_clients
@pytest.mark.parametrize(
    ("method", "given", "told"), LOOKUPS, ids=[f"{n}-{one[0]}" for n, one in enumerate(LOOKUPS)]
)
def test_look_ups_refuse_what_cannot_be_meant_and_never_as_an_outage(
    method: str,
    given: dict[str, Any],
    told: str,
    tmp_path: Path,
    is_async: bool,
) -> None:
    ledger = SqliteLedger(tmp_path / "ledger.db")
    if not is_async:
        with Dispatcher([Sandbox()], ledger=ledger) as door, pytest.raises(BadInput) as refused:
            getattr(door, method)(**given)
    else:

        async def run() -> None:
            async with AsyncDispatcher([Sandbox()], ledger=ledger) as door:
                await getattr(door, method)(**given)

        with pytest.raises(BadInput) as refused:
            asyncio.run(run())

    assert told.lower() in str(refused.value).lower()


def test_a_provider_without_webhooks_is_a_matter_of_configuration_and_no_forgery() -> None:
    request = WebhookRequest(method="POST", url="https://shop.example.com/", headers={}, body=b"")
    with Dispatcher([Sandbox()]) as door, pytest.raises(ConfigurationError, match="sandbox does not support"):
        door.handle_webhook("sandbox", request)


@pytest.mark.parametrize(
    "given",
    [
        {"group_id": "delivered"},
        {"group_id": StatusGroup.PENDING},
        {"group_id": 3},
        {"status": "pending_accepted"},
        {"since": datetime.now(UTC) - timedelta(days=1)},
        {"until": time.time()},
        {"to": TO},
    ],
    ids=_name,
)
def test_look_ups_take_enumerations_by_name_and_times_with_their_zone(
    given: dict[str, Any], tmp_path: Path
) -> None:
    ledger = SqliteLedger(tmp_path / "ledger.db", addresses="plain")
    with Dispatcher([Sandbox()], ledger=ledger) as door:
        door.list_messages(**given)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"concurrency": 0}, "concurrency"),
        ({"concurrency": "8"}, "concurrency"),
        ({"batch_size": 0}, "batch_size"),
        ({"poll_interval": 0}, "poll_interval"),
        ({"poll_interval": "1"}, "poll_interval"),
        ({"retention": -1}, "retention"),
        ({"retention": "30 days"}, "retention"),
        ({"reconcile_interval": 0}, "reconcile_interval"),
        ({"retry": 3}, "retry"),
    ],
)
def test_a_worker_refuses_what_cannot_be_meant(options: dict[str, Any], told: str, tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path / "ledger.db")
    with Dispatcher([Sandbox()], ledger=ledger) as door:
        with pytest.raises(BadInput, match=told):
            Worker(door, **options)
        with pytest.raises(BadInput, match="AsyncDispatcher"):
            AsyncWorker(door)  # type: ignore[arg-type]
        Worker(door, retention=timedelta(days=30))
