"""Every call of pywa that our channels need, against the emulator, and pywa's own listener on what the emulator posts, as it posts it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from pywa import WhatsApp, handlers
from pywa import errors as pe
from pywa import types as p
from pywa.types import flows as pf
from pywa.types import templates as pt

from messaging_channels import Dispatcher, Rejected, WebhookRequest, errors
from messaging_channels import messages as m
from messaging_channels.events import MessageReceived, StatusChanged
from messaging_channels.messages import whatsapp_template as wt
from messaging_channels.plugins import HttpRequest, PhoneNumber, Reason, WhatsAppGroupId
from messaging_channels.testing import Transport
from messaging_channels_whatsapp_cloud import CustomerServiceWindows, GraphApiError, WhatsAppCloud
from messaging_channels_whatsapp_cloud.emulator import NUMBER_ID, SECRET, TOKEN, WhatsAppCloudEmulator

ACCOUNT = "102290129340398"
NUMBER, PERSON = "+447700900123", "GB.13491208655302741918"
GROUP = "Y2FwaV9ncm91cDo1NTU="
URL = "https://example.com/file.jpg"


@pytest.fixture
def emulator() -> Iterator[WhatsAppCloudEmulator]:
    with WhatsAppCloudEmulator(webhook_url="http://127.0.0.1:9/hook") as running:
        yield running


def _pywa(emulator: WhatsAppCloudEmulator, session: httpx.Client) -> WhatsApp:
    client = WhatsApp(
        phone_id=NUMBER_ID,
        token=TOKEN,
        session=session,
        filter_updates=False,
        app_secret=SECRET,
        verify_token="v",
        waba_id=ACCOUNT,
    )
    session.base_url = httpx.URL(f"{emulator.url}/v24.0")
    return client


@pytest.fixture
def pywa(emulator: WhatsAppCloudEmulator) -> Iterator[WhatsApp]:
    with httpx.Client() as session:
        yield _pywa(emulator, session)


def _template(client: WhatsApp) -> Any:
    body = pt.BodyText("Hi {{name}}", name="Ann")
    template = pt.Template(
        name="hello",
        language=pt.TemplateLanguage.ENGLISH,
        category=pt.TemplateCategory.UTILITY,
        components=[body],
        parameter_format=pt.ParamFormat.NAMED,
    )
    return client.create_template(template)


def _flow(client: WhatsApp) -> str:
    return client.create_flow("Book", [pf.FlowCategory.OTHER]).id


def _read_back(client: WhatsApp) -> bytes:
    held = client.upload_media(b"the bytes", "image/png", "a.png")
    return client.get_media_bytes(client.get_media_url(held.id).url)


CALLS: dict[str, tuple[Callable[[WhatsApp], Any], Any]] = {
    "upload and fetch": (_read_back, b"the bytes"),
    "delete a file": (lambda it: bool(it.delete_media(it.upload_media(b"x", "image/png", "a.png").id)), True),
    "read": (lambda it: bool(it.mark_message_as_read("wamid.I")), True),
    "typing": (lambda it: bool(it.indicate_typing("wamid.I")), True),
    "number": (lambda it: it.get_business_phone_number().verified_name, "Shop"),
    "numbers": (lambda it: [one.id for one in it.get_business_phone_numbers()], [NUMBER_ID]),
    "account": (lambda it: it.get_business_account().name, "Shop"),
    "profile": (lambda it: it.get_business_profile().about, "Shop"),
    "change the profile": (lambda it: (it.update_business_profile(about="Store"), it.get_business_profile().about)[1], "Store"),
    "commerce": (lambda it: it.get_commerce_settings().is_cart_enabled, True),
    "change commerce": (lambda it: (it.update_commerce_settings(is_cart_enabled=False), it.get_commerce_settings().is_cart_enabled)[1], False),
    "block": (lambda it: (it.block_users([NUMBER]), [one.wa_id for one in it.get_blocked_users()])[1], ["447700900123"]),
    "unblock": (lambda it: (it.block_users([NUMBER]), it.unblock_users([NUMBER]), list(it.get_blocked_users()))[2], []),
    "new template": (lambda it: _template(it).status, pt.TemplateStatus.APPROVED),
    "templates": (lambda it: (_template(it), [one.name for one in it.get_templates()])[1], ["hello"]),
    "templates by name": (lambda it: (_template(it), list(it.get_templates(name="other")))[1], []),
    "one template": (lambda it: it.get_template(_template(it).id).name, "hello"),
    "change a template": (lambda it: bool(it.update_template(_template(it).id, new_category=pt.TemplateCategory.MARKETING)), True),
    "unpause a template": (lambda it: bool(it.unpause_template(_template(it).id)), True),
    "delete a template": (lambda it: (_template(it), bool(it.delete_template("hello")), list(it.get_templates()))[1:], (True, [])),
    "new flow": (lambda it: bool(_flow(it)), True),
    "flows": (lambda it: (_flow(it), [one.name for one in it.get_flows()])[1], ["Book"]),
    "one flow": (lambda it: it.get_flow(_flow(it)).status, pf.FlowStatus.DRAFT),
    "change a flow": (lambda it: bool(it.update_flow_metadata(_flow(it), name="Visit")), True),
    "assets of a flow": (lambda it: [one.name for one in it.get_flow_assets(_flow(it))], ["flow.json"]),
    "change the screens": (lambda it: bool(it.update_flow_json(_flow(it), {"version": "7.2", "screens": []})), True),
    "publish": (lambda it: _published(it).status, pf.FlowStatus.PUBLISHED),
    "deprecate": (lambda it: _deprecated(it).status, pf.FlowStatus.DEPRECATED),
    "delete a flow": (lambda it: bool(it.delete_flow(_flow(it))), True),
    "callback of the account": (lambda it: bool(it.override_waba_callback_url("https://shop.example/h", "v")), True),
    "callback of the number": (lambda it: bool(it.override_phone_callback_url("https://shop.example/h", "v")), True),
    "new code": (lambda it: it.create_qr_code("Hello").prefilled_message, "Hello"),
    "codes": (lambda it: (it.create_qr_code("Hello"), [one.prefilled_message for one in it.get_qr_codes()])[1], ["Hello"]),
    "delete a code": (lambda it: bool(it.delete_qr_code(it.create_qr_code("Hello").code)), True),
}  # fmt: skip


def _published(client: WhatsApp) -> Any:
    flow = _flow(client)
    client.publish_flow(flow)
    return client.get_flow(flow)


def _deprecated(client: WhatsApp) -> Any:
    flow = _published(client).id
    client.deprecate_flow(flow)
    return client.get_flow(flow)


@pytest.mark.parametrize("name", CALLS)
def test_the_clients_call_passes(pywa: WhatsApp, name: str) -> None:
    call, expected = CALLS[name]
    assert call(pywa) == expected


ROWS = [p.SectionRow(title="Express", callback_data="r-1")]
REFUSED: dict[str, Callable[[WhatsApp], Any]] = {
    "equal titles": lambda it: it.send_message(NUMBER, "x", buttons=[p.Button("Yes", "1"), p.Button("Yes", "2")]),
    "equal ids": lambda it: it.send_message(NUMBER, "x", buttons=[p.Button("Yes", "1"), p.Button("No", "1")]),
    "long title": lambda it: it.send_message(NUMBER, "x", buttons=[p.Button("x" * 21, "1")]),
    "long words": lambda it: it.send_message(NUMBER, "x" * 1025, buttons=[p.Button("Yes", "1")]),
    "long text": lambda it: it.send_message(NUMBER, "x" * 4097),
    "long footer": lambda it: it.send_message(NUMBER, "x", footer="x" * 61, buttons=[p.Button("Yes", "1")]),
    "long header": lambda it: it.send_message(NUMBER, "x", header="x" * 61, buttons=[p.Button("Yes", "1")]),
    "long description": lambda it: it.send_message(NUMBER, "x", buttons=p.SectionList("Go", [p.Section("A", [p.SectionRow("a", "1", "x" * 73)])])),
    "long section": lambda it: it.send_message(NUMBER, "x", buttons=p.SectionList("Go", [p.Section("x" * 25, ROWS)])),
    "no title": lambda it: it.send_message(NUMBER, "x", buttons=p.SectionList("Go", [p.Section("", ROWS), p.Section("B", [p.SectionRow("b", "2")])])),
    "eleven rows": lambda it: it.send_message(NUMBER, "x", buttons=p.SectionList("Go", [p.Section("A", [p.SectionRow("a", str(n)) for n in range(11)])])),
    "long button": lambda it: it.send_message(NUMBER, "x", buttons=p.SectionList("x" * 21, [p.Section("A", ROWS)])),
    "long caption": lambda it: it.send_image(NUMBER, URL, caption="x" * 1025),
    "nobody": lambda it: it.send_message("+1", "x"),
    "no such file": lambda it: it.send_image(NUMBER, "4490709327384033"),
    "a kind of file": lambda it: it.upload_media(b"x", "application/x-msdownload", "a.exe"),
    "a size of file": lambda it: it.upload_media(b"x" * (5 * 1024 * 1024 + 1), "image/png", "a.png"),
    "a large sticker": lambda it: it.upload_media(b"x" * (500 * 1024 + 1), "image/webp", "a.webp"),
    "two templates": lambda it: (_template(it), _template(it)),
    "no such template": lambda it: it.get_template("594400000000001"),
    "a published flow": lambda it: it.delete_flow(_published(it).id),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_the_client_is_refused_what_meta_refuses(pywa: WhatsApp, name: str) -> None:
    with pytest.raises((pe.WhatsAppError, ValueError)):
        REFUSED[name](pywa)


@pytest.mark.parametrize("gap", ["a\nb", "a\rb", "a\tb", "a     b", "", " "])
@pytest.mark.parametrize("component", ["body", "header", "url", "copy code"])
def test_a_gap_of_any_component_is_refused_by_the_emulator_and_by_us(
    emulator: WhatsAppCloudEmulator, pywa: WhatsApp, gap: str, component: str
) -> None:
    theirs: dict[str, Any] = {
        "body": lambda: pt.BodyText.params(gap),
        "header": lambda: pt.HeaderText.params(gap),
        "url": lambda: pt.URLButton.params(url_variable=gap, index=0),
        "copy code": lambda: pt.CopyCodeButton.params(coupon_code=gap, index=0),
    }
    ours: dict[str, Callable[[], m.WhatsAppTemplate]] = {
        "body": lambda: m.WhatsAppTemplate("a", "en", (gap,)),
        "header": lambda: m.WhatsAppTemplate("a", "en", header=wt.TextHeader((gap,))),
        "url": lambda: m.WhatsAppTemplate("a", "en", buttons=(wt.UrlParameter(gap),)),
        "copy code": lambda: m.WhatsAppTemplate("a", "en", buttons=(wt.CopyCode(gap),)),
    }
    with pytest.raises((pe.WhatsAppError, ValueError)):
        pywa.send_template(NUMBER, "a", pt.TemplateLanguage.ENGLISH, [theirs[component]()])
    before = len(emulator.requests)
    with Dispatcher([_cloud(emulator)]) as dispatcher, pytest.raises(errors.InvalidMessage):
        dispatcher.send(ours[component](), to=NUMBER)
    assert len(emulator.requests) == before
    assert emulator.messages == []


# --- webhooks, as they are posted


RECEIVED: dict[str, dict[str, Any]] = {
    "text": {"type": "text", "text": {"body": "Hello"}},
    "image": {"type": "image", "image": {"id": "1", "mime_type": "image/jpeg", "sha256": "x", "caption": "Front"}},
    "document": {"type": "document", "document": {"id": "1", "mime_type": "application/pdf", "sha256": "x", "filename": "a.pdf"}},
    "location": {"type": "location", "location": {"latitude": 1.5, "longitude": 2.5, "name": "Shop"}},
    "contacts": {"type": "contacts", "contacts": [{"name": {"formatted_name": "Ann", "first_name": "Ann"}, "phones": [{"phone": "+1"}]}]},
    "reaction": {"type": "reaction", "reaction": {"message_id": "wamid.Y", "emoji": "👍"}},
    "button": {"type": "interactive", "interactive": {"type": "button_reply", "button_reply": {"id": "k", "title": "Keep"}}},
    "list": {"type": "interactive", "interactive": {"type": "list_reply", "list_reply": {"id": "r", "title": "Row", "description": "1"}}},
    "quick reply": {"type": "button", "button": {"payload": "stop", "text": "Stop"}},
    "flow": {"type": "interactive", "interactive": {"type": "nfm_reply", "nfm_reply": {"name": "flow", "body": "Sent", "response_json": '{"a": 1}'}}},
    "edit": {"type": "edit", "edit": {"original_message_id": "wamid.Y", "message": {"type": "text", "text": {"body": "at ten"}}}},
    "revoke": {"type": "revoke", "revoke": {"original_message_id": "wamid.Y"}},
}  # fmt: skip
_KINDS = [
    handlers.MessageHandler,
    handlers.MessageStatusHandler,
    handlers.CallbackButtonHandler,
    handlers.CallbackSelectionHandler,
    handlers.FlowCompletionHandler,
    handlers.EditedMessageHandler,
    handlers.DeletedMessageHandler,
    handlers.GroupMessageStatusesHandler,
]


def _hear(client: WhatsApp, call: HttpRequest) -> None:
    """Give it a call as it was posted."""
    assert client.webhook_update_validator(call.body, call.headers["x-hub-signature-256"]) is None
    assert client.webhook_update_handler(call.body) == ("ok", 200)


def _listening(client: WhatsApp) -> list[Any]:
    heard: list[Any] = []
    for kind in _KINDS:
        client.add_handlers(kind(lambda _, update: heard.append(update)))
    return heard


@pytest.mark.parametrize("sender", ["447700900123", PERSON], ids=["number", "id"])
@pytest.mark.parametrize("name", RECEIVED)
def test_pywas_listener_reads_what_the_emulator_posts(
    emulator: WhatsAppCloudEmulator, pywa: WhatsApp, name: str, sender: str
) -> None:
    heard = _listening(pywa)
    wamid = emulator.receive_message(sender, RECEIVED[name])
    emulator.wait_for_reports()
    ((call, _),) = emulator.reports
    _hear(pywa, call)
    (update,) = heard
    (event,) = _OURS.handle_webhook(WebhookRequest(call.body, call.headers)).events
    assert update.timestamp.timestamp() == event.occurred_at
    if isinstance(event, MessageReceived):
        assert update.id == event.provider_id == wamid
        assert (update.from_user.wa_id or update.from_user.bsuid) == event.sender.plain == sender
        assert getattr(update, "text", event.text) in (event.text, None)


@pytest.mark.parametrize("to", [NUMBER, PERSON], ids=["number", "id"])
def test_pywas_listener_reads_the_reports_as_they_are_posted(
    emulator: WhatsAppCloudEmulator, pywa: WhatsApp, to: str
) -> None:
    heard = _listening(pywa)
    with Dispatcher([_cloud(emulator)]) as dispatcher:
        receipt = dispatcher.send(m.WhatsAppText("Hello"), to=to)
    emulator.wait_for_reports()
    for call, _ in emulator.reports:
        _hear(pywa, call)
    assert [(one.status.value, one.tracker) for one in heard] == [
        ("sent", receipt.id),
        ("delivered", receipt.id),
    ]


def test_a_message_to_a_group_goes_there_and_its_reports_name_the_member(
    emulator: WhatsAppCloudEmulator, pywa: WhatsApp
) -> None:
    heard = _listening(pywa)
    emulator.receive_message("447700900123", {**RECEIVED["text"], "group_id": GROUP})
    emulator.wait_for_reports()
    ((call, _),) = emulator.reports
    with Dispatcher([_cloud(emulator)]) as dispatcher:
        (asked,) = dispatcher.handle_webhook("whatsapp-cloud", WebhookRequest(call.body, call.headers)).events
        assert isinstance(asked, MessageReceived)
        assert asked.group_id == GROUP
        dispatcher.send(m.WhatsAppText("Hello all", reply_to=asked.provider_id), to=asked.reply_address)
        dispatcher.send(m.WhatsAppText("Hello all"), to=f"group:{GROUP}")
    emulator.wait_for_reports()
    assert [(one.body["recipient_type"], one.to) for one in emulator.messages] == [("group", GROUP)] * 2
    for call, _ in emulator.reports[1:]:
        _hear(pywa, call)
        (event,) = _OURS.handle_webhook(WebhookRequest(call.body, call.headers)).events
        assert isinstance(event, StatusChanged)
        assert (event.group_id, event.participant) == (GROUP, PhoneNumber("447700900199"))
    assert [one.group_id for one in heard] == [GROUP] * 4


@pytest.mark.parametrize("text", ["group:", "group:a b", "group:\ud83d", "group:" + "a" * 300])
def test_what_is_no_group_is_refused(emulator: WhatsAppCloudEmulator, text: str) -> None:
    with Dispatcher([_cloud(emulator)]) as dispatcher, pytest.raises(errors.InvalidAddress):
        dispatcher.send(m.WhatsAppText("Hello"), to=text)
    assert str(WhatsAppGroupId(GROUP)) == "group:•••NTU="[:6] + "•••" + GROUP[-3:]


def test_a_download_whose_digest_is_wrong_says_so() -> None:
    class Torn(WhatsAppCloudEmulator):
        def _file(self, name: str) -> Any:
            answer = super()._file(name)
            return type(answer)(answer.status, answer.headers, answer.body[:-1])

    with Torn() as torn, Transport() as transport:
        torn.files["1"] = ("image/png", b"the bytes")
        with pytest.raises(GraphApiError, match="digest"):
            transport.run(_cloud(torn).download("1"))


def _cloud(emulator: WhatsAppCloudEmulator) -> WhatsAppCloud:
    return WhatsAppCloud(
        access_token=TOKEN, sender=NUMBER_ID, base_url=emulator.url, webhook_app_secrets=[SECRET]
    )


_OURS = WhatsAppCloud(access_token="t", webhook_app_secrets=[SECRET])


@pytest.mark.parametrize(("to", "reason"), [(PERSON, Reason.NO_COVERAGE), (NUMBER, Reason.RECIPIENT)])
def test_who_cannot_be_addressed_by_an_id_may_be_reached_by_another_provider(
    emulator: WhatsAppCloudEmulator, to: str, reason: Reason
) -> None:
    emulator.pending_rejections.add(131062, 1)
    with Dispatcher([_cloud(emulator)]) as dispatcher, pytest.raises(Rejected) as refused:
        dispatcher.send(m.WhatsAppText("Hello"), to=to)
    (attempt,) = refused.value.receipt.attempts
    assert attempt.result is not None
    assert attempt.result.reason is reason


def test_a_message_in_a_group_opens_the_groups_window() -> None:
    windows = CustomerServiceWindows()
    with WhatsAppCloudEmulator(webhook_url="http://127.0.0.1:9/hook") as emulator:
        emulator.receive_message("447700900123", {**RECEIVED["text"], "group_id": GROUP})
        emulator.wait_for_reports()
        ((call, _),) = emulator.reports
        with Dispatcher([_cloud(emulator)], observer=windows) as dispatcher:
            dispatcher.handle_webhook("whatsapp-cloud", WebhookRequest(call.body, call.headers))
    assert windows.open_until(WhatsAppGroupId(GROUP), number_id=NUMBER_ID) is not None
    assert windows.open_until(PhoneNumber("447700900123"), number_id=NUMBER_ID) is None
