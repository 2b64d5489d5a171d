"""Webhooks in, proved by the provider; and webhooks out, signed, until they are taken."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import ssl
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from typing import Any, ClassVar

import httpx
import pytest
import trustme
from gateway_nodes import LoopbackReceiver
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from messaging_channels import PhoneNumber, Sms, WebhookRequest, WebhookResult
from messaging_channels._model.status import known
from messaging_channels.errors import WebhookVerificationError
from messaging_channels.events import (
    EngagementReceived,
    EngagementType,
    Event,
    MessageReceived,
    OptedOut,
    StatusChanged,
    UnknownEvent,
)
from messaging_channels.plugins import (
    AttemptResult,
    Capabilities,
    Envelope,
    Exchange,
    ExecutorPair,
    Flow,
    ProviderSpec,
    Reason,
    hookimpl,
)
from messaging_channels_gateway.auth.url_guard import UrlGuard
from messaging_channels_gateway.events.deliveries import WebhookDeliveries
from messaging_channels_gateway.events.event_log import EventLog, GatewayEvent
from messaging_channels_gateway.events.standard_webhooks import is_verified, new_secret, sign
from messaging_channels_gateway.store.sqlite import Store

SECRET = b"webhook-secret"
DELIVERED, BOUNCED, EXPIRED = known(3, 5), known(2, 9), known(4, 15)
STATUSES = {"delivered": DELIVERED, "bounced": BOUNCED, "expired": EXPIRED}


class AcmeSms:
    """A provider that takes everything, and signs the public URL and the body of its reports."""

    name: ClassVar[str] = "acme-sms"
    capabilities: ClassVar[Capabilities] = Capabilities({Sms: frozenset({"sender"})}, max_batch_size=100)
    executors: ClassVar[Mapping[type[Exchange[Any]], ExecutorPair]] = {}

    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        yield from ()
        return [AttemptResult.of(Reason.ACCEPTED, provider_id=f"acme-{envelope.id}") for envelope in batch]

    def handle_webhook(self, call: WebhookRequest) -> WebhookResult:
        wanted = hmac.new(SECRET, call.url.encode() + call.body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(wanted, call.headers.get("x-acme-signature", "")):
            raise WebhookVerificationError("the signature is wrong", provider="acme-sms", hint="sign it")
        return WebhookResult([_event(one, call.received_at) for one in json.loads(call.body or b"[]")])


def _event(told: dict[str, Any], at: float) -> Event:
    common: dict[str, Any] = {"provider": "acme-sms", "occurred_at": at, "event_id": told.get("id")}
    if told["what"] in STATUSES:
        return StatusChanged(provider_id=f"acme-{told['message']}", status=STATUSES[told["what"]], **common)
    if told["what"] == "seen":
        return EngagementReceived(
            provider_id=f"acme-{told['message']}", engagement_type=EngagementType.READ, **common
        )
    who = PhoneNumber.parse("447700900100")
    if told["what"] == "wrote":
        return MessageReceived(
            channel="sms", provider_id=told["id"], sender=who, to="447700900999", text="hello", **common
        )
    if told["what"] == "stop":
        return OptedOut(channel="sms", address=who, reason="keyword STOP", **common)
    return UnknownEvent(kind=told["what"], **common)


class AcmeSmsSettings(BaseModel):
    region: str = "west"


class AcmeSmsPlugin:
    @hookimpl
    def register_providers(self) -> list[ProviderSpec]:
        return [ProviderSpec("acme-sms", AcmeSmsSettings, lambda _: AcmeSms())]


class Hooks(LoopbackReceiver):
    """The application's own webhook address: it answers what it is told to, and remembers what came."""

    def __init__(self, *answers: int, location: str = "") -> None:
        super().__init__(self._take)
        self.calls: list[tuple[dict[str, str], bytes]] = []
        self.answers = list(answers)
        self._location = location

    def _take(self, call: BaseHTTPRequestHandler) -> None:
        body = call.rfile.read(int(call.headers["content-length"]))
        with self.came:
            self.calls.append(({name.lower(): value for name, value in call.headers.items()}, body))
            call.send_response(self.answers.pop(0) if self.answers else 204)
            self.came.notify_all()
        call.send_header("location", self._location)
        call.send_header("content-length", "0")
        call.end_headers()

    def wait(self, count: int) -> list[dict[str, Any]]:
        with self.came:
            assert self.came.wait_for(lambda: len(self.calls) >= count, 10), len(self.calls)
            return [json.loads(body) for _, body in self.calls]


