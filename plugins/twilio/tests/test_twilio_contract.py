"""Against Twilio's own specification, its own client, and Prism serving the specification: parts that we did not write."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from specifications import FOLDER
from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from messaging_channels import Dispatcher, Outcome, PhoneNumber, Sms, WebhookRequest
from messaging_channels.messages import (
    Message,
    Mms,
    WhatsAppDocument,
    WhatsAppImage,
    WhatsAppLocation,
    WhatsAppTemplate,
    WhatsAppText,
)
from messaging_channels.plugins import AttemptResult, Envelope, HttpRequest, HttpResponse
from messaging_channels.plugins import status as statuses
from messaging_channels.testing import Transport
from messaging_channels_twilio import SigningKey, Twilio, TwilioApiError, TwilioOptions
from messaging_channels_twilio._table_errors import ERRORS
from messaging_channels_twilio._table_statuses import INBOUND, STATUSES
from messaging_channels_twilio.emulator import ACCOUNT_SID, AUTH_TOKEN, OUR_NUMBER, TwilioEmulator
from messaging_channels_twilio.errors import CODES

pytestmark = pytest.mark.slow

ROOT = "/2010-04-01/Accounts/{AccountSid}/Messages.json"
FORM = "application/x-www-form-urlencoded"
NUMBER = "447700900123"
SERVICE = "MG" + "a" * 32
CONTENT = "HX" + "c" * 32
LATER = datetime.now(UTC) + timedelta(days=1)


@cache
def _text_of(name: str) -> str:
    file = FOLDER / f"{name}.json"
    if not file.exists():
        pytest.skip("the official specification is not here: set MESSAGING_CHANNELS_SPECS to its folder")
    return file.read_text("utf-8")


def _specification(name: str = "twilio_api_v2010") -> dict[str, Any]:
    return json.loads(_text_of(name))  # type: ignore[no-any-return]


def _twilio(url: str | None = None, **settings: Any) -> Twilio:
    return Twilio(
        account_sid=ACCOUNT_SID,
        auth_token=AUTH_TOKEN,
        sender=OUR_NUMBER,
        whatsapp_sender="+14155238886",
        base_url=url,
        status_callback="https://hooks.example.org/t?tenant=a",
        templates={("order_ready", "en"): CONTENT},
        **settings,
    )


EVERYTHING = TwilioOptions(
    messaging_service_sid=SERVICE,
    fallback_from="+447700900001",
    application_sid="AP" + "1" * 32,
    validity_period=timedelta(hours=1),
    send_at=LATER,
    persistent_action=("geo:1,2|x",),
    smart_encoded=True,
    send_as_mms=False,
    shorten_urls=True,
    content_retention="retain",
    address_retention="obfuscate",
    risk_check="disable",
    message_intent="otp",
    provide_feedback=True,
    attempt=1,
    traffic_type="free",
)
SCHEDULED = TwilioOptions(messaging_service_sid=SERVICE, send_at=LATER)
MESSAGES: list[Message] = [
    Sms("Hello"),
    Sms("Žluťoučký 😀", sender=SERVICE, validity_period=timedelta(minutes=5)),
    Sms("Hello", sender="Shop", provider_options=(EVERYTHING,)),
    Sms("Hello", provider_options=(SCHEDULED,)),
    Mms(("https://example.com/a.png", "https://example.com/b.png"), text="Look"),
    Mms(("https://example.com/a.png",)),
    WhatsAppText("Hello"),
    WhatsAppImage("https://example.com/a.png", caption="Look"),
    WhatsAppDocument("https://example.com/a.pdf"),
    WhatsAppLocation(45.81, 15.98, name="Office"),
    WhatsAppTemplate("order_ready", "en", parameters=("Zoë",)),
]


def _envelope(message: Message) -> Envelope:
    channel = "whatsapp" if type(message).__name__.startswith("WhatsApp") else "sms"
    return Envelope("message-1", channel, message, PhoneNumber(NUMBER))


def _typed(text: str, schema: dict[str, Any], document: dict[str, Any]) -> Any:
    resolved = _resolved(schema, document)
    kind = resolved.get("type")
    if resolved.get("format") == "uri":
        assert urlsplit(text).scheme in ("http", "https")
    if resolved.get("format") == "date-time":
        assert datetime.fromisoformat(text).utcoffset() == timedelta(0)
    if kind == "boolean":
        assert text in ("true", "false")
        return text == "true"
    return {"integer": int, "number": float}.get(kind, str)(text)


def _resolved(schema: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    reference = schema.get("$ref")
    return document["components"]["schemas"][reference.rpartition("/")[2]] if reference else schema


def _object(body: bytes, schema: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    """Turn a form into the object that the schema speaks of: arrays are repeated keys."""
    read: dict[str, Any] = {}
    for name, text in parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True):
        expected = _resolved(schema["properties"][name], document)
        if expected.get("type") == "array":
            read.setdefault(name, []).append(_typed(text, expected["items"], document))
        else:
            assert name not in read
            read[name] = _typed(text, expected, document)
    return read


def _form_schema(document: dict[str, Any], path: str) -> dict[str, Any]:
    schema: dict[str, Any] = document["paths"][path]["post"]["requestBody"]["content"][FORM]["schema"]
    return {**schema, "additionalProperties": False, "components": document["components"]}


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_a_request_is_what_the_official_specification_asks_for(message: Message) -> None:
    document = _specification()
    schema = _form_schema(document, ROOT)
    schema["properties"]["MessageIntent"] = {
        "type": "string"
    }  # in Twilio's libraries since 2026, not yet in the document
    request = _twilio().build_request(_envelope(message))
    path = urlsplit(request.url).path
    assert path == ROOT.format(AccountSid=ACCOUNT_SID)
    validator = jsonschema.Draft202012Validator(schema)
    read = _object(request.body, schema, document)
    validator.validate(read)
    (sender, content) = document["paths"][ROOT]["post"]["x-twilio"]["conditional"]
    for alternatives in (sender, content):
        assert any(name.replace("_", "") in {given.lower() for given in read} for name in alternatives)
    assert not validator.is_valid({})
    assert not validator.is_valid({**read, "ScheduleType": "later"})


def test_what_is_asked_besides_is_in_the_specification_too() -> None:
    document, twilio = _specification(), _twilio()
    sid = "SM" + "1" * 32
    asked = [
        (twilio.fetch(sid), "/Messages/{Sid}.json"),
        (twilio.cancel(sid), "/Messages/{Sid}.json"),
        (twilio.redact(sid), "/Messages/{Sid}.json"),
        (twilio.delete(sid), "/Messages/{Sid}.json"),
        (twilio.media(sid), "/Messages/{MessageSid}/Media.json"),
        (twilio.delete_media(sid, "ME" + "1" * 32), "/Messages/{MessageSid}/Media/{Sid}.json"),
        (twilio.feedback(sid, confirmed=True), "/Messages/{MessageSid}/Feedback.json"),
        (
            twilio.list_messages(to=f"+{NUMBER}", sender=OUR_NUMBER, since=LATER.date(), until=LATER.date()),
            "/Messages.json",
        ),
    ]
    for flow, path in asked:
        request = next(flow)
        assert isinstance(request, HttpRequest)
        template = "/2010-04-01/Accounts/{AccountSid}" + path
        operation = document["paths"][template][request.method.lower()]
        if request.body:
            schema = _form_schema(document, template)
            jsonschema.Draft202012Validator(schema).validate(_object(request.body, schema, document))
        queried = {
            name
            for name, _ in parse_qsl(urlsplit(request.url).query, strict_parsing=bool("?" in request.url))
        }
        assert queried <= {parameter["name"] for parameter in operation["parameters"]}


@cache
def _answers(path: str, method: str, status: str, name: str = "twilio_api_v2010") -> st.SearchStrategy[Any]:
    """Generate the answers that the specification allows there."""
    document = _specification(name)
    answer = document["paths"][path][method]["responses"][status]
    return _from_schema(answer["content"]["application/json"]["schema"], document)


def _from_schema(schema: dict[str, Any], document: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Generate what the schema allows; each property may be missing, and text of a format may be any text."""
    schema = _resolved(schema, document)
    made = _of_type(schema, document)
    return st.none() | made if schema.get("nullable") else made


