"""Mistakes of an ordinary author, each in a provider that is right otherwise: the kit has to say something about every one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

import pytest
from providers.acme import FIXTURES, AcmeSms, AcmeSmsSettings, parse_json, spec

from messaging_channels import errors
from messaging_channels._model.events import Event, MessageReceived, StatusChanged
from messaging_channels._model.outcomes import AttemptResult, Reason
from messaging_channels.plugins.exchange import Flow, HttpRequest, HttpResponse
from messaging_channels.plugins.provider import Envelope
from messaging_channels.plugins.webhooks import WebhookRequest, WebhookResult
from messaging_channels.testing.conformance import check_provider

MISTAKES: list[type[AcmeSms]] = []


def mistake(kind: type[AcmeSms]) -> type[AcmeSms]:
    MISTAKES.append(kind)
    return kind


class _ChangedPayload(AcmeSms):
    """Its payload is changed on the way out."""

    def changed(self, envelope: Envelope, batch: Sequence[Envelope]) -> dict[str, Any]:
        raise NotImplementedError

    def request(self, batch: Sequence[Envelope]) -> HttpRequest:
        messages = [self.payload(one) | self.changed(one, batch) for one in batch]
        return HttpRequest.post_json(f"{self.url}/messages", {"messages": messages}, headers=self.headers)


class _Inbound(AcmeSms):
    """What it reads in a call is changed afterwards."""

    changes: ClassVar[dict[type[Event], dict[str, Any]]] = {}

    def events(self, told: Any, call: WebhookRequest) -> list[Event]:
        return [replace(one, **self.changes.get(type(one), {})) for one in super().events(told, call)]


@mistake
class StripsTheText(_ChangedPayload):
    def changed(self, envelope: Envelope, batch: Sequence[Envelope]) -> dict[str, Any]:  # noqa: ARG002
        return {"text": self.payload(envelope)["text"].strip()}


@mistake
class SendsWordsOfItsOwn(_ChangedPayload):
    def changed(self, envelope: Envelope, batch: Sequence[Envelope]) -> dict[str, Any]:  # noqa: ARG002
        return {"text": "You have a message"}


@mistake
class DropsTheCountry(_ChangedPayload):
    def changed(self, envelope: Envelope, batch: Sequence[Envelope]) -> dict[str, Any]:  # noqa: ARG002
        return {"to": envelope.to.plain[-10:]}


@mistake
class SendsAllToTheFirst(_ChangedPayload):
    def changed(self, envelope: Envelope, batch: Sequence[Envelope]) -> dict[str, Any]:  # noqa: ARG002
        return {"to": batch[0].to.plain}


@mistake
class SendsTheFirstTextToAll(_ChangedPayload):
    def changed(self, envelope: Envelope, batch: Sequence[Envelope]) -> dict[str, Any]:  # noqa: ARG002
        return {"text": self.payload(batch[0])["text"]}


@mistake
class SendsNoCredentials(AcmeSms):
    def __init__(self, settings: AcmeSmsSettings) -> None:
        super().__init__(settings)
        self.headers = {"content-type": "application/json"}


@mistake
class IgnoresTheBaseUrl(AcmeSms):
    def __init__(self, settings: AcmeSmsSettings) -> None:
        super().__init__(settings)
        self.url = "https://api.acme.example.com"


@mistake
class SharesHeadersBetweenAccounts(AcmeSms):
    shared: ClassVar[dict[str, str]] = {"content-type": "application/json"}

    def __init__(self, settings: AcmeSmsSettings) -> None:
        super().__init__(settings)
        self.shared["authorization"] = f"Bearer {self.key}"
        self.headers = self.shared


@mistake
class KeepsEveryEnvelope(AcmeSms):
    def __init__(self, settings: AcmeSmsSettings) -> None:
        super().__init__(settings)
        self.kept: list[Envelope] = []

    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        self.kept.extend(batch)
        return (yield from super().send(batch))


@mistake
class TellsOneIdForAll(AcmeSms):
    def outcome(self, result: Any, response: HttpResponse) -> AttemptResult:
        told = super().outcome(result, response)
        return replace(told, provider_id="m-1") if told.provider_id else told


@mistake
class TellsTheFirstAnswerOfAll(AcmeSms):
    def read(self, response: HttpResponse, batch: Sequence[Envelope]) -> Sequence[AttemptResult]:
        return [super().read(response, batch)[0]] * len(batch)


@mistake
class TakesUnknownRefusalsForThrottling(AcmeSms):
    def outcome(self, result: Any, response: HttpResponse) -> AttemptResult:
        told = super().outcome(result, response)
        if told.reason is not Reason.INVALID:
            return told
        return AttemptResult.of(
            Reason.THROTTLED, "refused", provider_id=told.provider_id, raw_response=told.raw_response
        )


@mistake
class CutsWhatPeopleWrite(AcmeSms):
    def events(self, told: Any, call: WebhookRequest) -> list[Event]:
        return [
            replace(one, text=one.text[:20]) if isinstance(one, MessageReceived) else one
            for one in super().events(told, call)
        ]


@mistake
class TellsAnotherChannel(_Inbound):
    changes: ClassVar[dict[type[Event], dict[str, Any]]] = {MessageReceived: {"channel": "whatsapp"}}


@mistake
class TakesTheSenderForTheRecipient(AcmeSms):
    def events(self, told: Any, call: WebhookRequest) -> list[Event]:
        return [
            replace(one, to=one.sender.plain) if isinstance(one, MessageReceived) else one
            for one in super().events(told, call)
        ]


@mistake
class LosesTheCallAsItCame(_Inbound):
    changes: ClassVar[dict[type[Event], dict[str, Any]]] = {
        StatusChanged: {"raw": None},
        MessageReceived: {"raw": None},
    }


@mistake
class AnswersAGoodCallWithAnError(AcmeSms):
    def handle_webhook(self, call: WebhookRequest) -> WebhookResult:
        return replace(super().handle_webhook(call), response=HttpResponse(500, {}, b""))


@mistake
class NamesThePersonInARefusal(AcmeSms):
    def handle_webhook(self, call: WebhookRequest) -> WebhookResult:
        told = parse_json(HttpResponse(200, {}, call.body))
        who = told.get("from", "nobody") if isinstance(told, dict) else "nobody"
        try:
            return super().handle_webhook(call)
        except errors.WebhookVerificationError:
            raise errors.WebhookVerificationError(
                f"the signature of a call from {who} does not match", provider=self.name, hint="check the key"
            ) from None


@pytest.mark.parametrize("kind", MISTAKES, ids=lambda kind: kind.__name__)
def test_the_kit_has_something_to_say_about_a_mistake(kind: type[AcmeSms]) -> None:
    found = check_provider(spec(kind), FIXTURES, examples=20)

    assert found
