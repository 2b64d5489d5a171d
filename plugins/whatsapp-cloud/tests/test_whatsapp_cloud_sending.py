from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from loopback import Peer, Server

from messaging_channels import (
    AsyncDispatcher,
    Configuration,
    Dispatcher,
    HttpSettings,
    Outcome,
    PhoneNumber,
    RetryPolicy,
    Route,
    errors,
)
from messaging_channels._config import plugin_manager as plugins
from messaging_channels.events import MessageReceived
from messaging_channels.messages import (
    CarouselCard,
    Email,
    ImageHeader,
    Media,
    MediaCard,
    OneTimePassword,
    ReplyButton,
    UrlButton,
    WhatsAppButtons,
    WhatsAppCarousel,
    WhatsAppImage,
    WhatsAppReaction,
    WhatsAppTemplate,
    WhatsAppText,
)
from messaging_channels.plugins import Envelope, Reason, Timeouts, WhatsAppUserId
from messaging_channels.policies import reserve
from messaging_channels.testing import AsyncTransport, Fault, FaultKind, Transport
from messaging_channels_whatsapp_cloud import (
    CustomerServiceWindows,
    GraphApiError,
    WhatsAppCloud,
    WhatsAppOptions,
)
from messaging_channels_whatsapp_cloud import settings as plugin_settings
from messaging_channels_whatsapp_cloud.emulator import NUMBER_ID, TOKEN, WhatsAppCloudEmulator
from messaging_channels_whatsapp_cloud.emulator.wire import parse_form
from messaging_channels_whatsapp_cloud.media import StoredFile
from messaging_channels_whatsapp_cloud.service_windows import WINDOW_SECONDS
from messaging_channels_whatsapp_cloud.webhook_updates import NAME

NUMBER = "447700900123"
HELLO = WhatsAppText("Hello")
PNG = Media(content=b"\x89PNG\r\n\r\n--\x00 bytes", content_type="image/png")
OTHER = Media(content=b"another", content_type="image/png")
GO = UrlButton("Go", "https://example.com")
ONCE = {"whatsapp": Route(NAME, retry=RetryPolicy(max_attempts=1))}
IMPATIENT = HttpSettings(timeouts=Timeouts(read=0.3))


@pytest.fixture
def emulator() -> Iterator[WhatsAppCloudEmulator]:
    with WhatsAppCloudEmulator() as running:
        yield running


def _cloud(emulator: WhatsAppCloudEmulator, **more: Any) -> WhatsAppCloud:
    return WhatsAppCloud(**{"access_token": TOKEN, "sender": NUMBER_ID, "base_url": emulator.url, **more})


def _dispatcher(emulator: WhatsAppCloudEmulator, **more: Any) -> Dispatcher:
    return Dispatcher([_cloud(emulator, **more)], http=IMPATIENT, routes=ONCE)


def _run(flow: Any) -> Any:
    with Transport(IMPATIENT) as transport:
        return transport.run(flow)


def test_both_doors_send_and_tell_the_status(emulator: WhatsAppCloudEmulator) -> None:
    async def send() -> Any:
        async with AsyncDispatcher([_cloud(emulator)]) as dispatcher:
            return await dispatcher.send(HELLO, to=NUMBER)

    with _dispatcher(emulator) as dispatcher:
        receipts = [dispatcher.send(HELLO, to=NUMBER), asyncio.run(send())]
    for receipt, taken in zip(receipts, emulator.messages, strict=True):
        assert (receipt.outcome, receipt.status.name) == (Outcome.ACCEPTED, "PENDING_ENROUTE")
        assert receipt.attempts[0].result.provider_id == taken.id
        assert taken.body["biz_opaque_callback_data"] == receipt.id
        assert taken.to == NUMBER


def test_a_person_is_reached_by_number_or_by_id(emulator: WhatsAppCloudEmulator) -> None:
    with _dispatcher(emulator) as dispatcher:
        for to in ("+447700900123", PhoneNumber(NUMBER), "US.1349abc", WhatsAppUserId("US.1349abc")):
            dispatcher.send(HELLO, to=to)
    assert [taken.to for taken in emulator.messages] == [NUMBER, NUMBER, "US.1349abc", "US.1349abc"]