def _of_type(schema: dict[str, Any], document: dict[str, Any]) -> st.SearchStrategy[Any]:
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "pattern" in schema:
        return _matching(schema["pattern"])
    if schema.get("format") == "date-time-rfc-2822":
        return st.datetimes(timezones=st.just(UTC)).map(format_datetime) | st.text(max_size=8)
    if schema.get("type") == "array":
        return st.lists(_from_schema(schema["items"], document), max_size=3)
    if schema.get("type") == "object":
        inner = {name: _from_schema(one, document) for name, one in schema.get("properties", {}).items()}
        return st.fixed_dictionaries({}, optional=inner)
    return {"integer": st.integers(), "boolean": st.booleans()}.get(
        schema.get("type", ""), st.text(max_size=8)
    )


def _matching(pattern: str) -> st.SearchStrategy[str]:
    """Generate what a pattern matches: those of SIDs are all of one form, and slow to generate from the expression."""
    sid = re.fullmatch(r"\^\(?([A-Z|]+)\)?\[0-9a-fA-F\]\{32\}\$", pattern)
    if sid is None:
        return st.from_regex(pattern, fullmatch=True)
    return st.builds(
        lambda prefix, number: f"{prefix}{number:032x}",
        st.sampled_from(sid[1].split("|")),
        st.integers(0, 2**128 - 1),
    )


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.data())
def test_every_answer_that_the_specification_allows_is_read(data: st.DataObject) -> None:
    resource = data.draw(_answers(ROOT, "post", "201"))
    result = _twilio().parse_response(
        HttpResponse(201, {}, json.dumps(resource).encode()), _envelope(Sms("Hi"))
    )
    assert result.provider_id == resource.get("sid")
    if resource.get("sid") and resource.get("status") in STATUSES:
        ended = result.status.final and result.status.group is not statuses.StatusGroup.DELIVERED
        assert result.outcome is (Outcome.REJECTED if ended else Outcome.ACCEPTED)


