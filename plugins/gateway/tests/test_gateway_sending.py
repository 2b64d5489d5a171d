"""The nine calls, as the system before had them, and what is new."""

from __future__ import annotations

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from messaging_channels_gateway.channels import CHANNELS

USER = "634b56217f6a7b0be52dffbd"
NINE = [
    (path, channel, address)
    for path in ("/v1/apps/message/", f"/v1/users/{USER}/message/", f"/v1/identities/{USER}/person/message/")
    for channel, address in (
        ("sms", "38598123456"),
        ("whatsapp", "38598123456"),
        ("email", "user@example.com"),
    )
]


@pytest.fixture
def people(served: Any) -> Any:
    user = {"channel": {"sms": "38598123456", "whatsapp": "38598123456", "email": "user@example.com"}}
    contact = {"phone": [{"number": "38598123456"}], "email": [{"address": "user@example.com"}]}
    assert served.client.put(f"/v1/users/{USER}", json=user).status_code == 201
    identity = {"type": "person", "person": {"contactInformation": contact}}
    assert served.client.put(f"/v1/identities/{USER}", json=identity).status_code == 201
    return served


def _body(path: str, channel: str, address: str) -> dict[str, Any]:
    content = {"text": "My text message"}
    if channel == "email":
        content = {
            "subject": "This is a test subject",
            "html": "<b>This is test html email message</b>",
            "text": "This is test text email message",
        }
    return {"content": content} | ({"to": address} if "/apps/" in path else {})


@pytest.mark.parametrize(("path", "channel", "address"), NINE)
def test_each_of_the_nine_calls_answers_to_the_letter(
    people: Any, path: str, channel: str, address: str
) -> None:
    answer = people.client.post(
        path + channel,
        json=_body(path, channel, address),
        headers={"idempotency-key": "27373fabc392933deffda"},
    )
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    (message,) = answer.json()["messages"]
    assert list(answer.json()) == ["messages"]
    assert isinstance(message.pop("messageId"), str)
    assert message == {
        "status": {
            "groupId": 1,
            "groupName": "PENDING",
            "id": 26,
            "name": "PENDING_ACCEPTED",
            "description": "Message sent to next instance",
        },
        "destination": address,
    }


def test_a_mail_arrives_with_both_of_its_bodies(people: Any) -> None:
    path = f"/v1/identities/{USER}/person/message/"
    assert people.client.post(path + "email", json=_body(path, "email", "")).status_code == 200
    (shown,) = people.shown()
    assert shown["content"] == _body("", "email", "")["content"]


def test_a_mail_may_have_html_alone(served: Any) -> None:
    body = {"to": "user@example.com", "content": {"subject": "s", "html": "<b>x</b>"}}
    assert served.client.post("/v1/apps/message/email", json=body).status_code == 200


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ('{"to": "38598123456", "content": {"text": "My text message",}}', "line 1 column 60"),
        ('{\n  "to": "38598123456",\n  "content": {\n    "text": "x" ,\n  }\n}', "line 4 column 17"),
        ('{"to": ["38598123456", ], "content": {"text": "x"}}', "line 1 column 22"),
    ],
)
def test_a_trailing_comma_is_refused_by_its_place(served: Any, body: str, place: str) -> None:
    answer = served.client.post(
        "/v1/apps/message/sms", content=body, headers={"content-type": "application/json"}
    )
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "invalid_json"
    assert place in answer.json()["detail"]
    assert "comma" in answer.json()["detail"]


def test_a_problem_has_the_fields_of_rfc_9457_and_those_of_before(served: Any) -> None:
    problem = served.sms(to="nonsense").json()
    assert problem["type"] == "/docs#invalid_address"
    assert problem["status"] == 422
    assert problem["title"]
    assert problem["code"] == "invalid_address"
    assert problem["name"] == "InvalidAddress"
    assert problem["message"] == problem["detail"]


@pytest.mark.parametrize(
    ("to", "status", "code"),
    [
        ("447700900001", 422, "rejected"),
        ("447700900002", 503, "not_sent"),
        ("+44 7700 900 100", 200, None),
        ("00447700900100", 422, "invalid_address"),
    ],
)
def test_what_a_provider_says_is_told_by_status_and_code(
    served: Any, to: str, status: int, code: str | None
) -> None:
    answer = served.sms(to=to)
    assert (answer.status_code, answer.json().get("code")) == (status, code)


