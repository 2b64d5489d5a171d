"""A channel that a plugin brings, whose addresses are neither numbers nor mail addresses."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import pytest
from loopback import Peer, Server
from regression_kit import Plain, Settings, fixtures, found

from messaging_channels import Dispatcher
from messaging_channels._model.errors import InvalidAddress
from messaging_channels._model.outcomes import AttemptResult, Reason
from messaging_channels.messages import Message
from messaging_channels.plugins.exchange import HttpResponse
from messaging_channels.plugins.provider import Capabilities, Envelope
from messaging_channels.policies.checks import AllowedPrefixes


@dataclass(frozen=True, slots=True, repr=False)
class ChatId:
    """A chat: a whole number."""

    id: str

    @classmethod
    def parse(cls, text: str) -> Self:
        if not re.fullmatch(r"-?[0-9]{5,20}", text):
            raise InvalidAddress("it is none", kind="chat id", hint="give it as it was registered")
        return cls(text)

    @property
    def plain(self) -> str:
        return self.id

    @property
    def masked(self) -> str:
        return f"{self.id[:1]}•••"

    def __str__(self) -> str:
        return self.masked

    __repr__ = __str__


@dataclass(frozen=True, slots=True)
class ChatText(Message):
    text: str = field(repr=False)
    silent: bool = False
    provider_options: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Chat:
    """The channel. It shows an example of an address, for whoever needs one."""

    name: str = "telegram"
    address_type: type = ChatId
    message_types: tuple[type[Message], ...] = (ChatText,)
    example: str = "900100200"

    def parse(self, text: str) -> ChatId:
        return ChatId.parse(text)


class Chats(Plain):
    """One text a request."""

    name: ClassVar[str] = "chats"
    capabilities: ClassVar[Capabilities] = Capabilities({ChatText: frozenset({"silent"})})

    def told(self, envelope: Envelope) -> dict[str, Any]:
        assert isinstance(envelope.message, ChatText)
        message = envelope.message
        told = {"chat_id": envelope.to.plain, "text": message.text, "reference": envelope.id}
        return told | {"quiet": message.silent}


class Believes(Chats):
    """The same, but whatever is answered is accepted."""

    def parse_response(self, response: HttpResponse, envelope: Envelope) -> AttemptResult:  # noqa: ARG002
        return AttemptResult.of(Reason.ACCEPTED)


class Gossips(Chats):
    """The same, but it logs what it was told to keep to itself."""

    def parse_response(self, response: HttpResponse, envelope: Envelope) -> AttemptResult:
        assert isinstance(envelope.message, ChatText)
        logging.getLogger("gossips").warning(
            "%s to %s: %s", self.key, envelope.to.plain, envelope.message.text
        )
        return super().parse_response(response, envelope)


SAID = fixtures(messages=(ChatText("Canary words 7c1f"),), field_values={"ChatText.silent": True})


@pytest.mark.parametrize("kind", [Believes, Gossips])
def test_the_kit_looks_at_providers_of_a_channel_of_their_own(kind: type[Plain]) -> None:
    findings = found(kind, SAID, [Chat()])

    assert findings


def test_the_kit_has_nothing_to_say_about_the_right_provider_of_such_a_channel() -> None:
    findings = found(Chats, SAID, [Chat()])

    assert findings == []


TAKEN = b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 13\r\n\r\n{"id": "m-1"}'


def _serve(peer: Peer) -> None:
    while peer.read_request():
        peer.answer(TAKEN)


@pytest.mark.parametrize("chat", ["900100200", "-100200300"])
def test_allowed_prefixes_of_numbers_do_not_concern_ids_of_chats(chat: str) -> None:
    rule = AllowedPrefixes(("44", "385"))

    with Server(_serve) as vendor:
        provider = Chats(Settings.model_validate({"base_url": vendor.url, "key": "made-up"}))
        with Dispatcher([provider], channels=[Chat()], checks=[rule]) as dispatcher:
            receipt = dispatcher.send(ChatText("hello"), to=ChatId(chat))

    assert receipt.provider_id == "m-1"
