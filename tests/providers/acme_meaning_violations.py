"""Variants of AcmeSms that violate one of the rules on meaning each (MC109 to MC119, MC218 to MC220, MC312 to MC323, MC507 and MC508)."""

from __future__ import annotations

import hmac
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

from providers.acme import FIXTURES, AcmeSms, AcmeSmsSettings, parse_json, signature_of
from providers.acme_violations import BROKEN, breaks, can

from messaging_channels import Sms, WhatsAppText, errors
from messaging_channels._model.events import Event, MessageReceived, StatusChanged
from messaging_channels._model.outcomes import AttemptResult, Reason
from messaging_channels._model.status import DELIVERED_TO_HANDSET, PENDING_ENROUTE
from messaging_channels.plugins.exchange import HttpRequest, HttpResponse
from messaging_channels.plugins.provider import Envelope
from messaging_channels.plugins.webhooks import WebhookRequest, WebhookResult
from messaging_channels.testing.conformance import Webhook


@breaks("MC109")
class ViolatesMC109_TextInUpperCase(AcmeSms):
    def payload(self, envelope: Envelope) -> dict[str, Any]:
        payload = super().payload(envelope)
        return payload | {"text": payload["text"].upper()}


@breaks("MC110")
class ViolatesMC110_JsonAsForm(AcmeSms):
    def __init__(self, settings: AcmeSmsSettings) -> None:
        super().__init__(settings)
        self.headers = {**self.headers, "content-type": "application/x-www-form-urlencoded"}


@breaks("MC111")
class ViolatesMC111_TextStripped(AcmeSms):
    def payload(self, envelope: Envelope) -> dict[str, Any]:
        payload = super().payload(envelope)
        return payload | {"text": payload["text"].strip()}


@breaks("MC112")
class ViolatesMC112_FirstRecipientForAll(AcmeSms):
    def request(self, batch: Sequence[Envelope]) -> HttpRequest:
        return super().request([replace(one, to=batch[0].to) for one in batch])


@breaks("MC113")
class ViolatesMC113_ConstantHost(AcmeSms):
    def __init__(self, settings: AcmeSmsSettings) -> None:
        super().__init__(settings)
        self.url = "http://127.0.0.1:8"


@breaks("MC114")
class ViolatesMC114_NoCredentials(AcmeSms):
    def __init__(self, settings: AcmeSmsSettings) -> None:
        super().__init__(settings)
        self.headers = {"content-type": "application/json"}


@breaks("MC115")
class ViolatesMC115_NumbersOfTwelveDigits(AcmeSms):
    def payload(self, envelope: Envelope) -> dict[str, Any]:
        return super().payload(envelope) | {"to": envelope.to.plain[:12]}


class ViolatesMC116_ChatSentAsSms(AcmeSms):
    capabilities = can(message_types={Sms: frozenset({"sender"}), WhatsAppText: frozenset({"sender"})})

    def payload(self, envelope: Envelope) -> dict[str, Any]:
        message: Any = envelope.message
        return {"id": envelope.id, "from": "Shop", "to": envelope.to.plain, "text": message.text}


BROKEN["MC116"] = (ViolatesMC116_ChatSentAsSms, FIXTURES)


@breaks("MC117")
class ViolatesMC117_IdLeftOut(AcmeSms):
    def payload(self, envelope: Envelope) -> dict[str, Any]:
        return super().payload(envelope) | {"id": "0"}


@breaks("MC118")
class ViolatesMC118_TooManyAtOnce(AcmeSms):
    capabilities = can(max_batch_size=101)


@breaks("MC218")
class ViolatesMC218_ErrorAccepted(AcmeSms):
    def read(self, response: HttpResponse, batch: Sequence[Envelope]) -> Sequence[AttemptResult]:
        told = parse_json(response)
        if response.ok and isinstance(told, dict) and "error" in told:
            return [AttemptResult.of(Reason.ACCEPTED, provider_id="m", raw_response=told)] * len(batch)
        return super().read(response, batch)


@breaks("MC219")
class ViolatesMC219_OneIdForAll(AcmeSms):
    def outcome(self, result: Any, response: HttpResponse) -> AttemptResult:
        told = super().outcome(result, response)
        return replace(told, provider_id="m") if told.provider_id else told


@breaks("MC220")
class ViolatesMC220_FirstAnswerForAll(AcmeSms):
    def read(self, response: HttpResponse, batch: Sequence[Envelope]) -> Sequence[AttemptResult]:
        return [super().read(response, batch)[0]] * len(batch)