def test_a_refused_message_stands_where_a_sent_one_would(served: Any) -> None:
    problem = served.sms(to="447700900001").json()
    assert problem["messages"][0]["status"]["groupName"] == "REJECTED"
    assert problem["messages"][0]["destination"] == "447700900001"


def test_what_may_have_been_sent_is_neither_sent_nor_failed(served: Any) -> None:
    answer = served.sms(to="447700900003")
    assert answer.status_code == 200
    assert answer.json()["messages"][0]["status"]["name"] == "PENDING_UNKNOWN"


def test_a_repetition_gets_the_same_answer_and_sends_nothing(served: Any) -> None:
    headers = {"idempotency-key": "27373fabc392933deffda"}
    first = served.sms(headers=headers)
    _until(served, first.json()["messages"][0]["messageId"], "DELIVERED")
    again = served.sms(headers=headers)
    assert again.content == first.content
    assert (first.headers.get("idempotent-replayed"), again.headers["idempotent-replayed"]) == (None, "true")
    assert len(served.shown()) == 1


def test_a_quoted_key_is_the_same_key(served: Any) -> None:
    first = served.sms(headers={"idempotency-key": "abc"})
    assert served.sms(headers={"idempotency-key": '"abc"'}).content == first.content


def test_the_same_key_for_something_else_is_refused(served: Any) -> None:
    headers = {"idempotency-key": "k"}
    served.sms(headers=headers)
    for answer in (served.sms(text="other", headers=headers), served.sms(to="38598123457", headers=headers)):
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")


def test_the_same_key_for_other_recipients_of_several_is_refused(served: Any) -> None:
    headers = {"idempotency-key": "k"}
    first = served.sms(to=["447700900100", "447700900101"], headers=headers)
    again = served.sms(to=["447700900100", "447700900101"], headers=headers)
    other = served.sms(to=["447700900100", "447700900102"], headers=headers)
    assert again.content == first.content
    assert again.headers["idempotent-replayed"] == "true"
    assert other.json()["code"] == "idempotency_key_reused"


def test_two_tenants_may_use_the_same_key(served: Any) -> None:
    headers = {"idempotency-key": "k"}
    body = {"to": "38598123456", "content": {"text": "x"}}
    ids = [
        client.post("/v1/apps/message/sms", json=body, headers=headers).json()["messages"][0]["messageId"]
        for client in (served.client, served.of_tenant())
    ]
    assert len(set(ids)) == 2


def test_many_calls_at_once_with_one_key_send_once(served: Any) -> None:
    def call(_: int) -> Any:
        return served.sms(headers={"idempotency-key": "k"})

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(call, range(64)))
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert all("retry-after" in answer.headers for answer in answers if answer.status_code == 409)
    ids = {answer.json()["messages"][0]["messageId"] for answer in answers if answer.status_code == 200}
    assert len(ids) == 1
    assert len(served.client.get("/v1/messages").json()["messages"]) == 1


def test_a_key_stands_over_a_restart(serve: Any) -> None:
    first = serve(poll_interval=60)
    sent = first.sms(headers={"idempotency-key": "k"})
    again = serve(poll_interval=60).sms(headers={"idempotency-key": "k"})
    assert again.content == sent.content


