"""Faults in how `TelnyxLike` lives and what it shows, added to the other `MUTANTS`."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from providers.telnyx_like import (
    TelnyxLike,
    TelnyxSettings,
    fields,
)
from providers.telnyx_mutants import MUTANTS, fault

from messaging_channels import errors
from messaging_channels.plugins import (
    Envelope,
    HttpRequest,
    WebhookRequest,
)


@fault("API key in an exception")
class KeyInError(TelnyxLike):
    def payload(self, envelope: Envelope) -> dict[str, Any]:
        if self.sender is None:
            raise errors.InvalidMessage(f"sender is missing for {self.key}", field="sender", hint="give one")
        return super().payload(envelope)


@fault("prints the number")
class Prints(TelnyxLike):
    def payload(self, envelope: Envelope) -> dict[str, Any]:
        sys.stdout.write(envelope.to.plain)
        return super().payload(envelope)


@fault("puts the number into the exception of a refused webhook")
class NumberInRefusal(TelnyxLike):
    def prove(self, request: WebhookRequest) -> None:
        try:
            super().prove(request)
        except errors.WebhookVerificationError:
            told = fields(request.body).get("data", {}).get("payload", {}).get("from")
            raise self.refuse(f"no fitting signature from {told}") from None


class BareSettings(TelnyxSettings):
    api_key: str  # type: ignore[assignment]


@fault("settings: key as plain text", BareSettings)
class BareKey(TelnyxLike):
    def __init__(self, settings: Any) -> None:
        self.base, self.key, self.sender = settings.base_url, settings.api_key, settings.sender
        self.public_key = settings.public_key


@fault("blocks the event loop: time.sleep")
class Sleeps(TelnyxLike):
    def payload(self, envelope: Envelope) -> dict[str, Any]:
        time.sleep(0)
        return super().payload(envelope)


@fault("blocks: opens a file")
class OpensFile(TelnyxLike):
    def payload(self, envelope: Envelope) -> dict[str, Any]:
        Path(__file__).open("rb").close()
        return super().payload(envelope)


@fault("headers shared between accounts")
class SharedHeaders(TelnyxLike):
    shared: ClassVar[dict[str, str]] = {}

    def __init__(self, settings: TelnyxSettings) -> None:
        super().__init__(settings)
        self.shared.update(super().headers())

    def headers(self) -> dict[str, str]:
        return self.shared


@fault("the sender of the last account for all")
class SharedSender(TelnyxLike):
    last: ClassVar[str] = ""

    def __init__(self, settings: TelnyxSettings) -> None:
        super().__init__(settings)
        SharedSender.last = settings.base_url

    def build_request(self, envelope: Envelope) -> HttpRequest:
        return replace(super().build_request(envelope), url=f"{self.last}/v2/messages")


@fault("keeps every envelope")
class Keeps(TelnyxLike):
    def __init__(self, settings: TelnyxSettings) -> None:
        super().__init__(settings)
        self.kept: list[Envelope] = []

    def payload(self, envelope: Envelope) -> dict[str, Any]:
        self.kept.append(envelope)
        return super().payload(envelope)


@fault("keeps every envelope in the class")
class KeepsInClass(TelnyxLike):
    kept: ClassVar[dict[str, Envelope]] = {}

    def payload(self, envelope: Envelope) -> dict[str, Any]:
        self.kept[envelope.id] = envelope
        return super().payload(envelope)


__all__ = ["MUTANTS"]
