"""A provider of mail by HTTP as an ordinary author writes it: batches in order, attachments; webhooks proved by a password."""

from __future__ import annotations

import hmac
import json
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from datetime import datetime
from email.utils import formataddr, getaddresses
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, SecretStr

from messaging_channels import Email, errors
from messaging_channels.events import (
    EngagementReceived,
    Event,
    MessageReceived,
    OptedOut,
    StatusChanged,
    UnknownEvent,
)
from messaging_channels.messages import Attachment, ListUnsubscribe
from messaging_channels.plugins import (
    AttemptResult,
    BlockingCall,
    Capabilities,
    EmailAddress,
    Envelope,
    Exchange,
    ExecutorPair,
    Flow,
    HttpRequest,
    HttpResponse,
    ProviderSpec,
    Reason,
    WebhookRequest,
    WebhookResult,
    ask,
    require_sender,
    result_from_status,
)
from messaging_channels.plugins import (
    status as statuses,
)
from messaging_channels.testing import ConformanceFixtures, ReadMessage, Webhook

ERRORS = {300: Reason.INVALID, 406: Reason.RECIPIENT, 10: Reason.CREDENTIALS, 429: Reason.THROTTLED}
ENGAGEMENTS = {"Open": "opened", "Click": "clicked"}
FIELDS = frozenset(
    {"sender", "text", "html", "cc", "bcc", "reply_to", "attachments", "headers", "list_unsubscribe"}
)


class PostmarkSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    base_url: str
    token: SecretStr
    password: SecretStr | None = None
    sender: str = "desk@example.org"


