"""Faults put into `PostmarkLike`, one each, by the words of what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from providers.postmark_like import ENGAGEMENTS, PostmarkLike

from messaging_channels import Email, errors
from messaging_channels.events import (
    EngagementReceived,
    EngagementType,
    Event,
    MessageReceived,
    OptedOut,
    StatusChanged,
)
from messaging_channels.messages import Attachment
from messaging_channels.plugins import (
    AttemptResult,
    Capabilities,
    EmailAddress,
    Envelope,
    HttpResponse,
    Reason,
    WebhookRequest,
    WebhookResult,
)
from messaging_channels.plugins import (
    status as statuses,
)

MUTANTS: dict[str, type[PostmarkLike]] = {}


def fault(words: str) -> Callable[[type[PostmarkLike]], type[PostmarkLike]]:
    def register(kind: type[PostmarkLike]) -> type[PostmarkLike]:
        assert words not in MUTANTS
        MUTANTS[words] = kind
        return kind

    return register


def _payload(words: str, change: Callable[[dict[str, Any], Email], dict[str, Any]]) -> None:
    class Mutant(PostmarkLike):
        def payload(self, envelope: Envelope, files: Sequence[bytes]) -> dict[str, Any]:
            return change(super().payload(envelope, files), self.mail(envelope))

    fault(words)(Mutant)


def _without(*names: str) -> Callable[[dict[str, Any], Email], dict[str, Any]]:
    return lambda told, _: {name: value for name, value in told.items() if name not in names}


def _attachment(words: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    class Mutant(PostmarkLike):
        def attachment(self, one: Attachment, held: bytes) -> dict[str, Any]:
            return change(super().attachment(one, held))

    fault(words)(Mutant)


def _told(words: str, change: Callable[[Event], Event]) -> None:
    class Mutant(PostmarkLike):
        def handle_webhook(self, request: WebhookRequest) -> WebhookResult:
            told = super().handle_webhook(request)
            return replace(told, events=[change(event) for event in told.events])

    fault(words)(Mutant)


def _results(words: str, change: Callable[[Sequence[AttemptResult]], Sequence[AttemptResult]]) -> None:
    class Mutant(PostmarkLike):
        def results(self, response: HttpResponse, batch: Sequence[Envelope]) -> Sequence[AttemptResult]:
            return change(super().results(response, batch))

    fault(words)(Mutant)


_payload("cc ignored, declared", _without("Cc"))
_payload("bcc ignored, declared", _without("Bcc"))
_payload("only the first cc", lambda told, m: {**told, "Cc": told["Cc"].split(", ")[0]} if m.cc else told)
_payload("bcc sent as cc", lambda told, m: {**_without("Bcc")(told, m), "Cc": told["Bcc"]} if m.bcc else told)
_payload("reply_to ignored", _without("ReplyTo"))
_payload("subject dropped", _without("Subject"))
_payload("headers ignored", _without("Headers"))
_payload(
    "text dropped where there is html", lambda told, m: _without("TextBody")(told, m) if m.html else told
)
_payload(
    "html sent as text",
    lambda told, m: {**_without("HtmlBody")(told, m), "TextBody": m.html} if m.html else told,
)
_payload(
    "html escaped", lambda told, m: {**told, "HtmlBody": m.html.replace("<", "&lt;")} if m.html else told
)
_payload(
    "only the first attachment",
    lambda told, m: {**told, "Attachments": told["Attachments"][:1]} if m.attachments else told,
)
_payload(
    "the attachments in reverse",
    lambda told, m: {**told, "Attachments": told["Attachments"][::-1]} if m.attachments else told,
)
_payload("our id never handed over", _without("Metadata"))
_payload("the message's own sender ignored", lambda told, _: {**told, "From": "desk@example.org"})
_payload("local part lower-cased", lambda told, _: {**told, "To": told["To"].lower()})
_payload("recipient also in copy", lambda told, _: {**told, "Cc": told["To"]})
_attachment(
    "content_id of inline images dropped",
    lambda told: {name: value for name, value in told.items() if name != "ContentID"},
)
_attachment("names of files dropped", lambda told: {**told, "Name": "file"})
_attachment("types of files dropped", lambda told: {**told, "ContentType": "application/octet-stream"})


@fault("attachment read as text")
class AsText(PostmarkLike):
    def read(self, message: Email) -> list[bytes]:
        return [one.read().decode("utf-8", "replace").encode() for one in message.attachments]


@fault("display name not quoted")
class NotQuoted(PostmarkLike):
    def address(self, address: str | EmailAddress) -> str:
        named = isinstance(address, EmailAddress) and address.display_name
        return f"{address.display_name} <{address.plain}>" if named else super().address(address)  # type: ignore[union-attr]


@fault("display name dropped")
class NoName(PostmarkLike):
    def address(self, address: str | EmailAddress) -> str:
        return address if isinstance(address, str) else address.plain


@fault("List-Unsubscribe without the one-click header")
class NotOneClick(PostmarkLike):
    def headers(self, message: Email) -> list[dict[str, str]]:
        return [one for one in super().headers(message) if one["Name"] != "List-Unsubscribe-Post"]


@fault("List-Unsubscribe dropped")
class NoWayOut(PostmarkLike):
    def headers(self, message: Email) -> list[dict[str, str]]:
        return [one for one in super().headers(message) if not one["Name"].startswith("List-")]


@fault("list_unsubscribe without its mailto")
class NoMailto(PostmarkLike):
    def headers(self, message: Email) -> list[dict[str, str]]:
        leave = message.list_unsubscribe
        if leave is None or not leave.url:
            return super().headers(message)
        return super().headers(replace(message, list_unsubscribe=replace(leave, mailto=None)))


_results("answer of the first message for all of the batch", lambda told: [told[0]] * len(told))
_results("answers in reverse", lambda told: told[::-1])
_results(
    "a short answer: the missing are told as throttled",
    lambda told: [
        AttemptResult.of(Reason.THROTTLED) if one.reason is Reason.UNREADABLE_RESPONSE else one
        for one in told
    ],
)
_results(
    "a short answer: the missing are told as accepted",
    lambda told: [
        AttemptResult.of(Reason.ACCEPTED, provider_id="m")
        if one.reason is Reason.UNREADABLE_RESPONSE
        else one
        for one in told
    ],
)
_results(
    "one refused is all refused",
    lambda told: [next((one for one in told if one.reason is Reason.INVALID), told[0])] * len(told),
)
_results(
    "the refusal of a request not marked", lambda told: [replace(one, request_rejected=False) for one in told]
)


@fault("an unknown code of one message told as throttled")
class UnknownCode(PostmarkLike):
    def result(self, told: Any, response: HttpResponse) -> AttemptResult:
        known = super().result(told, response)
        return AttemptResult.of(Reason.THROTTLED) if known.reason is Reason.INVALID else known


@fault("an error code in an element is accepted")
class CodeIgnored(PostmarkLike):
    def result(self, told: Any, response: HttpResponse) -> AttemptResult:
        if isinstance(told, dict) and told.get("ErrorCode"):
            return AttemptResult.of(Reason.ACCEPTED, provider_id="m", raw_response=told)
        return super().result(told, response)


def _request(words: str, change: Callable[[Sequence[Envelope]], Sequence[Envelope]]) -> None:
    class Mutant(PostmarkLike):
        def send(self, batch: Sequence[Envelope]) -> Any:
            told = yield from super().send(change(batch))
            return told if len(told) == len(batch) else list(told) * len(batch)

    fault(words)(Mutant)


_request(
    "the first message's recipient for all of the batch",
    lambda batch: [replace(one, to=batch[0].to) for one in batch],
)
_request(
    "the first message's content for all of the batch",
    lambda batch: [replace(one, message=batch[0].message) for one in batch],
)
_request("only the first of the batch is in the request", lambda batch: batch[:1])
_request("the batch in reverse", lambda batch: batch[::-1])
_request(
    "the contents of neighbors exchanged",
    lambda batch: [
        replace(one, message=other.message) for one, other in zip(batch, batch[::-1], strict=True)
    ],
)


@fault("claims a batch of 5000 (vendor: 500)")
class TooMany(PostmarkLike):
    capabilities = Capabilities(PostmarkLike.capabilities.message_types, max_batch_size=5000)


@fault("constant-time compare removed")
class NotConstant(PostmarkLike):
    def equal(self, given: str, expected: str) -> bool:
        return given == expected


@fault("any password")
class AnyPassword(PostmarkLike):
    def equal(self, given: str, expected: str) -> bool:
        super().equal(given, expected)
        return given.startswith("Basic ")


@fault("a password in upper case is as good")
class AnyCase(PostmarkLike):
    def prove(self, request: WebhookRequest) -> None:
        if "authorization" in request.headers:
            super().prove(request)


@fault("without a password every call is believed")
class Unset(PostmarkLike):
    def prove(self, request: WebhookRequest) -> None:
        if self.password:
            super().prove(request)


@fault("the refusal tells the address in the call")
class Tells(PostmarkLike):
    def prove(self, request: WebhookRequest) -> None:
        try:
            super().prove(request)
        except errors.WebhookVerificationError:
            raise errors.WebhookVerificationError(
                f"refused: {request.body.decode('utf-8', 'replace')}", provider=self.name, hint="?"
            ) from None


_told(
    "complaint told as a status, not an opt-out",
    lambda e: (
        StatusChanged(
            provider=e.provider,
            occurred_at=e.occurred_at,
            message_id="ours-1",
            status=statuses.known(2, 9),
            raw=e.raw,
        )
        if isinstance(e, OptedOut)
        else e
    ),
)
_told(
    "opens told as clicks",
    lambda e: replace(e, engagement_type=EngagementType.CLICKED) if isinstance(e, EngagementReceived) else e,
)
_told(
    "clicks told as opens",
    lambda e: replace(e, engagement_type=EngagementType.OPENED) if isinstance(e, EngagementReceived) else e,
)
_told(
    "bounces told as delivered",
    lambda e: replace(e, status=statuses.DELIVERED_TO_HANDSET) if isinstance(e, StatusChanged) else e,
)
_told(
    "soft bounces told as hard",
    lambda e: (
        replace(e, status=statuses.known(2, 9))
        if isinstance(e, StatusChanged) and e.status.group_id == 1
        else e
    ),
)
_told(
    "opt-out of another address",
    lambda e: replace(e, address=EmailAddress("someone", "example.com")) if isinstance(e, OptedOut) else e,
)
_told(
    "report without the vendor's id",
    lambda e: replace(e, provider_id=None) if isinstance(e, StatusChanged) else e,
)
_told(
    "inbound told with the sender in lower case",
    lambda e: replace(e, to=e.sender.plain) if isinstance(e, MessageReceived) else e,
)
_told("inbound told as SMS", lambda e: replace(e, channel="sms") if isinstance(e, MessageReceived) else e)


@fault("unheard-of kinds are told as delivered")
class AllDelivered(PostmarkLike):
    def event(self, told: Any) -> Event:
        known = (*ENGAGEMENTS, "Inbound", "SpamComplaint", "Bounce")
        return super().event(told if told["RecordType"] in known else {**told, "RecordType": "Delivery"})


@fault("the time without its zone")
class NoZone(PostmarkLike):
    def time(self, text: str) -> float:
        return super().time(text.removesuffix("Z"))