@given(st.data())
def test_an_answer_with_anything_in_its_fields_gets_an_outcome(data: st.DataObject) -> None:
    document = _specification()
    fields = [
        *document["components"]["schemas"]["api.v2010.account.message"]["properties"],
        "code",
        "message",
    ]
    answer = data.draw(st.dictionaries(st.sampled_from(fields), anything, max_size=8) | anything)
    status = data.draw(st.integers(100, 599))
    result = _twilio().parse_response(
        HttpResponse(status, {}, json.dumps(answer).encode()), _envelope(Sms("Hi"))
    )
    assert isinstance(result, AttemptResult)
    assert status // 100 == 2 or result.outcome is not Outcome.ACCEPTED
    assert status // 100 == 2 or result.provider_id is None


@given(st.integers(100, 599), st.binary(max_size=40))
def test_an_answer_of_any_bytes_gets_an_outcome(status: int, body: bytes) -> None:
    result = _twilio().parse_response(HttpResponse(status, {}, body), _envelope(Sms("Hi")))
    assert result.outcome is not Outcome.ACCEPTED


def _end_of(flow: Any, response: HttpResponse) -> Any:
    next(flow)
    try:
        flow.send(response)
    except StopIteration as done:
        return done.value
    except TwilioApiError as refused:
        return refused
    message = "the flow asked for more"
    raise AssertionError(message)


@given(st.data())
def test_listings_and_refusals_of_any_shape_raise_nothing_but_ours(data: st.DataObject) -> None:
    status = data.draw(st.sampled_from([200, 201, 400, 404, 500]))
    page = data.draw(_answers(ROOT, "get", "200") | anything)
    response = HttpResponse(
        status, {"twilio-request-id": data.draw(st.text(max_size=5))}, json.dumps(page).encode()
    )
    listed = _end_of(_twilio().list_messages(), response)
    assert isinstance(listed, TwilioApiError) == (status >= 400)
    if status < 400 and isinstance(page, dict) and isinstance(page.get("messages"), list):
        given = [one for one in page["messages"] if isinstance(one, dict) and one.get("sid")]
        assert len(listed.messages) == len(given)
    for flow in (
        _twilio().fetch("SM1"),
        _twilio().balance(),
        _twilio().media("SM1"),
        _twilio().feedback("SM1", confirmed=True),
    ):
        _end_of(flow, response)


@given(st.data())
def test_templates_are_read_from_every_answer_that_the_specification_allows(data: st.DataObject) -> None:
    document = _specification("twilio_content_v1")
    schema = document["paths"]["/v1/Content"]["get"]["responses"]["200"]["content"]["application/json"][
        "schema"
    ]
    page = data.draw(_from_schema(schema, document))
    found = _end_of(_twilio().templates(), HttpResponse(200, {}, json.dumps(page).encode()))
    assert len(found) <= len(page.get("contents", []))