def _served(serve: Any, hooks: Hooks | None = None, **gateway: Any) -> Any:
    settings = {
        "providers": {"acme-sms": {"region": "east"}},
        "accounts": {"acme": {"acme-sms": {"region": "north"}}},
    }
    hosts = [hooks.host] if hooks else []
    return serve(
        settings=settings, plugin=AcmeSmsPlugin(), allowed_callback_hosts=hosts, poll_interval=60, **gateway
    )


def _report(
    served: Any, *told: dict[str, Any], path: str = "/v1/webhooks/acme-sms", **options: Any
) -> httpx.Response:
    body = json.dumps(told).encode()
    url = options.get("signed_url", served.url + path)
    signature = options.get("signature", hmac.new(SECRET, url.encode() + body, hashlib.sha256).hexdigest())
    answer: httpx.Response = httpx.post(
        served.url + path, content=body, headers={"x-acme-signature": signature, **options.get("headers", {})}
    )
    return answer


def _sent(served: Any, **more: Any) -> str:
    answer = served.sms(to="447700900100", **more)
    assert answer.status_code == 200, answer.text
    message: str = answer.json()["messages"][0]["messageId"]
    return message


def test_a_proved_report_changes_the_status_and_a_forged_one_nothing(serve: Any) -> None:
    served = _served(serve)
    message = _sent(served)
    forged = _report(served, {"what": "delivered", "message": message}, signature="0" * 64)
    assert (forged.status_code, forged.json()["code"]) == (401, "webhook_verification_failed")
    assert served.client.get(f"/v1/messages/{message}").json()["status"]["groupName"] == "PENDING"
    assert _report(served, {"what": "delivered", "message": message}).status_code == 200
    assert served.client.get(f"/v1/messages/{message}").json()["status"]["groupName"] == "DELIVERED"


def test_a_report_may_come_twice_and_late_and_of_nobody(serve: Any) -> None:
    served = _served(serve)
    message = _sent(served)
    told = [
        {"what": "delivered", "message": message, "id": "1"},
        {"what": "bounced", "message": message, "id": "2"},
    ]
    for one in (told[0], told[1], told[0]):
        assert _report(served, one).status_code == 200
    assert _report(served, {"what": "delivered", "message": "nobody"}, {"what": "news"}).status_code == 200
    shown = served.client.get(f"/v1/messages/{message}").json()
    assert shown["status"]["groupName"] == "DELIVERED"
    assert len(shown["events"]) == 2


def test_the_size_of_a_report_is_limited_before_it_is_read(serve: Any) -> None:
    served = _served(serve, max_webhook_bytes=1000)
    answer = httpx.post(f"{served.url}/v1/webhooks/acme-sms", content=b"x" * 1001)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


@pytest.mark.parametrize("path", ["/v1/webhooks/nobody", "/v1/webhooks/acme-sms/nobody"])
def test_nobodys_webhooks_are_not_there(serve: Any, path: str) -> None:
    assert _report(_served(serve), {"what": "stop"}, path=path).status_code == 404


def test_a_provider_without_webhooks_proves_nothing(served: Any) -> None:
    assert httpx.post(f"{served.url}/v1/webhooks/sandbox").status_code == 401


def test_the_public_url_is_the_one_that_is_set(serve: Any) -> None:
    served = _served(serve, public_url="https://messages.example.com")
    path = "/v1/webhooks/acme-sms?token=a%20b"
    url = f"https://messages.example.com{path}"
    assert _report(served, {"what": "stop"}, path=path, signed_url=url).status_code == 200
    assert _report(served, {"what": "stop"}, path=path).status_code == 401


def test_what_a_proxy_says_is_believed_only_of_a_trusted_one(serve: Any) -> None:
    headers = {"x-forwarded-proto": "https", "x-forwarded-host": "evil.example, messages.example.com"}
    url = "https://messages.example.com/v1/webhooks/acme-sms"
    options: dict[str, Any] = {"signed_url": url, "headers": headers}
    assert _report(_served(serve), {"what": "stop"}, **options).status_code == 401
    trusting = _served(serve, trusted_proxies=["127.0.0.0/8"])
    assert _report(trusting, {"what": "stop"}, **options).status_code == 200
    other = _served(serve, trusted_proxies=["10.0.0.0/8"])
    assert _report(other, {"what": "stop"}, **options).status_code == 401