class PostmarkLike:
    name: ClassVar[str] = "postmark-like"
    capabilities: ClassVar[Capabilities] = Capabilities({Email: FIELDS}, max_batch_size=500)
    executors: ClassVar[Mapping[type[Exchange[Any]], ExecutorPair]] = {}

    def __init__(self, settings: PostmarkSettings) -> None:
        self.base, self.token, self.sender = (
            settings.base_url,
            settings.token.get_secret_value(),
            settings.sender,
        )
        self.password = settings.password.get_secret_value() if settings.password else ""

    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        files: list[list[bytes]] = []
        for envelope in batch:
            message = self.mail(envelope)
            files.append((yield from ask(BlockingCall(lambda held=message: self.read(held), may_send=False))))
        told = [self.payload(one, held) for one, held in zip(batch, files, strict=True)]
        headers = {"x-postmark-server-token": self.token, "content-type": "application/json"}
        response = yield from ask(
            HttpRequest("POST", f"{self.base}/email/batch", headers, json.dumps(told).encode())
        )
        return self.results(response, batch)

    def mail(self, envelope: Envelope) -> Email:
        assert isinstance(envelope.message, Email)
        return envelope.message

    def read(self, message: Email) -> list[bytes]:
        return [one.read() for one in message.attachments]

    def address(self, address: str | EmailAddress) -> str:
        if isinstance(address, str):
            return address
        return formataddr((address.display_name, address.plain)) if address.display_name else address.plain

    def recipient(self, envelope: Envelope) -> str:
        return envelope.to.plain

    def payload(self, envelope: Envelope, files: Sequence[bytes]) -> dict[str, Any]:
        message = self.mail(envelope)
        told: dict[str, Any] = {
            "From": self.address(message.sender)
            if message.sender
            else require_sender(message, self.sender, provider=self.name),
            "To": self.recipient(envelope),
            "Subject": message.subject,
            "Metadata": {"id": envelope.id},
        }
        for name, addresses in (("Cc", message.cc), ("Bcc", message.bcc), ("ReplyTo", message.reply_to)):
            if addresses:
                told[name] = ", ".join(self.address(one) for one in addresses)  # type: ignore[union-attr]
        told |= {"TextBody": message.text} if message.text is not None else {}
        told |= {"HtmlBody": message.html} if message.html is not None else {}
        headers = self.headers(message)
        told |= {"Headers": headers} if headers else {}
        attached = [self.attachment(one, held) for one, held in zip(message.attachments, files, strict=True)]
        return told | ({"Attachments": attached} if attached else {})

    def headers(self, message: Email) -> list[dict[str, str]]:
        told = [{"Name": name, "Value": value} for name, value in message.headers.items()]
        leave = message.list_unsubscribe
        if leave is None:
            return told
        ways = [f"<{leave.url}>"] if leave.url else []
        ways += [f"<mailto:{leave.mailto}>"] if leave.mailto else []
        told.append({"Name": "List-Unsubscribe", "Value": ", ".join(ways)})
        if leave.url:
            told.append({"Name": "List-Unsubscribe-Post", "Value": "List-Unsubscribe=One-Click"})
        return told

    def attachment(self, one: Attachment, held: bytes) -> dict[str, Any]:
        told = {"Name": one.filename, "Content": b64encode(held).decode(), "ContentType": one.content_type}
        return told | ({"ContentID": f"cid:{one.content_id}"} if one.content_id else {})

    def results(self, response: HttpResponse, batch: Sequence[Envelope]) -> Sequence[AttemptResult]:
        told = parse(response.body)
        if not response.ok or not isinstance(told, list):
            code = told.get("ErrorCode") if isinstance(told, dict) else None
            if (
                response.status // 100 == 4
                and isinstance(code, int)
                and code in ERRORS
                and response.status != 429
            ):
                return [
                    AttemptResult.of(ERRORS[code], f"code {code}", raw_response=told, request_rejected=True)
                ] * len(batch)
            return [result_from_status(response)] * len(batch)
        return [
            self.result(told[number] if number < len(told) else None, response)
            for number in range(len(batch))
        ]

    def result(self, told: Any, response: HttpResponse) -> AttemptResult:
        if not isinstance(told, dict) or not isinstance(told.get("ErrorCode"), int):
            return AttemptResult.of(Reason.UNREADABLE_RESPONSE, raw_response=response)
        if told["ErrorCode"] != 0:
            reason = ERRORS.get(told["ErrorCode"], Reason.INVALID)
            return AttemptResult.of(reason, f"code {told['ErrorCode']}", raw_response=told)
        if not isinstance(told.get("MessageID"), str):
            return AttemptResult.of(Reason.UNREADABLE_RESPONSE, raw_response=response)
        return AttemptResult.of(Reason.ACCEPTED, provider_id=told["MessageID"], raw_response=told)

    def prove(self, request: WebhookRequest) -> None:
        expected = "Basic " + b64encode(f"hook:{self.password}".encode()).decode()
        given = request.headers.get("authorization", "")
        if not self.password or not self.equal(given, expected):
            raise errors.WebhookVerificationError(
                "the password does not fit", provider=self.name, hint="check it"
            )

    def equal(self, given: str, expected: str) -> bool:
        return hmac.compare_digest(given.encode(), expected.encode())

    def handle_webhook(self, request: WebhookRequest) -> WebhookResult:
        self.prove(request)
        told = parse(request.body)
        try:
            return WebhookResult([self.event(told)])
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
            return WebhookResult(
                [UnknownEvent(provider=self.name, occurred_at=request.received_at, raw=request.body)]
            )

    def event(self, told: Any) -> Event:
        kind = told["RecordType"]
        shared: dict[str, Any] = {"provider": self.name, "raw": told}
        if kind == "Inbound":
            return MessageReceived(
                **shared,
                occurred_at=self.time(told["Date"]),
                channel="email",
                provider_id=str(told["MessageID"]),
                sender=EmailAddress.parse(told["From"]),
                to=str(told["To"]),
                subject=str(told["Subject"]),
                text=str(told["TextBody"]),
            )
        if kind == "SpamComplaint":
            return OptedOut(
                **shared,
                occurred_at=self.time(told["BouncedAt"]),
                channel="email",
                address=EmailAddress.parse(told["Email"]),
                reason="complaint",
            )
        ids = {"message_id": str(told["Metadata"]["id"]), "provider_id": str(told["MessageID"])}
        if kind in ENGAGEMENTS:
            return self.engagement(kind, told, shared | ids)
        if kind == "Bounce":
            status = statuses.known(2, 9) if told["Type"] == "HardBounce" else statuses.PENDING_ENROUTE
            return StatusChanged(**shared, **ids, occurred_at=self.time(told["BouncedAt"]), status=status)
        if kind == "Delivery":
            return StatusChanged(
                **shared,
                **ids,
                occurred_at=self.time(told["DeliveredAt"]),
                status=statuses.DELIVERED_TO_HANDSET,
            )
        raise ValueError

    def engagement(self, kind: str, told: Any, shared: dict[str, Any]) -> Event:
        from messaging_channels.events import EngagementType

        return EngagementReceived(
            **shared,
            occurred_at=self.time(told["ReceivedAt"]),
            engagement_type=EngagementType(ENGAGEMENTS[kind]),
        )

    def time(self, text: str) -> float:
        return datetime.fromisoformat(text).timestamp()


