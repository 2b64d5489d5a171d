"""A small provider as its author writes it from the documentation, and what its vendor says: for the tests of the kit."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, SecretStr

from messaging_channels import Sms
from messaging_channels._model.outcomes import AttemptResult, Reason
from messaging_channels.plugins.channels import BUILT_IN, Channel
from messaging_channels.plugins.exchange import HttpRequest, HttpResponse
from messaging_channels.plugins.provider import Capabilities, Envelope, HttpProvider, ProviderSpec
from messaging_channels.plugins.results import result_from_status
from messaging_channels.testing.conformance import ConformanceFixtures, Finding, check_provider


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

    def build_request(self, envelope: Envelope) -> HttpRequest:
        return HttpRequest.post_json(f"{self.base}/send", self.told(envelope), headers=self.headers())

    def parse_response(self, response: HttpResponse, envelope: Envelope) -> AttemptResult:  # noqa: ARG002
        told = fields(response.body)
        if response.ok and isinstance(told.get("id"), str):
            return AttemptResult.of(Reason.ACCEPTED, provider_id=told["id"], raw_response=told)
        return result_from_status(response)


def answer(told: object, status: int = 200) -> HttpResponse:
    return HttpResponse(status, {"content-type": "application/json"}, json.dumps(told).encode())


def fields(body: bytes) -> dict[str, Any]:
    """Return the object that a body holds; an empty one if it holds none."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def fixtures(**more: Any) -> ConformanceFixtures:
    usual: dict[str, Any] = {
        "settings": lambda url, secret: {"base_url": url, "key": secret},
        "success_response": lambda _: answer({"id": "m-1"}),
    }
    return ConformanceFixtures(**usual | more)


def spec(build: type[Plain]) -> ProviderSpec:
    return ProviderSpec(build.name, Settings, build)


def found(
    build: type[Plain], said: ConformanceFixtures, channels: Sequence[Channel] = BUILT_IN
) -> list[Finding]:
    return check_provider(spec(build), said, channels=channels, examples=20)


def rules(findings: Sequence[Finding]) -> list[str]:
    return sorted({one.rule.id for one in findings})