@pytest.mark.parametrize(
    ("code", "error", "reason"),
    [
        (190, errors.AccountError, Reason.CREDENTIALS),
        (131026, errors.Rejected, Reason.RECIPIENT),
        (131047, errors.Rejected, Reason.POLICY),
        (132018, errors.Rejected, Reason.INVALID),
        (130429, errors.NotSent, Reason.THROTTLED),
    ],
)
def test_a_refusal_is_raised_with_what_may_follow(
    emulator: WhatsAppCloudEmulator, code: int, error: type[errors.SendFailed], reason: Reason
) -> None:
    emulator.pending_rejections.add(code, 1)
    with _dispatcher(emulator) as dispatcher, pytest.raises(error) as caught:
        dispatcher.send(HELLO, to=NUMBER)
    assert caught.value.receipt.attempts[0].result.reason is reason
    assert str(code) in str(caught.value)
    assert not emulator.messages


@pytest.mark.parametrize("code", [1, 2, 131000, 131016])
def test_a_fault_that_may_pass_proves_nothing_and_is_held(emulator: WhatsAppCloudEmulator, code: int) -> None:
    emulator.pending_rejections.add(code, 1)
    with _dispatcher(emulator) as dispatcher:
        receipt = dispatcher.send(HELLO, to=NUMBER)
    assert (receipt.outcome, len(receipt.attempts)) == (Outcome.UNKNOWN, 1)


@pytest.mark.parametrize("handled", [True, False])
@pytest.mark.parametrize(
    "how",
    [
        FaultKind.RESET,
        FaultKind.CLOSE,
        FaultKind.HANG,
        FaultKind.GARBAGE,
        FaultKind.UNREADABLE,
        FaultKind.STATUS,
    ],
)
def test_what_may_have_been_sent_is_unknown_and_not_repeated(
    emulator: WhatsAppCloudEmulator, how: FaultKind, handled: bool
) -> None:
    emulator.faults.add(Fault(how, handled, status=503))
    with _dispatcher(emulator) as dispatcher:
        assert dispatcher.send(HELLO, to=NUMBER).outcome is Outcome.UNKNOWN
    assert len(emulator.messages) == handled
    assert len(emulator.requests) == 1


def test_an_answer_cut_short_is_unknown_and_a_slow_one_is_read(emulator: WhatsAppCloudEmulator) -> None:
    emulator.faults.add(Fault(FaultKind.CUT))
    emulator.faults.add(Fault(FaultKind.SLOW, seconds=0.01))
    with _dispatcher(emulator) as dispatcher:
        assert dispatcher.send(HELLO, to=NUMBER).outcome is Outcome.UNKNOWN
        assert dispatcher.send(HELLO, to=NUMBER).outcome is Outcome.ACCEPTED


def test_a_throttled_or_unreachable_message_was_certainly_not_sent(emulator: WhatsAppCloudEmulator) -> None:
    emulator.faults.add(Fault(FaultKind.THROTTLE, seconds=2))
    with _dispatcher(emulator) as dispatcher, pytest.raises(errors.NotSent) as caught:
        dispatcher.send(HELLO, to=NUMBER)
    assert caught.value.retry_after == 2.0
    with Server(Peer.serve) as server:
        gone = server.url
    with (
        _dispatcher(emulator, base_url=gone) as dispatcher,
        pytest.raises(errors.NotSent) as caught,
    ):
        dispatcher.send(HELLO, to=NUMBER)
    assert caught.value.receipt.attempts[0].result.reason is Reason.UNREACHABLE


def test_no_error_and_no_repr_shows_the_token_the_number_or_the_text(
    emulator: WhatsAppCloudEmulator, caplog: pytest.LogCaptureFixture
) -> None:
    cloud = _cloud(
        emulator,
        access_token="canary-token",
        webhook_app_secrets=["canary-secret"],
        webhook_verify_token="canary-verify",
    )
    with Dispatcher([cloud]) as dispatcher, pytest.raises(errors.AccountError) as caught:
        dispatcher.send(WhatsAppText("the canary words"), to=NUMBER)
    shown = f"{caught.value!s} {caught.value!r} {caught.value.receipt!r} {cloud!r} {caplog.text}"
    assert "canary" not in shown
    assert NUMBER not in shown