def test_an_endpoint_hears_all_that_becomes_of_a_message(serve: Any) -> None:
    with Hooks() as hooks:
        served = _served(serve, hooks)
        made = served.client.post("/v1/webhook-endpoints", json={"url": hooks.url})
        assert made.status_code == 201
        message = _sent(served)
        hooks.wait(1)
        _report(served, {"what": "delivered", "message": message}, {"what": "seen", "message": message})
        told = hooks.wait(3)
        assert {one["type"] for one in told} == {
            "sms.message.sent",
            "sms.message.delivered",
            "sms.message.read",
        }
        assert {one["data"]["messageId"] for one in told} == {message}
        for headers, body in hooks.calls:
            assert is_verified(made.json()["secret"], headers, body, now=time.time())
            assert not is_verified(made.json()["secret"], headers, body + b" ", now=time.time())
        assert len({headers["webhook-id"] for headers, _ in hooks.calls}) == 3


def test_an_endpoint_hears_what_it_asked_for_and_only_of_its_tenant(serve: Any) -> None:
    with Hooks() as hooks, Hooks() as others:
        served = _served(serve, hooks, inbound_tenant="default")
        other = served.of_tenant("other")
        wanted = {"url": hooks.url, "events": ["sms.message.received", "sms.message.failed"]}
        served.client.post("/v1/webhook-endpoints", json=wanted)
        assert other.post("/v1/webhook-endpoints", json={"url": others.url}).status_code == 422  # not allowed
        message = _sent(served)
        _report(
            served, {"what": "bounced", "message": message}, {"what": "wrote", "id": "w1"}, {"what": "stop"}
        )
        told = {one["type"]: one["data"] for one in hooks.wait(2)}
        assert set(told) == {"sms.message.failed", "sms.message.received"}
        assert (told["sms.message.received"]["text"], told["sms.message.received"]["sender"]) == (
            "hello",
            "447700900100",
        )
        assert others.calls == []


def test_what_comes_in_on_a_tenants_account_is_that_tenants(serve: Any) -> None:
    served = _served(serve)
    assert (
        _report(served, {"what": "wrote", "id": "w1"}, path="/v1/webhooks/acme-sms/acme").status_code == 200
    )
    assert [notice.name for _, notice in served.gateway.event_log.events_after("acme", 0)] == [
        "sms.message.received"
    ]
    assert served.gateway.event_log.events_after("default", 0) == []


def test_a_callback_url_hears_of_its_own_message_only(serve: Any) -> None:
    with Hooks() as hooks:
        served = _served(serve, hooks)
        message = _sent(served, callbackUrl=hooks.url)
        quiet = _sent(served)
        _report(served, {"what": "expired", "message": quiet}, {"what": "expired", "message": message})
        told = hooks.wait(2)
        assert {(one["type"], one["data"]["messageId"]) for one in told} == {
            ("sms.message.sent", message),
            ("sms.message.expired", message),
        }
        secret = served.client.get("/v1/callback-secret").json()["secret"]
        assert all(is_verified(secret, headers, body, now=time.time()) for headers, body in hooks.calls)


def test_callbacks_of_several_recipients_and_of_keys_reach_the_same_url(serve: Any) -> None:
    with Hooks() as hooks:
        served = _served(serve, hooks)
        to = ["447700900100", "447700900101"]
        for _ in range(2):
            served.sms(to=to, callbackUrl=hooks.url, headers={"idempotency-key": "order/81"})
        told = hooks.wait(2)
        assert {one["type"] for one in told} == {"sms.message.sent"}
        assert len({one["data"]["messageId"] for one in told}) == 2


def test_a_callback_hears_of_scheduled_messages_when_they_were_sent(serve: Any, clock: Any) -> None:
    with Hooks() as hooks:
        served = _served(serve, hooks, clock=clock)
        at = datetime.fromtimestamp(clock.now() + 3600, UTC).isoformat()
        headers = {"idempotency-key": "k" * 255}
        answer = served.sms(
            to=["447700900100", "447700900101"], sendAt=at, callbackUrl=hooks.url, headers=headers
        )
        clock.ahead += 3600
        told = hooks.wait(2)
        assert {one["type"] for one in told} == {"sms.message.sent"}
        ids = {one["messageId"] for one in answer.json()["messages"]}
        assert {one["data"]["messageId"] for one in told} == ids


def test_a_key_with_a_slash_has_no_part_in_a_shorter_one(serve: Any) -> None:
    with Hooks() as hooks:
        served = _served(serve, hooks)
        message = served.sms(callbackUrl=hooks.url, headers={"idempotency-key": "order"}).json()
        served.sms(headers={"idempotency-key": "order/81"})
        last = served.sms(callbackUrl=hooks.url, headers={"idempotency-key": "last"}).json()
        told = hooks.wait(2)
        expected = {one["messages"][0]["messageId"] for one in (message, last)}
        assert {one["data"]["messageId"] for one in told} == expected
        assert len(hooks.calls) == 2