@given(st.data())
def test_reports_of_every_message_that_the_specification_allows_are_read(data: st.DataObject) -> None:
    document = _specification()
    message = data.draw(
        _from_schema(document["components"]["schemas"]["api.v2010.account.message"], document)
    )
    fields = {
        "MessageSid": message.get("sid") or "",
        "MessageStatus": message.get("status") or "",
        "ErrorCode": str(message.get("error_code") or ""),
        "From": message.get("from") or "",
        "To": message.get("to") or "",
        "Body": message.get("body") or "",
    }
    body = json.dumps(fields).encode()
    url = f"https://hooks.example.org/t?bodySHA256={sha256(body).hexdigest()}"
    call = WebhookRequest(body, {"x-twilio-signature": SigningKey(AUTH_TOKEN).sign(url)}, url)
    events = _twilio().handle_webhook(call).events
    assert events
    if fields["MessageSid"] and fields["MessageStatus"] in STATUSES:
        assert type(events[0]).__name__ == "StatusChanged"


def test_every_state_of_the_specification_has_a_meaning() -> None:
    document = _specification()
    assert {*STATUSES, *INBOUND} == set(document["components"]["schemas"]["message_enum_status"]["enum"])


REFERENCE = FOLDER.parent / "reference" / "twilio_errors.csv"


def test_the_error_table_is_total_over_the_reference() -> None:
    if not REFERENCE.exists():
        pytest.skip("the reference is not here: it lies beside the specifications")
    with REFERENCE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(ERRORS) == len(CODES) == len(rows)
    for row in rows:
        error = CODES[int(row["code"])]
        assert (error.error_class, error.phase) == (row["class"], row["phase"])
        status = error.status and (str(error.status.group_id), str(error.status.id))
        assert (status or ("", "")) == (row["status_group_id"], row["status_id"])


def test_a_reason_is_in_line_with_its_class() -> None:
    kinds = {
        "recipient": {Outcome.REJECTED},
        "content": {Outcome.REJECTED},
        "config": {Outcome.REJECTED, Outcome.NOT_SENT},
        "permanent": {Outcome.REJECTED},
        "throttle": {Outcome.NOT_SENT},
        "transient": {Outcome.UNKNOWN, Outcome.REJECTED},
    }
    for error in CODES.values():
        assert AttemptResult.of(error.reason).outcome in kinds[error.error_class], error


class Loopback(TwilioHttpClient):
    """Twilio's own HTTP client, led to the emulator."""

    def __init__(self, url: str) -> None:
        super().__init__(timeout=5)
        self.url = url
        assert self.session is not None
        self.session.trust_env = False

    def request(self, method: str, url: str, *arguments: Any, **named: Any) -> Any:  # type: ignore[override]
        parts = urlsplit(url)
        assert parts.hostname in ("api.twilio.com", "content.twilio.com")
        return super().request(
            method, url.replace(f"https://{parts.hostname}", self.url), *arguments, **named
        )


@contextmanager
def _client(emulator: TwilioEmulator, token: str = AUTH_TOKEN) -> Iterator[Client]:
    http = Loopback(emulator.url)
    assert http.session is not None
    with http.session:
        yield Client(ACCOUNT_SID, token, http_client=http)