@pytest.mark.parametrize(
    ("message", "to"), [(Email("Hello", "hello"), "zoe@example.com"), (HELLO, "07700900123"), (HELLO, "US.")]
)
def test_bad_input_never_reaches_the_network(emulator: WhatsAppCloudEmulator, message: Any, to: str) -> None:
    with _dispatcher(emulator) as dispatcher, pytest.raises(errors.BadInput):
        dispatcher.send(message, to=to)
    assert not emulator.requests


# --- files


def test_a_file_goes_up_and_comes_down_whole_and_can_be_deleted(emulator: WhatsAppCloudEmulator) -> None:
    cloud = _cloud(emulator)
    held = _run(cloud.upload(PNG))
    assert held == Media(id=held.id, content_type="image/png")
    assert emulator.files[held.id] == ("image/png", PNG.content)
    file = _run(cloud.download(held.id))
    assert (file.content, file.content_type, file.id) == (PNG.content, "image/png", held.id)
    assert "PNG" not in repr(file)
    _run(cloud.delete_file(held.id))
    with pytest.raises(GraphApiError) as caught:
        _run(cloud.download(held.id))
    assert caught.value.result.reason is Reason.INVALID


@given(st.binary(min_size=1, max_size=300))
def test_any_bytes_survive_the_journey(content: bytes) -> None:
    request = next(_JOURNEY.upload(Media(content=content, content_type="image/png")))
    parts = parse_form(request.headers["content-type"], request.body)  # type: ignore[attr-defined]
    assert parts == {
        "messaging_product": ("", b"whatsapp"),
        "type": ("", b"image/png"),
        "file": ("image/png", content),
    }


_JOURNEY = WhatsAppCloud(access_token=TOKEN, sender=NUMBER_ID)