def test_a_secret_is_rotated_without_a_gap(serve: Any) -> None:
    with Hooks() as hooks:
        served = _served(serve, hooks)
        made = served.client.post("/v1/webhook-endpoints", json={"url": hooks.url}).json()
        rotated = served.client.post(f"/v1/webhook-endpoints/{made['id']}/secret").json()
        _sent(served)
        hooks.wait(1)
        ((headers, body),) = hooks.calls
        assert is_verified(made["secret"], headers, body, now=time.time())
        assert is_verified(rotated["secret"], headers, body, now=time.time())


def test_endpoints_are_listed_without_secrets_and_removed(served: Any) -> None:
    made = served.client.post("/v1/webhook-endpoints", json={"url": "https://hooks.example.com/"}).json()
    listed = served.client.get("/v1/webhook-endpoints").json()["endpoints"]
    assert [one["id"] for one in listed] == [made["id"]]
    assert "secret" not in listed[0]
    assert served.client.delete(f"/v1/webhook-endpoints/{made['id']}").status_code == 204
    assert served.client.delete(f"/v1/webhook-endpoints/{made['id']}").status_code == 404


class Time:
    def __init__(self) -> None:
        self.seconds = time.time()

    def now(self) -> float:
        return self.seconds


def _delivering(
    path: Any, hooks: Hooks, *, steps: Sequence[float], schedule: Sequence[float], **options: Any
) -> list[Any]:
    """Keep one notice for one endpoint, take steps at these times, and return how its delivery stands after each."""

    async def run() -> list[Any]:
        store, clock = Store(path / "gateway.sqlite3"), Time()
        events = EventLog(store)
        guard = options.get("guard", UrlGuard(frozenset({hooks.host})))
        deliveries = WebhookDeliveries(
            store, events, guard, clock.now, retry_delays=schedule, tls=options.get("tls")
        )
        insert = "INSERT INTO messaging_channels_gateway_endpoint (id, tenant, url, events, secret, created) VALUES ('e', 'r', ?, '*', ?, 0)"
        store.run_transaction(
            lambda database: database.execute(insert, (options.get("url", hooks.url), new_secret()))
        )
        await events.append([GatewayEvent("n1", "r", "sms.message.sent", clock.now(), {})])
        stands = []
        for seconds in steps:
            clock.seconds += seconds
            await deliveries.deliver_due()
            asked = "SELECT state, attempts, problem, (SELECT disabled FROM messaging_channels_gateway_endpoint) FROM messaging_channels_gateway_delivery"
            stands.append(store.read(asked)[0])
        await deliveries.close()
        store.close()
        return stands

    return asyncio.run(run())


@pytest.mark.parametrize("turns", range(5))
def test_who_waits_for_news_can_be_cancelled_just_when_they_come(turns: int, tmp_path: Any) -> None:
    async def run() -> None:
        store = Store(tmp_path / "gateway.sqlite3")
        events = EventLog(store)

        async def listen() -> None:
            while True:
                await events.wait_for_events(60.0)

        listening = asyncio.create_task(listen())
        await events.append([GatewayEvent("n1", "r", "sms.message.sent", 0.0, {})])
        for _ in range(turns):
            await asyncio.sleep(0)
        listening.cancel()
        await asyncio.wait([listening], timeout=5.0)
        assert listening.cancelled()
        store.close()

    asyncio.run(run())


def test_a_delivery_is_repeated_by_schedule_until_it_is_taken(tmp_path: Any) -> None:
    with Hooks(500, 404) as hooks:
        stands = _delivering(tmp_path, hooks, steps=(0, 5, 1, 300), schedule=(5.0, 300.0))
        assert [(state, attempts) for state, attempts, *_ in stands] == [
            ("waiting", 1), ("waiting", 2), ("waiting", 2), ("done", 3)
        ]  # fmt: skip
        assert len({headers["webhook-id"] for headers, _ in hooks.calls}) == 1


def test_what_nobody_takes_is_a_dead_letter_and_can_be_revived(serve: Any, tmp_path: Any) -> None:
    with Hooks(500, 500, 500) as hooks:
        stands = _delivering(tmp_path, hooks, steps=(0, 5, 300), schedule=(5.0, 300.0))
        assert stands[-1][:3] == ("dead", 3, "HTTP 500")
    with Hooks(410) as hooks:
        served = _served(serve, hooks)
        served.client.post("/v1/webhook-endpoints", json={"url": hooks.url})
        message = _sent(served)
        hooks.wait(1)
        dead: list[Any] = []
        for _ in range(100):
            dead = served.client.get("/v1/webhook-deliveries").json()["deliveries"]
            if dead:
                break
            time.sleep(0.02)
        assert [(one["event"], one["problem"]) for one in dead] == [("sms.message.sent", "HTTP 410")]
        assert (
            served.client.get("/v1/webhook-endpoints").json()["endpoints"][0]["disabled"] == "it answered 410"
        )
        assert served.client.post(f"/v1/webhook-deliveries/{dead[0]['id']}/retry").status_code == 202
        assert hooks.wait(2)[1]["data"]["messageId"] == message
        assert served.client.post("/v1/webhook-deliveries/x/retry").status_code == 404