def parse(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def answer(told: object, status: int = 200) -> HttpResponse:
    return HttpResponse(status, {"content-type": "application/json"}, json.dumps(told).encode())


def accepts(request: HttpRequest) -> HttpResponse:
    return answer(
        [
            {
                "ErrorCode": 0,
                "Message": "OK",
                "MessageID": f"b7bc2f4a-e38e-4336-af7d-{number:012d}",
                "To": one["To"],
            }
            for number, one in enumerate(json.loads(request.body), 1)
        ]
    )


def hook(kind: str, **more: Any) -> bytes:
    shared = {
        "RecordType": kind,
        "MessageID": "00000000-0000-0000-0000-000000000001",
        "Metadata": {"id": "ours-1"},
    }
    return json.dumps({**shared, **more}).encode()


def delivered(ours: str, theirs: str) -> bytes:
    return hook(
        "Delivery",
        MessageID=theirs,
        Metadata={"id": ours},
        DeliveredAt="2026-09-21T14:12:05Z",
        Recipient="zoe@example.com",
    )


def inbound(sender: str, to: str, text: str) -> bytes:
    return hook("Inbound", From=sender, To=to, Subject="Yes", TextBody=text, Date="2026-09-21T14:12:05Z")


def reads_request(request: HttpRequest) -> Sequence[ReadMessage]:
    """What the vendor's reference says of the request."""
    is_batch = request.method == "POST" and request.url.endswith("/email/batch")
    if not is_batch or not request.headers.get("x-postmark-server-token"):
        message = "the vendor takes batches by POST /email/batch, with the token of a server"
        raise ValueError(message)
    return [_read(one) for one in json.loads(request.body)]


def _addresses(text: str) -> tuple[EmailAddress, ...]:
    return tuple(EmailAddress(*spec.rsplit("@", 1), name) for name, spec in getaddresses([text]))


def _read(told: Mapping[str, Any]) -> ReadMessage:
    headers = {one["Name"]: one["Value"] for one in told.get("Headers", [])}
    leave, one_click = headers.pop("List-Unsubscribe", None), headers.pop("List-Unsubscribe-Post", None)
    ways = [way.strip(" <>") for way in leave.split(",")] if leave else []
    url = next(
        (way for way in ways if way.startswith("https:") and one_click == "List-Unsubscribe=One-Click"), None
    )
    mailto = next((way.removeprefix("mailto:") for way in ways if way.startswith("mailto:")), None)
    message = Email(
        told["Subject"],
        text=told.get("TextBody"),
        html=told.get("HtmlBody"),
        sender=_addresses(told["From"])[0],
        cc=_addresses(told.get("Cc", "")) if told.get("Cc") else (),
        bcc=_addresses(told["Bcc"]) if told.get("Bcc") else (),
        reply_to=_addresses(told["ReplyTo"]) if told.get("ReplyTo") else (),
        headers=headers,
        list_unsubscribe=ListUnsubscribe(url=url, mailto=mailto) if ways and (url or mailto) else None,
        attachments=tuple(
            Attachment(
                b64decode(one["Content"], validate=True),
                one["Name"],
                one["ContentType"],
                one["ContentID"].removeprefix("cid:") if "ContentID" in one else None,
            )
            for one in told.get("Attachments", [])
        ),
    )
    return ReadMessage(to=told["To"], message=message, reference=told.get("Metadata", {}).get("id"))


AT = 1790000000.0 - 75
FIXTURES = ConformanceFixtures(
    settings=lambda url, secret: {"base_url": url, "token": secret, "password": secret},
    success_response=accepts,
    reads_request=reads_request,
    vendor_batch_size=500,
    ordered_batch_docs="https://postmarkapp.com/developer/user-guide/send-email-with-api/batch-emails",
    error_responses=(
        (answer([{"ErrorCode": 300, "Message": "Invalid email request"}]), Reason.INVALID),
        (answer([{"ErrorCode": 406, "Message": "Inactive recipient"}]), Reason.RECIPIENT),
        (answer({"ErrorCode": 10, "Message": "Bad token"}, 401), Reason.CREDENTIALS),
        (answer({"ErrorCode": 429, "Message": "Too fast"}, 429), Reason.THROTTLED),
    ),
    sign_webhook=lambda body, secret: WebhookRequest(
        body, {"authorization": "Basic " + b64encode(f"hook:{secret}".encode()).decode()}
    ),
    signature_covers_body=False,
    webhooks=(
        Webhook(
            delivered("ours-1", "theirs-1"),
            (StatusChanged,),
            ({"message_id": "ours-1", "occurred_at": AT + 0.0},),
        ),
        Webhook(
            hook("Bounce", Type="HardBounce", Email="zoe@example.com", BouncedAt="2026-09-21T14:12:05Z"),
            (StatusChanged,),
            ({"status": statuses.known(2, 9)},),
        ),
        Webhook(
            hook("Bounce", Type="SoftBounce", Email="zoe@example.com", BouncedAt="2026-09-21T14:12:05Z"),
            (StatusChanged,),
            ({"status": statuses.PENDING_ENROUTE},),
        ),
        Webhook(
            hook("SpamComplaint", Email="zoe@example.com", BouncedAt="2026-09-21T14:12:05Z"),
            (OptedOut,),
            ({"address": "zoe@example.com", "reason": "complaint"},),
        ),
        Webhook(
            hook("Open", ReceivedAt="2026-09-21T14:12:05Z"),
            (EngagementReceived,),
            ({"engagement_type": "opened"},),
        ),
        Webhook(
            hook("Click", ReceivedAt="2026-09-21T14:12:05Z"),
            (EngagementReceived,),
            ({"engagement_type": "clicked"},),
        ),
        Webhook(
            inbound("zoe@example.com", "desk@example.org", "Hello"),
            (MessageReceived,),
            ({"sender": "zoe@example.com"},),
        ),
    ),
    delivered_body=delivered,
    inbound_body=inbound,
)


def spec(build: type[PostmarkLike] = PostmarkLike) -> ProviderSpec:
    return ProviderSpec("postmark-like", PostmarkSettings, build)