@pytest.mark.parametrize(
    ("message", "count"),
    [
        (WhatsAppImage(PNG, caption="Front"), 1),
        (WhatsAppButtons(text="x", header=PNG, buttons=(ReplyButton("1", "Yes"),)), 1),
        (WhatsAppCarousel(text="x", cards=(MediaCard(PNG, GO), MediaCard(OTHER, GO))), 2),
        (WhatsAppTemplate("a", "en", header=ImageHeader(PNG), cards=(CarouselCard(ImageHeader(OTHER)), CarouselCard(ImageHeader(PNG)))), 2),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_a_message_that_holds_files_uploads_each_once_and_then_names_them(
    emulator: WhatsAppCloudEmulator, message: Any, count: int
) -> None:
    with _dispatcher(emulator) as dispatcher:
        assert dispatcher.send(message, to=NUMBER).outcome is Outcome.ACCEPTED
    assert len(emulator.files) == count
    (taken,) = emulator.messages
    assert all(name in json.dumps(taken.body) for name in emulator.files)
    assert [request.path.rpartition("/")[2] for request in emulator.requests] == ["media"] * count + [
        "messages"
    ]


@pytest.mark.parametrize(
    "how",
    [
        FaultKind.RESET,
        FaultKind.HANG,
        FaultKind.GARBAGE,
        FaultKind.STATUS,
        FaultKind.UNREADABLE,
        FaultKind.THROTTLE,
    ],
)
def test_an_upload_that_fails_has_sent_nothing(emulator: WhatsAppCloudEmulator, how: FaultKind) -> None:
    emulator.faults.add(Fault(how, status=503))
    with _dispatcher(emulator) as dispatcher, pytest.raises(errors.NotSent):
        dispatcher.send(WhatsAppImage(PNG), to=NUMBER)
    assert not emulator.messages


def test_a_message_whose_upload_failed_is_tried_again_as_a_whole(emulator: WhatsAppCloudEmulator) -> None:
    emulator.faults.add(Fault(FaultKind.RESET))
    with Dispatcher([_cloud(emulator)]) as dispatcher:
        receipt = dispatcher.send(WhatsAppImage(PNG), to=NUMBER)
    assert [one.result.outcome for one in receipt.attempts] == [Outcome.NOT_SENT, Outcome.ACCEPTED]
    assert len(emulator.messages) == 1


def test_an_upload_that_the_account_may_not_make_leaves_the_message_unsent(
    emulator: WhatsAppCloudEmulator,
) -> None:
    with _dispatcher(emulator, sender="999") as dispatcher, pytest.raises(errors.AccountError) as caught:
        dispatcher.send(WhatsAppImage(PNG), to=NUMBER)
    assert caught.value.receipt.attempts[0].result.reason is Reason.CREDENTIALS


def test_a_stale_link_is_looked_up_once_more(emulator: WhatsAppCloudEmulator) -> None:
    cloud = _cloud(emulator, user_agent="Mozilla/5.0")
    held = _run(cloud.upload(PNG))
    emulator.faults.add(Fault(FaultKind.STATUS, status=404, path="/_files/"))
    assert _run(cloud.download(held.id)).content == PNG.content
    downloads = [one for one in emulator.requests if one.path.startswith("/_files/")]
    assert [one.headers["user-agent"] for one in downloads] == ["Mozilla/5.0"] * 2
    emulator.faults.add(Fault(FaultKind.STATUS, status=404, times=2, path="/_files/"))
    with pytest.raises(GraphApiError):
        _run(cloud.download(held.id))


@pytest.mark.parametrize("url", ["http://canary.example.com/1", "ftp://127.0.0.1/1", "https://[x", "", 1])
def test_the_token_goes_nowhere_but_where_tls_or_this_machine_keeps_it(url: Any) -> None:
    def look_up(peer: Peer) -> None:
        peer.read_request()
        body = json.dumps({"id": "1", "url": url}).encode()
        peer.answer(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body)

    with Server(look_up) as server, pytest.raises(GraphApiError):
        _run(WhatsAppCloud(access_token=TOKEN, base_url=server.url).download("1"))


def test_bytes_that_are_not_those_of_the_digest_are_refused() -> None:
    digest = hashlib.sha256(b"bytes")
    for told in (digest.hexdigest(), base64.b64encode(digest.digest()).decode(), ""):
        assert StoredFile("1", "", "", told).matches(b"bytes")
    assert not StoredFile("1", "", "", digest.hexdigest()).matches(b"byte")
    assert not StoredFile("1", "", "", "é").matches(b"byte")


@pytest.mark.parametrize("file_id", ["", "../1", "a b", "1?x=y"])
def test_an_id_that_would_lead_elsewhere_is_refused(file_id: str) -> None:
    with pytest.raises(errors.InvalidMessage):
        next(_JOURNEY.download(file_id))


# --- marks


def test_a_message_is_marked_as_read_and_typing_is_shown(emulator: WhatsAppCloudEmulator) -> None:
    cloud = _cloud(emulator)
    _run(cloud.mark_read("wamid.I"))
    _run(cloud.show_typing("wamid.J"))
    assert emulator.read == ["wamid.I", "wamid.J"]
    plain, typing = (request.json() for request in emulator.requests)
    assert plain == {"messaging_product": "whatsapp", "status": "read", "message_id": "wamid.I"}
    assert typing == {**plain, "message_id": "wamid.J", "typing_indicator": {"type": "text"}}


def test_a_mark_that_is_refused_says_why(emulator: WhatsAppCloudEmulator) -> None:
    async def mark() -> None:
        async with AsyncTransport() as transport:
            await transport.run(_cloud(emulator).mark_read(""))

    with pytest.raises(GraphApiError) as caught:
        asyncio.run(mark())
    assert (caught.value.result.reason, caught.value.code) == (Reason.INVALID, "whatsapp_graph_api_error")
    emulator.faults.add(Fault(FaultKind.STATUS, status=500))
    with pytest.raises(GraphApiError) as caught:
        _run(_cloud(emulator).mark_read("wamid.I"))
    assert caught.value.result.outcome is Outcome.NOT_SENT


# --- the 24 hours


def _heard(
    at: float, *, sender: Any = None, kind: str = "text", number_id: str = NUMBER_ID, **message: Any
) -> Any:
    native = {"metadata": {"phone_number_id": number_id}, "messages": [message]}
    return MessageReceived(
        provider=NAME, occurred_at=at, channel="whatsapp", provider_id="wamid.I", sender=sender or PhoneNumber(NUMBER), to="1", kind=kind, raw=native
    )  # fmt: skip


def test_a_window_is_open_for_a_day_after_the_last_message_in_whatever_order_they_come() -> None:
    windows = CustomerServiceWindows()
    for at in (1000.0, 3000.0, 2000.0):
        windows.event_received(_heard(at))
    assert windows.open_until(PhoneNumber(NUMBER), number_id=NUMBER_ID) == 3000.0 + WINDOW_SECONDS
    assert windows.open_until(PhoneNumber("447700900124"), number_id=NUMBER_ID) is None
    assert windows.open_until(PhoneNumber(NUMBER), number_id="other") is None


@pytest.mark.parametrize("kind", ["system", "edit", "revoke", "unknown"])
def test_what_no_person_wrote_opens_no_window(kind: str) -> None:
    windows = CustomerServiceWindows()
    windows.event_received(_heard(1000.0, kind=kind))
    assert windows.open_until(PhoneNumber(NUMBER), number_id=NUMBER_ID) is None


def test_a_person_has_one_window_under_number_and_id() -> None:
    windows = CustomerServiceWindows()
    windows.event_received(_heard(1000.0, from_user_id="US.1349", from_parent_user_id="US.ENT.11"))
    for name in ("US.1349", "US.ENT.11"):
        assert windows.open_until(WhatsAppUserId(name), number_id=NUMBER_ID) == 1000.0 + WINDOW_SECONDS


def test_of_those_who_wrote_longest_ago_nothing_is_known_once_there_are_too_many() -> None:
    windows = CustomerServiceWindows(capacity=2)
    for digits in ("447700900101", "447700900102", "447700900103"):
        windows.event_received(_heard(1000.0, sender=PhoneNumber(digits)))
    known = [windows.open_until(PhoneNumber(f"44770090010{n}"), number_id=NUMBER_ID) for n in (1, 2, 3)]
    assert known == [None, 1000.0 + WINDOW_SECONDS, 1000.0 + WINDOW_SECONDS]


def test_a_free_message_into_a_window_known_to_be_closed_is_refused_here(
    emulator: WhatsAppCloudEmulator,
) -> None:
    windows = CustomerServiceWindows()
    windows.event_received(_heard(1000.0))
    with _dispatcher(emulator, windows=windows) as dispatcher:
        with pytest.raises(errors.Rejected, match="24-hour window") as caught:
            dispatcher.send(HELLO, to=NUMBER)
        assert caught.value.receipt.attempts[0].result.reason is Reason.POLICY
        assert not emulator.requests
        dispatcher.send(WhatsAppTemplate("hello", "en"), to=NUMBER)
    assert len(emulator.messages) == 1


@pytest.mark.parametrize("template", [True, False])
def test_the_caller_may_choose_a_template_or_a_try_instead(
    emulator: WhatsAppCloudEmulator, template: bool
) -> None:
    windows = CustomerServiceWindows()
    windows.event_received(_heard(1000.0))
    choice = WhatsAppTemplate("hello", "en") if template else "try"
    message = replace(HELLO, provider_options=(WhatsAppOptions(when_closed=choice),))  # type: ignore[arg-type]
    with _dispatcher(emulator, windows=windows) as dispatcher:
        dispatcher.send(message, to=NUMBER)
    assert emulator.messages[0].body["type"] == ("template" if template else "text")


@pytest.mark.parametrize("known", [True, False])
def test_an_open_window_and_one_of_which_nothing_is_known_let_every_message_through(
    emulator: WhatsAppCloudEmulator, known: bool
) -> None:
    windows = CustomerServiceWindows()
    if known:
        windows.event_received(_heard(4e9))
    with _dispatcher(emulator, windows=windows) as dispatcher:
        assert dispatcher.send(HELLO, to=NUMBER).outcome is Outcome.ACCEPTED


def test_a_one_time_password_in_place_of_a_message_still_goes_to_a_number_only(
    emulator: WhatsAppCloudEmulator,
) -> None:
    windows = CustomerServiceWindows()
    windows.event_received(_heard(1000.0, sender=WhatsAppUserId("US.1349")))
    template = WhatsAppTemplate("otp", "en", buttons=(OneTimePassword("1"),))
    message = replace(HELLO, provider_options=(WhatsAppOptions(when_closed=template),))
    with _dispatcher(emulator, windows=windows) as dispatcher, pytest.raises(errors.InvalidMessage):
        dispatcher.send(message, to="US.1349")


# --- rates


def test_the_rates_are_those_of_the_number_and_of_the_pair() -> None:
    cloud = WhatsAppCloud(access_token=TOKEN, sender=NUMBER_ID, messages_per_second=20)
    (number, allowed), (pair, slow) = cloud.rate_limits(Envelope("1", "whatsapp", HELLO, PhoneNumber(NUMBER)))
    assert (number, allowed.interval) == ((NAME, NUMBER_ID), 0.05)
    assert (pair, slow.interval, slow.burst) == ((NAME, NUMBER_ID, NUMBER), 6.0, 45)
    other = WhatsAppText("x", sender="1234")
    keys = [key for key, _ in cloud.rate_limits(Envelope("1", "whatsapp", other, PhoneNumber(NUMBER)))]
    assert keys == [(NAME, "1234"), (NAME, "1234", NUMBER)]


def test_a_message_without_a_business_number_is_refused_by_send_and_not_by_its_rates() -> None:
    cloud = WhatsAppCloud(access_token=TOKEN)
    assert len(cloud.rate_limits(Envelope("1", "whatsapp", HELLO, PhoneNumber(NUMBER)))) == 2
    with Dispatcher([cloud]) as dispatcher, pytest.raises(errors.InvalidMessage):
        dispatcher.send(HELLO, to=NUMBER)


def test_forty_five_go_to_one_person_at_once_and_then_one_in_six_seconds() -> None:
    _, (_, pair) = _JOURNEY.rate_limits(Envelope("1", "whatsapp", HELLO, PhoneNumber(NUMBER)))
    due, waits = 0.0, []
    for _ in range(47):
        due, wait = reserve(due, pair, 1000.0)
        waits.append(wait)
    assert waits[:45] == [0.0] * 45
    assert waits[45:] == [6.0, 12.0]


# --- configuration


def _configured(emulator: WhatsAppCloudEmulator, **variables: str) -> WhatsAppCloud:
    named = {f"MESSAGING_CHANNELS_WHATSAPP_CLOUD_{name}": value for name, value in variables.items()}
    loaded = plugins.load_plugins(only=(), extra=[plugin_settings])
    code = {"providers": {NAME: {"base_url": emulator.url}}}
    provider = Configuration(code, named, {}, "none", loaded).provider(NAME)
    assert isinstance(provider, WhatsAppCloud)
    return provider


def test_it_is_configured_by_variables(emulator: WhatsAppCloudEmulator) -> None:
    cloud = _configured(
        emulator,
        ACCESS_TOKEN=TOKEN,
        SENDER=NUMBER_ID,
        WEBHOOK_APP_SECRETS="new-secret, old-secret",
        WEBHOOK_VERIFY_TOKEN="v",
        VERSION="v25.0",
        MESSAGES_PER_SECOND="20",
    )
    with Dispatcher([cloud]) as dispatcher:
        assert dispatcher.send(HELLO, to=NUMBER).outcome is Outcome.ACCEPTED
    assert emulator.requests[0].path == f"/v25.0/{NUMBER_ID}/messages"
    assert cloud.rate_limits(Envelope("1", "whatsapp", HELLO, PhoneNumber(NUMBER)))[0][1].limit == 20


def test_it_is_configured_by_a_dsn(emulator: WhatsAppCloudEmulator) -> None:
    cloud = _configured(emulator, DSN=f"whatsapp-cloud://{NUMBER_ID}:{TOKEN}@graph.example.com?version=v26.0")
    with Dispatcher([cloud]) as dispatcher:
        dispatcher.send(WhatsAppReaction("👍", "wamid.I"), to=NUMBER)
    assert emulator.requests[0].path == f"/v26.0/{NUMBER_ID}/messages"


def test_a_setting_that_is_missing_is_named_by_its_variable(emulator: WhatsAppCloudEmulator) -> None:
    with pytest.raises(errors.InvalidSetting, match="MESSAGING_CHANNELS_WHATSAPP_CLOUD_ACCESS_TOKEN"):
        _configured(emulator, SENDER=NUMBER_ID)