def test_an_endpoint_that_fails_for_five_days_is_disabled(tmp_path: Any) -> None:
    with Hooks(500, 500) as hooks:
        stands = _delivering(tmp_path, hooks, steps=(0, 5 * 86400 + 1), schedule=(5.0, 5.0))
        assert stands[0][3] == ""
        assert stands[1][3] == "it failed for five days"


def test_a_redirect_is_a_failure_and_not_followed(tmp_path: Any) -> None:
    with Hooks() as private, Hooks(302, location=private.url) as hooks:
        stands = _delivering(tmp_path, hooks, steps=(0,), schedule=(5.0,))
        assert stands[0][2] == "HTTP 302"
        assert private.calls == []


def test_a_url_that_leads_to_a_private_address_by_now_is_not_called(tmp_path: Any) -> None:
    with Hooks() as hooks:
        stands = _delivering(
            tmp_path, hooks, steps=(0,), schedule=(5.0,), guard=UrlGuard(), url="https://localhost/"
        )
        assert stands[0][:2] == ("waiting", 1)
        assert hooks.calls == []


def test_a_certificate_is_checked_against_the_name_though_the_address_is_pinned(tmp_path: Any) -> None:
    authority = trustme.CA()

    async def to_loopback(_host: str, _port: int) -> Sequence[str]:
        return ["127.0.0.1"]

    for name, state in (("hooks.example.com", "done"), ("other.example.com", "waiting")):
        with Hooks() as hooks:
            server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority.issue_cert(name).configure_cert(server)
            hooks.server.socket = server.wrap_socket(hooks.server.socket, server_side=True)
            client = ssl.create_default_context()
            authority.configure_trust(client)
            port = hooks.server.server_port
            stands = _delivering(
                tmp_path / name, hooks, steps=(0,), schedule=(5.0,), tls=client,
                url=f"https://hooks.example.com:{port}/", guard=UrlGuard(frozenset({f"hooks.example.com:{port}"}), to_loopback),
            )  # fmt: skip
            assert stands[0][0] == state


def test_notices_that_the_process_before_lost_are_found_out_again(serve: Any) -> None:
    first = _served(serve)
    message = _sent(first)
    first.gateway.store.run_transaction(
        lambda database: database.execute("DELETE FROM messaging_channels_gateway_event")
    )
    again = _served(serve)
    told = [
        (notice.name, notice.data["messageId"])
        for _, notice in again.gateway.event_log.events_after("default", 0)
    ]
    assert told == [("sms.message.sent", message)]


def test_the_published_vector_of_standard_webhooks_is_reproduced() -> None:
    headers = sign(
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@given(st.data())
def test_no_flipped_bit_passes_for_a_signature(data: st.DataObject) -> None:
    secret, body = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"test": 2432232314}'
    headers = sign([secret], "msg_1", 1614265330, body)
    part = data.draw(st.sampled_from([*headers, "body"]))
    value = bytearray(body if part == "body" else headers[part].encode())
    at = data.draw(st.integers(0, len(value) * 8 - 1))
    value[at // 8] ^= 1 << at % 8
    changed = {**headers, part: value.decode("latin-1")}
    assert is_verified(secret, headers, body, now=1614265330)
    assert not is_verified(secret, changed, bytes(value) if part == "body" else body, now=1614265330)


@pytest.mark.parametrize(("at", "good"), [(-301, False), (-300, True), (300, True), (301, False)])
def test_a_signature_stands_for_five_minutes(at: int, good: bool) -> None:
    secret = new_secret()
    headers = sign([secret], "m", 1000000 + at, b"x")
    assert is_verified(secret, headers, b"x", now=1000000) is good


@pytest.mark.parametrize("at", ["", "-1", "x", "\uff11\uff10", "9" * 400])
def test_no_other_time_is_one(at: str) -> None:
    secret = new_secret()
    headers = {**sign([secret], "m", 1000000, b"x"), "webhook-timestamp": at}
    assert not is_verified(secret, headers, b"x", now=1000000)
