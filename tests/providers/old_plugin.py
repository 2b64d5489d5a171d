"""A plugin of another time: its provider has the methods of a contract that is no more."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from messaging_channels.plugins.hooks import hookimpl
from messaging_channels.plugins.provider import ProviderSpec


class DoveSettings(BaseModel):
    key: str = "made-up"


class Dove:
    name = "dove"

    def __init__(self, _: DoveSettings) -> None:
        pass

    def send_text(self, number: str, text: str) -> str:
        return f"{number} {text}"


class OldPlugin:
    def __init__(self, contract: int) -> None:
        self.contract = contract

    @hookimpl
    def register_providers(self) -> Any:
        return (ProviderSpec("dove", DoveSettings, Dove, api_version=self.contract),)  # type: ignore[arg-type]