class _Told(AcmeSms):
    """What it reads in a call is changed afterwards."""

    changes: ClassVar[dict[str, Any]] = {}

    def events(self, told: Any, call: WebhookRequest) -> list[Event]:
        return [
            replace(one, **self.changes) if isinstance(one, StatusChanged) else one
            for one in super().events(told, call)
        ]


@breaks("MC312")
class ViolatesMC312_DeliveredIsPending(_Told):
    changes: ClassVar[dict[str, Any]] = {"status": PENDING_ENROUTE}


@breaks("MC313")
class ViolatesMC313_LocalTime(AcmeSms):
    def events(self, told: Any, call: WebhookRequest) -> list[Event]:
        return [
            replace(one, occurred_at=time.mktime(time.gmtime(one.occurred_at)))
            for one in super().events(told, call)
        ]


@breaks("MC314")
class ViolatesMC314_StatusLookedUp(AcmeSms):
    def handle_webhook(self, call: WebhookRequest) -> WebhookResult:
        told = super().handle_webhook(call)
        fields = parse_json(HttpResponse(200, {}, call.body))
        if isinstance(fields, dict) and isinstance(fields.get("status"), str):
            {"delivered": DELIVERED_TO_HANDSET, "sent": PENDING_ENROUTE}[fields["status"]]
        return told


@breaks("MC315")
class ViolatesMC315_ProofOverJsonWrittenAgain(AcmeSms):
    def handle_webhook(self, call: WebhookRequest) -> WebhookResult:
        fields = parse_json(HttpResponse(200, {}, call.body))
        return super().handle_webhook(
            call if fields is None else replace(call, body=json.dumps(fields).encode())
        )


class Timed(AcmeSms):
    """Its vendor signs the time of a call."""

    def fits(self, at: str, call: WebhookRequest) -> bool:
        return at.isdigit() and abs(int(at) - call.received_at) <= 300

    def handle_webhook(self, call: WebhookRequest) -> WebhookResult:
        at = call.headers.get("x-acme-timestamp", "")
        expected = signature_of(at.encode() + b"." + call.body, self.key)
        given = call.headers.get("x-acme-signature", "")
        if not hmac.compare_digest(given.encode(), expected.encode()) or not self.fits(at, call):
            raise errors.WebhookVerificationError(
                "it does not fit, or is old", provider=self.name, hint="check the key"
            )
        return WebhookResult(self.events(parse_json(HttpResponse(200, {}, call.body)), call))


def sign_timed(body: bytes, secret: str, at: float) -> WebhookRequest:
    stamp = f"{at:.0f}"
    proof = signature_of(stamp.encode() + b"." + body, secret)
    return WebhookRequest(body, {"x-acme-timestamp": stamp, "x-acme-signature": proof})


OF_TIMED = replace(FIXTURES, sign_webhook=sign_timed, documented_webhooks=())


@breaks("MC316", OF_TIMED)
class ViolatesMC316_AgeNotChecked(Timed):
    def fits(self, at: str, call: WebhookRequest) -> bool:
        return True


LISTED = replace(
    FIXTURES,
    documented_webhooks=(),
    webhooks=(
        Webhook(b'{"reports": [{"at": 1700000000, "id": "m1", "status": "delivered"}]}', (StatusChanged,)),
    ),
)


class Listing(AcmeSms):
    """Its vendor puts several reports into one call."""

    def events(self, told: Any, call: WebhookRequest) -> list[Event]:
        listed = told.get("reports") if isinstance(told, dict) else None
        if not isinstance(listed, list) or not listed:
            return super().events(told, call)
        return [event for one in self.chosen(listed) for event in super(Listing, self).events(one, call)]

    def chosen(self, listed: list[Any]) -> list[Any]:
        return listed


@breaks("MC317", LISTED)
class ViolatesMC317_OnlyTheFirst(Listing):
    def chosen(self, listed: list[Any]) -> list[Any]:
        return listed[:1]


@breaks("MC318")
class ViolatesMC318_AnotherDigest(AcmeSms):
    def handle_webhook(self, call: WebhookRequest) -> WebhookResult:
        proof = hmac.new(self.key.encode(), call.body, "sha512").hexdigest()
        given = call.headers.get("x-acme-signature", "")
        if not hmac.compare_digest(given.encode(), proof.encode()):
            raise errors.WebhookVerificationError("it does not fit", provider=self.name, hint="check the key")
        return WebhookResult(self.events(parse_json(HttpResponse(200, {}, call.body)), call))