@pytest.mark.parametrize(
    "headers",
    [
        [("idempotency-key", "a"), ("idempotency-key", "b")],
        [("idempotency-key", "")],
        [("idempotency-key", '""')],
        [("idempotency-key", "x" * 256)],
        [("idempotency-key", b"\xc3\xa9")],
    ],
)
def test_a_key_that_cannot_be_one_is_refused(served: Any, headers: Any) -> None:
    answer = served.client.post(
        "/v1/apps/message/sms", json={"to": "38598123456", "content": {"text": "x"}}, headers=headers
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_idempotency_key")


def test_several_recipients_each_get_their_own_end(served: Any) -> None:
    answer = served.sms(to=["447700900100", "447700900001", "+447700900100"])
    assert answer.status_code == 200
    good, bad = answer.json()["messages"]
    assert good["status"]["groupName"] == "PENDING"
    assert (bad["destination"], bad["status"]["groupName"], bad["error"]["code"]) == (
        "447700900001",
        "REJECTED",
        "rejected",
    )


def test_of_several_recipients_none_is_sent_to_if_one_is_no_address(served: Any) -> None:
    answer = served.sms(to=["447700900100", "nonsense"])
    assert answer.json()["errors"] == [{"pointer": "/to/1", "problem": "invalid_address"}]
    assert served.client.get("/v1/messages").json()["messages"] == []


@pytest.mark.parametrize(
    "content",
    [
        {"template": {"name": "code", "language": "en", "parameters": ["4821"]}},
        {"media": {"type": "image", "url": "https://example.com/cat.png", "caption": "a cat"}},
        {"media": {"type": "document", "url": "https://example.com/bill.pdf", "filename": "bill.pdf"}},
        {"media": {"type": "audio", "url": "https://example.com/song.ogg"}},
        {"media": {"type": "sticker", "url": "https://example.com/cat.webp"}},
        {"text": "hello", "previewUrl": True},
    ],
)
def test_whatsapp_carries_templates_and_files(served: Any, content: dict[str, Any]) -> None:
    body = {"to": "447700900100", "content": content}
    assert served.client.post("/v1/apps/message/whatsapp", json=body).status_code == 200


def test_optional_fields_reach_the_provider(served: Any) -> None:
    answer = served.sms(sender="Shop", validitySeconds=60)
    assert answer.status_code == 200
    mms = {"to": "447700900100", "content": {"text": "x", "media": ["https://example.com/cat.png"]}}
    assert served.client.post("/v1/apps/message/sms", json=mms).status_code == 200
    mail = {
        "to": "user@example.com",
        "sender": "Shop <shop@example.com>",
        "content": {
            "subject": "s",
            "text": "x",
            "cc": ["b@example.com"],
            "replyTo": ["c@example.com"],
            "attachments": [{"filename": "a.txt", "contentType": "text/plain", "content": "aGVsbG8="}],
        },
    }
    assert served.client.post("/v1/apps/message/email", json=mail).status_code == 200


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"content": {"text": "x"}}, "/to"),
        ({"to": "38598123456"}, "/content"),
        ({"to": "38598123456", "content": {"text": "x", "secretMarker": 1}}, "/content"),
        ({"to": "38598123456", "content": {"text": 7}}, "/content/text"),
        ({"to": [], "content": {"text": "x"}}, "/to"),
    ],
)
def test_a_body_that_does_not_fit_is_explained_by_place_and_never_repeated(
    served: Any, body: dict[str, Any], pointer: str
) -> None:
    answer = served.client.post("/v1/apps/message/sms", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_body")
    assert pointer in [one["pointer"] for one in answer.json()["errors"]]
    assert "secretMarker" not in answer.text


def test_somebody_who_is_not_there_and_an_address_that_is_not_there_are_told_apart(served: Any) -> None:
    body = {"content": {"text": "x"}}
    assert served.client.post(f"/v1/users/{USER}/message/sms", json=body).json()["code"] == "not_found"
    served.client.put(f"/v1/users/{USER}", json={"channel": {"email": "user@example.com"}})
    assert served.client.post(f"/v1/users/{USER}/message/sms", json=body).json()["code"] == "no_address"


def test_persons_of_a_tenant_without_an_account_cannot_be_written_to(serve: Any) -> None:
    sandbox = {"hang": 1}
    settings = {"providers": {"sandbox": sandbox}, "accounts": {"acme": {"sandbox": sandbox}}}
    served = serve(settings=settings)
    person = {"person": {"contactInformation": {"phone": [{"number": "447700900100"}]}}}
    answers = []
    for client in (served.client, served.of_tenant("acme")):
        client.put(f"/v1/identities/{USER}", json=person)
        path = f"/v1/identities/{USER}/person/message/sms"
        answers.append(client.post(path, json={"content": {"text": "x"}}))
    assert (answers[0].status_code, answers[0].json()["code"]) == (403, "cdp_extension_missing")
    assert answers[1].status_code == 200


def test_users_are_written_to_from_the_platform_and_persons_from_the_tenant(people: Any) -> None:
    body = {"content": {"text": "x"}}
    for path in (f"/v1/users/{USER}/message/sms", f"/v1/identities/{USER}/person/message/sms"):
        assert people.client.post(path, json=body).status_code == 200
    ids = [one["messageId"] for one in people.client.get("/v1/messages").json()["messages"]]
    ledger = people.gateway.ledger
    from messaging_channels.plugins.ledger import GetMessage

    accounts = [ledger.perform(GetMessage(message_id=one)).account for one in reversed(ids)]
    assert accounts == [None, "(demonstration)"]


def _until(served: Any, message_id: str, group: str) -> dict[str, Any]:
    for _ in range(200):
        shown: dict[str, Any] = served.client.get(f"/v1/messages/{message_id}").json()
        if shown["status"]["groupName"] == group:
            return shown
        time.sleep(0.02)
    raise AssertionError(shown)


def test_a_message_is_read_with_status_attempts_and_events(served: Any) -> None:
    message_id = served.sms().json()["messages"][0]["messageId"]
    shown = _until(served, message_id, "DELIVERED")
    assert shown["outcome"] == "accepted"
    assert shown["destination"] == "+38••••••456"
    assert [one["outcome"] for one in shown["attempts"]] == ["accepted"]
    assert shown["events"][0]["status"]["name"] == "DELIVERED_TO_HANDSET"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", shown["createdAt"])


def test_a_message_that_failed_is_read_with_why_and_what_may_be_done(served: Any) -> None:
    refused = served.sms(to="447700900001").json()["messages"][0]["messageId"]
    shown = served.client.get(f"/v1/messages/{refused}").json()
    assert shown["failure"] == shown["attempts"][0]["failure"] == "unknown"
    assert (shown["advice"], shown["vendorCode"]) == ([], "")
    unknown = served.sms(to="447700900003").json()["messages"][0]["messageId"]
    shown = served.client.get(f"/v1/messages/{unknown}").json()
    assert shown["failure"] is not None
    assert shown["advice"] == []


def test_lists_are_paged_by_cursor_and_filtered(served: Any) -> None:
    ids = [served.sms().json()["messages"][0]["messageId"] for _ in range(5)]
    served.sms(to="447700900001")
    seen: list[str] = []
    cursor = None
    while True:
        query = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = served.client.get("/v1/messages", params=query).json()
        seen += [one["messageId"] for one in page["messages"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 6
    assert set(ids) < set(seen)
    rejected = served.client.get("/v1/messages", params={"status": "REJECTED"}).json()["messages"]
    assert len(rejected) == 1
    assert served.client.get("/v1/messages", params={"channel": "email"}).json()["messages"] == []


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=1000", "cursor=x", "status=NOPE", "limit=1&limit=2", "x=1"]
)
def test_a_query_that_does_not_fit_is_refused(served: Any, query: str) -> None:
    assert served.client.get(f"/v1/messages?{query}").json()["code"] == "invalid_query"


def test_control_characters_reach_no_header(served: Any) -> None:
    for subject in ("a\r\nBcc: x@example.com", "=?utf-8?q?a=0D=0ABcc:_x=40example.com?=", "a\x00b"):
        body = {"to": "user@example.com", "content": {"subject": subject, "text": "x"}}
        answer = served.client.post("/v1/apps/message/email", json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_message")
        assert "Bcc" not in answer.text
    for sender in ("Shop\r\nx", "a@example.com\r\nBcc: b@example.com"):
        body = {"to": "user@example.com", "sender": sender, "content": {"subject": "s", "text": "x"}}
        assert served.client.post("/v1/apps/message/email", json=body).status_code == 422


def test_a_password_is_kept_nowhere(served: Any) -> None:
    user = {"username": "zoe", "password": "hunter2-of-zoe", "channel": {"sms": "447700900100"}}
    made = served.client.put(f"/v1/users/{USER}", json=user)
    assert "hunter2" not in made.text + served.client.get(f"/v1/users/{USER}").text
    assert b"hunter2-of-zoe" not in b"".join(
        path.read_bytes() for path in served.gateway.settings.home.iterdir() if path.is_file()
    )


def test_entries_of_the_directory_are_replaced_and_removed(served: Any) -> None:
    path = f"/v1/users/{USER}"
    assert served.client.get(path).status_code == 404
    assert served.client.put(path, json={"username": "zoe"}).status_code == 201
    assert served.client.put(path, json={"username": "joe"}).status_code == 200
    assert served.client.get(path).json()["username"] == "joe"
    assert served.client.delete(path).status_code == 204
    assert (served.client.get(path).status_code, served.client.delete(path).status_code) == (404, 404)


def test_the_answer_is_plain_json(served: Any) -> None:
    assert json.loads(served.sms().content)["messages"]


def test_a_key_of_one_path_is_no_key_of_another(people: Any) -> None:
    headers = {"idempotency-key": "one-key"}
    body = {"content": {"text": "Hello"}}
    paths = (
        f"/v1/users/{USER}/message/sms",
        f"/v1/identities/{USER}/person/message/sms",
        "/v1/apps/message/sms",
    )
    told = {**body, "to": "38598123456"}
    first = people.client.post(paths[0], json=body, headers=headers)
    again = people.client.post(paths[0], json=body, headers=headers)
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == again.json()
    for path, given in ((paths[1], body), (paths[2], told)):
        assert (
            people.client.post(path, json=given, headers=headers).json()["code"] == "idempotency_key_reused"
        )
    other = {"idempotency-key": "another-key"}
    assert people.client.post(paths[2], json=told, headers=other).status_code == 200
    assert people.client.post(paths[0], json=body, headers=other).json()["code"] == "idempotency_key_reused"


def test_documents_of_the_system_before_are_taken_and_kept_with_what_is_not_known_here(served: Any) -> None:
    user = {
        "id": "ignored",
        "username": "zoe",
        "scope": "own",
        "identity": USER,
        "channel": {"sms": "38598123456", "push": "token"},
        "data": {"email": "zoe@example.com"},
        "created_at": "1519211809934",
        "owner": "somebody",
        "deleted": True,
        "error": {"code": 1},
        "accounting_currency": "EUR",
    }
    kept = served.client.put(f"/v1/users/{USER}", json=user).json()
    assert (kept["id"], kept["deleted"], kept["error"]) == (USER, False, None)
    assert (kept["scope"], kept["accounting_currency"], kept["channel"]["push"]) == ("own", "EUR", "token")
    assert kept["owner"] != "somebody"
    person = {
        "firstName": "Zoe",
        "address": "Street 1",
        "birthDate": "2000-01-01",
        "tags": ["vip"],
        "contactInformation": {
            "phone": [{"number": "38598123456", "kind": "home"}],
            "email": [],
            "line": [{"userId": "u"}],
        },
        "customAttributes": {"kyc": False},
    }
    path = f"/v1/identities/{USER}"
    identity = {"type": "person", "person": person, "company": 3, "alias": "+11234567890"}
    assert served.client.put(path, json=identity).json()["person"] == person
    assert served.client.get(path).json()["company"] == 3
    for reference in (17, "634b56217f6a7b0be52dffbd"):
        assert served.client.put(path, json={"person": reference}).json()["person"] == reference


def test_an_inactive_user_is_not_written_to(people: Any) -> None:
    user = people.client.get(f"/v1/users/{USER}").json()
    for active, code in ((False, 422), (True, 200)):
        people.client.put(f"/v1/users/{USER}", json={**user, "active": active})
        answer = people.client.post(f"/v1/users/{USER}/message/sms", json={"content": {"text": "Hello"}})
        assert answer.status_code == code
    people.client.put(f"/v1/users/{USER}", json={**user, "active": False})
    refused = people.client.post(f"/v1/users/{USER}/message/email", json=_body("", "email", ""))
    assert refused.json()["code"] == "recipient_inactive"


def test_a_field_that_another_form_has_is_not_proposed_in_its_own_place(served: Any) -> None:
    body = {"to": "447700900101", "content": {"text": "Hello", "name": "secret"}}

    problem = served.client.post("/v1/apps/message/whatsapp", json=body).json()

    assert problem["detail"] == "/content/name: extra_forbidden"
    assert problem["errors"] == [{"pointer": "/content/name", "problem": "extra_forbidden"}]


@pytest.mark.skipif("rcs" not in CHANNELS, reason="messaging-channels-rcs is not installed")
@pytest.mark.parametrize(("content", "pointer"), [({"type": "card", "zzz": 1}, "/content"), ({"type": "card"}, "/content/card")])  # fmt: skip
def test_the_place_of_a_fault_does_not_name_the_form(served: Any, content: object, pointer: str) -> None:
    problem = served.client.post(
        "/v1/apps/message/rcs", json={"to": "447700900101", "content": content}
    ).json()

    assert problem["errors"][0]["pointer"] == pointer


@pytest.mark.parametrize(("channel", "to"), [("sms", "12"), ("whatsapp", "Zoe"), ("email", "nobody")])
def test_an_address_that_is_none_is_refused_by_the_name_of_its_field(
    served: Any, channel: str, to: str
) -> None:
    content = {"subject": "s", "text": "t"} if channel == "email" else {"text": "t"}

    problem = served.client.post(f"/v1/apps/message/{channel}", json={"to": to, "content": content}).json()

    assert problem["code"] == "invalid_address"
    assert problem["detail"].startswith("/to: this is not")
    assert to not in problem["detail"].replace("nobody@", "")
