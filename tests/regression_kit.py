"""A small provider as its author writes it from the documentation, and what its vendor says: for the tests of the kit."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, SecretStr

from messaging_channels import Sms
from messaging_channels._model.outcomes import Outcome, Reason
from messaging_channels.plugins.channels import BUILT_IN, Channel
from messaging_channels.plugins.exchange import HttpRequest, HttpResponse
from messaging_channels.plugins.provider import Capabilities, Envelope, HttpProvider, ProviderSpec
from messaging_channels.plugins.results import http_outcome
from messaging_channels.testing.conformance import Finding, Vectors, check_provider


class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    base_url: str
    key: SecretStr


class Plain(HttpProvider):
    """One SMS a request, with a key."""

    name: ClassVar[str] = "plain"
    capabilities: ClassVar[Capabilities] = Capabilities({Sms: frozenset()})

    def __init__(self, settings: Settings) -> None:
        self.base, self.key = settings.base_url, settings.key.get_secret_value()

    def headers(self) -> dict[str, str]:
        return {"authorization": f"Key {self.key}", "content-type": "application/json"}

    def told(self, envelope: Envelope) -> dict[str, Any]:
        assert isinstance(envelope.message, Sms)
        return {"to": envelope.to.plain, "text": envelope.message.text, "id": envelope.id}

    def encode(self, envelope: Envelope) -> HttpRequest:
        return HttpRequest.post_json(f"{self.base}/send", self.told(envelope), headers=self.headers())

    def decode(self, response: HttpResponse, envelope: Envelope) -> Outcome:  # noqa: ARG002  see HttpProvider
        told = fields(response.body)
        if response.ok and isinstance(told.get("id"), str):
            return Outcome.of(Reason.ACCEPTED, provider_id=told["id"], native=told)
        return http_outcome(response)


def answer(told: object, status: int = 200) -> HttpResponse:
    return HttpResponse(status, {"content-type": "application/json"}, json.dumps(told).encode())


def fields(body: bytes) -> dict[str, Any]:
    """Return the object that a body holds; an empty one if it holds none."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def vectors(**more: Any) -> Vectors:
    usual: dict[str, Any] = {
        "settings": lambda url, secret: {"base_url": url, "key": secret},
        "accepts": lambda _: answer({"id": "m-1"}),
    }
    return Vectors(**usual | more)


def spec(build: type[Plain]) -> ProviderSpec:
    return ProviderSpec(build.name, Settings, build)


def found(build: type[Plain], said: Vectors, channels: Sequence[Channel] = BUILT_IN) -> list[Finding]:
    return check_provider(spec(build), said, channels=channels, examples=20)


def rules(findings: Sequence[Finding]) -> list[str]:
    return sorted({one.rule.id for one in findings})