def _sign_alike(body: bytes, secret: str) -> WebhookRequest:
    return WebhookRequest(body, {"x-acme-signature": hmac.new(secret.encode(), body, "sha512").hexdigest()})


BROKEN["MC318"] = (ViolatesMC318_AnotherDigest, replace(FIXTURES, sign_webhook=_sign_alike))


@breaks("MC319")
class ViolatesMC319_AnswersWithAnError(AcmeSms):
    def handle_webhook(self, call: WebhookRequest) -> WebhookResult:
        return replace(super().handle_webhook(call), response=HttpResponse(500, {}, b""))


@breaks("MC320")
class ViolatesMC320_TextCut(AcmeSms):
    def events(self, told: Any, call: WebhookRequest) -> list[Event]:
        return [
            replace(one, text=(one.text or "")[:20]) if isinstance(one, MessageReceived) else one
            for one in super().events(told, call)
        ]


class ViolatesMC321_NoKeyNoProof(AcmeSms):
    def __init__(self, settings: AcmeSmsSettings) -> None:
        super().__init__(settings)
        self.webhook_key = settings.webhook_key

    def handle_webhook(self, call: WebhookRequest) -> WebhookResult:
        if self.webhook_key is None:
            return WebhookResult(self.events(parse_json(HttpResponse(200, {}, call.body)), call))
        return super().handle_webhook(call)


BROKEN["MC321"] = (
    ViolatesMC321_NoKeyNoProof,
    replace(
        FIXTURES,
        settings=lambda url, secret: {
            "base_url": url,
            "key": secret,
            "sender": "Shop",
            "webhook_key": secret,
        },
    ),
)


@breaks("MC507")
class ViolatesMC507_SharedHeaders(AcmeSms):
    shared: ClassVar[dict[str, str]] = {"content-type": "application/json"}

    def __init__(self, settings: AcmeSmsSettings) -> None:
        super().__init__(settings)
        self.shared["authorization"] = f"Bearer {self.key}"
        self.headers = self.shared


@breaks("MC508")
class ViolatesMC508_KeepsEveryId(AcmeSms):
    def __init__(self, settings: AcmeSmsSettings) -> None:
        super().__init__(settings)
        self.kept: list[str] = []

    def request(self, batch: Sequence[Envelope]) -> HttpRequest:
        self.kept += [f"{one.id}!" for one in batch]
        return super().request(batch)


@breaks("MC119")
class ViolatesMC119_KeyOfTheText(AcmeSms):
    def request(self, batch: Sequence[Envelope]) -> HttpRequest:
        request = super().request(batch)
        return replace(request, headers={**request.headers, "idempotency-key": request.body[-20:].hex()})


OF_EVENTS = replace(
    FIXTURES,
    documented_webhooks=(),
    webhooks=tuple(
        Webhook(
            json.dumps({"at": 1700000000, "event": f"e-00{word}1", "id": "m1", "status": word}).encode(),
            (StatusChanged,),
        )
        for word in ("queued", "delivered")
    ),
)


@breaks("MC322", OF_EVENTS)
class ViolatesMC322_MessageIdAsEventId(AcmeSms):
    def events(self, told: Any, call: WebhookRequest) -> list[Event]:
        return [
            replace(one, event_id=one.message_id) if isinstance(one, StatusChanged) else one
            for one in super().events(told, call)
        ]


class Rotating(AcmeSms):
    """Its secret may be several, with commas between them."""

    def __init__(self, settings: AcmeSmsSettings) -> None:
        super().__init__(settings)
        self.keys = [one.get_secret_value() for one in settings.webhook_keys]

    def handle_webhook(self, call: WebhookRequest) -> WebhookResult:
        given = call.headers.get("x-acme-signature", "").encode()
        for key in self.keys:
            if hmac.compare_digest(given, signature_of(call.body, key).encode()):
                return WebhookResult(self.events(parse_json(HttpResponse(200, {}, call.body)), call))
        raise errors.WebhookVerificationError("it does not fit", provider=self.name, hint="check the key")


OF_ROTATION = replace(
    FIXTURES,
    settings=lambda url, secret: {**FIXTURES.settings(url, secret), "webhook_keys": secret},
    documented_webhooks=(),
)


@breaks("MC323", OF_ROTATION)
class ViolatesMC323_FirstSecretOnly(Rotating):
    def __init__(self, settings: AcmeSmsSettings) -> None:
        super().__init__(settings)
        self.keys = self.keys[:1]
