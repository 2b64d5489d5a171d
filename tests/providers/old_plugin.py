"""A plugin built for another version of the contract: its provider has other methods."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from messaging_channels.plugins.hooks import hookimpl
from messaging_channels.plugins.provider import ProviderSpec


class OtherSmsSettings(BaseModel):
    key: str = "made-up"


class OtherSms:
    name = "other-sms"

    def __init__(self, _: OtherSmsSettings) -> None:
        pass

    def send_text(self, number: str, text: str) -> str:
        return f"{number} {text}"


class OldPlugin:
    def __init__(self, contract: int) -> None:
        self.contract = contract

    @hookimpl
    def register_providers(self) -> Any:
        return (ProviderSpec("other-sms", OtherSmsSettings, OtherSms, api_version=self.contract),)  # type: ignore[arg-type]