def test_twilios_own_client_works_on_the_emulator() -> None:
    with TwilioEmulator(templates={("order_ready", "en"): CONTENT}) as emulator, _client(emulator) as client:
        message = client.messages.create(
            to=f"+{NUMBER}", from_=OUR_NUMBER, body="Hello", media_url=["https://example.com/a"]
        )
        assert message.status == "queued"
        assert client.messages(message.sid).fetch().status == "delivered"
        assert [
            one.sid
            for one in client.messages.list(to=f"+{NUMBER}", date_sent_after=LATER - timedelta(days=2))
        ] == [message.sid]
        assert len(client.messages(message.sid).media.list()) == 1
        assert client.messages(message.sid).update(body="").body == ""
        client.messages(message.sid).feedback.create(outcome="confirmed")
        assert client.messages(message.sid).delete()
        later = client.messages.create(
            to=f"+{NUMBER}", messaging_service_sid=SERVICE, body="Hi", schedule_type="fixed", send_at=LATER
        )
        assert client.messages(later.sid).update(status="canceled").status == "canceled"
        assert [one.sid for one in client.content.v1.contents.list()] == [CONTENT]
        assert client.api.v2010.accounts(ACCOUNT_SID).balance.fetch().currency == "USD"


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"to": "+15005550001"}, 21211),
        ({"to": "nobody"}, 21211),
        ({"body": "x" * 1601}, 21617),
        ({"body": None}, 21619),
        ({"from_": None}, 21603),
        ({"messaging_service_sid": "MG1"}, 21705),
        ({"from_": "whatsapp:+14155238886"}, 21910),
        ({"content_sid": "HX1"}, 21655),
        ({"content_variables": "{}"}, 21654),
        ({"content_sid": CONTENT, "content_variables": '{"1": null}'}, 21656),
        ({"content_sid": CONTENT, "content_variables": "no json"}, 21656),
        ({"media_url": ["ftp://x"]}, 21620),
        ({"media_url": ["https://example.com/a"] * 11}, 21623),
        ({"status_callback": "nowhere"}, 21609),
        ({"validity_period": 36001}, 90007),
        ({"schedule_type": "fixed", "send_at": LATER}, 35118),
        ({"schedule_type": "fixed", "messaging_service_sid": SERVICE}, 35111),
        ({"send_at": LATER, "messaging_service_sid": SERVICE}, 35126),
        ({"schedule_type": "fixed", "messaging_service_sid": SERVICE, "send_at": "soon"}, 35115),
        (
            {
                "schedule_type": "fixed",
                "messaging_service_sid": SERVICE,
                "send_at": LATER + timedelta(days=36),
            },
            35114,
        ),
    ],
)
def test_the_emulator_refuses_twilios_own_client_as_twilio_does(
    parameters: dict[str, Any], code: int
) -> None:
    usual = {"to": f"+{NUMBER}", "from_": OUR_NUMBER, "body": "Hello"}
    given = {name: value for name, value in {**usual, **parameters}.items() if value is not None}
    with TwilioEmulator() as emulator, _client(emulator) as client:
        with pytest.raises(TwilioRestException) as refused:
            client.messages.create(**given)
        assert (refused.value.code, refused.value.status) == (code, 400)
        assert emulator.messages == {}


def test_the_emulator_knows_its_account_only() -> None:
    with (
        TwilioEmulator() as emulator,
        _client(emulator, "wrong") as client,
        pytest.raises(TwilioRestException) as refused,
    ):
        client.messages.create(to=f"+{NUMBER}", from_=OUR_NUMBER, body="Hello")
    assert (refused.value.status, refused.value.code) == (401, 20003)


@pytest.mark.parametrize(
    "message",
    [message for message in MESSAGES if EVERYTHING not in message.provider_options],
    ids=lambda message: type(message).__name__,
)  # type: ignore[attr-defined]
def test_twilios_own_client_sends_the_same_form(message: Message) -> None:
    """Its names are ours in snake case; what it makes of them has to be what we made."""
    ours = parse_qsl(_twilio().build_request(_envelope(message)).body.decode(), keep_blank_values=True)
    given: dict[str, Any] = {}
    for name, value in ours:
        snake = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")
        given.setdefault({"from": "from_"}.get(snake, snake), []).append(value)
    parameters = {
        name: values if name in ("media_url", "persistent_action") else values[0]
        for name, values in given.items()
    }
    with TwilioEmulator() as emulator, _client(emulator) as client:
        client.messages.create(**parameters)
        theirs = parse_qsl(emulator.requests[0].body.decode(), keep_blank_values=True)
    assert sorted(theirs) == sorted(ours)


@pytest.mark.parametrize(("edge", "region"), [("dublin", "ie1"), ("sydney", None), ("frankfurt", "ie1")])
def test_edges_lead_to_the_host_that_twilios_own_client_goes_to(edge: str, region: str | None) -> None:
    theirs = Client(ACCOUNT_SID, AUTH_TOKEN, edge=edge, region=region).get_hostname("https://api.twilio.com")
    ours = _twilio(edge=edge, region=region).build_request(_envelope(Sms("Hi"))).url
    assert ours.startswith(f"{theirs}/2010-04-01/")


PRISM = "5.14.2"


@pytest.fixture(scope="module")
def prism() -> str:
    """Return the command; install it once a machine, where npm can."""
    for name in ("node", "npm"):
        if shutil.which(name) is None:
            pytest.skip(f"{name} is not on this machine")
    _specification()
    home = Path(tempfile.gettempdir()) / f"messaging-channels-prism-{PRISM}-{os.getuid()}"
    command = Path(shutil.which("prism") or home / "node_modules" / ".bin" / "prism")
    if not command.exists():
        home.mkdir(mode=0o700, exist_ok=True)
        options = [
            "--no-save",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--prefer-offline",
            "--fetch-retries=0",
        ]
        install = ["npm", "install", *options, "--prefix", str(home), f"@stoplight/prism-cli@{PRISM}"]
        try:
            done = subprocess.run(install, capture_output=True, timeout=100, check=False)
        except subprocess.TimeoutExpired:
            pytest.skip("npm could not install Prism within 100 seconds")
        if done.returncode or not command.exists():
            pytest.skip("npm could not install Prism: no network, or no copy of it")
    return str(command)


def _messages_document() -> dict[str, Any]:
    """Return the specification with its faults mended: correct requests would fail. An answer without a body needs a description at least."""
    document = _specification()
    form = document["paths"][ROOT]["post"]["requestBody"]["content"][FORM]
    form["encoding"] = {name: {"style": "form", "explode": True} for name in ("MediaUrl", "PersistentAction")}
    for operation in (
        one for item in document["paths"].values() for one in item.values() if "responses" in one
    ):
        for answer in operation["responses"].values():
            answer.setdefault("description", "as it says")
    _pages_may_be_relative(document)
    return document


def _pages_may_be_relative(document: dict[str, Any]) -> None:
    for item in document["paths"].values():
        answer = (
            item.get("get", {})
            .get("responses", {})
            .get("200", {})
            .get("content", {})
            .get("application/json", {})
        )
        for described in answer.get("schema", {}).get("properties", {}).values():
            described.pop("format", None)


@contextmanager
def _serving(prism: str, document: dict[str, Any], folder: Path) -> Iterator[str]:
    file = folder / "document.json"
    file.write_text(json.dumps(document), "utf-8")
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    command = [prism, "mock", "-h", "127.0.0.1", "-p", str(port), str(file)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            _wait_until_it_listens(server, port)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def _wait_until_it_listens(server: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + 30
    while server.poll() is None and time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    pytest.skip("Prism did not start within 30 seconds")


def test_prism_accepts_whatever_we_send(prism: str, tmp_path: Path) -> None:
    sid = "SM" + "1" * 32
    with _serving(prism, _messages_document(), tmp_path) as url, Transport() as transport:
        twilio = _twilio(url)
        with Dispatcher([twilio]) as dispatcher:
            for message in MESSAGES:
                assert dispatcher.send(message, to=NUMBER).outcome is Outcome.ACCEPTED
        assert transport.run(twilio.fetch(sid)).sid
        transport.run(twilio.cancel(sid))
        transport.run(twilio.redact(sid))
        transport.run(twilio.delete(sid))
        transport.run(twilio.media(sid))
        transport.run(twilio.delete_media(sid, "ME" + "1" * 32))
        transport.run(twilio.feedback(sid, confirmed=True))
        transport.run(twilio.list_messages(to=f"+{NUMBER}", since=LATER.date()))
        with pytest.raises(TwilioApiError) as refused:  # it can say no
            transport.run(twilio.fetch("SM1"))
        assert refused.value.status == 422
        for _ in range(50):
            assert isinstance(transport.run(_random_answer(twilio)), AttemptResult)


def _random_answer(twilio: Twilio) -> Any:
    """Send, and have Prism make up an answer within the schema."""
    request = twilio.build_request(_envelope(Sms("Hello")))
    response = yield replace(request, headers={**request.headers, "prefer": "dynamic=true"})
    return twilio.parse_response(response, _envelope(Sms("Hello")))


def test_prism_accepts_how_we_ask_for_templates(prism: str, tmp_path: Path) -> None:
    document = _specification("twilio_content_v1")
    _pages_may_be_relative(document)
    with _serving(prism, document, tmp_path) as url, Transport() as transport:
        found = transport.run(_twilio(url).templates())
    assert len(found) == 1
