"""What the contract offers authors beside the exchanges: files, base64, unsubscribe headers and calls of blocking SDKs."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import ClassVar

import pytest

from messaging_channels import Dispatcher, Email
from messaging_channels.errors import InvalidMessage, NotSent, TransportError
from messaging_channels.messages import Attachment, ListUnsubscribe
from messaging_channels.plugins import (
    AttemptResult,
    Capabilities,
    Envelope,
    Flow,
    HttpProvider,
    HttpRequest,
    HttpResponse,
    Reason,
    ask,
    base64_text,
    sdk_call,
    unsubscribe_headers,
)
from messaging_channels.testing import Emulator, Request, json_response


class Vendor(Emulator):
    def handle(self, request: Request) -> HttpResponse:
        self.taken = request.json()
        return json_response({"id": "m-1"})


class Mailing(HttpProvider):
    name: ClassVar[str] = "mailing"
    capabilities: ClassVar[Capabilities] = Capabilities({Email: frozenset({"text", "attachments"})})

    def __init__(self, url: str) -> None:
        self.url = url

    def build_request(self, envelope: Envelope) -> HttpRequest:
        assert isinstance(envelope.message, Email)
        files = [base64_text(one) for one in envelope.message.attachments]
        return HttpRequest.post_json(f"{self.url}/mail", {"files": files}, headers={})

    def parse_response(self, response: HttpResponse, envelope: Envelope) -> AttemptResult:  # noqa: ARG002
        return AttemptResult.of(Reason.ACCEPTED, provider_id="m-1", raw_response=response)


def test_a_provider_of_one_request_sends_files_and_streams(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"of a file")
    files = (
        Attachment(b"of bytes", "b.txt"),
        Attachment(path, "a.txt"),
        Attachment(lambda: BytesIO(b"of a stream"), "c.txt"),
    )
    with Vendor() as vendor, Dispatcher([Mailing(vendor.url)]) as dispatcher:
        dispatcher.send(Email("Bill", "see below", attachments=files), to="zoe@example.com")

        assert vendor.taken == {"files": ["b2YgYnl0ZXM=", "b2YgYSBmaWxl", "b2YgYSBzdHJlYW0="]}


def test_a_file_that_is_not_there_is_told_before_anything_is_sent(tmp_path: Path) -> None:
    missing = Attachment(tmp_path / "missing.pdf", "bill.pdf")
    with Vendor() as vendor, Dispatcher([Mailing(vendor.url)]) as dispatcher:
        with pytest.raises(InvalidMessage, match="cannot be read"):
            dispatcher.send(Email("Bill", "see below", attachments=(missing,)), to="zoe@example.com")

        assert vendor.requests == []


def test_base64_of_what_was_not_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidMessage, match="was not read"):
        base64_text(Attachment(tmp_path / "a.pdf", "a.pdf"))


def test_headers_for_leaving_a_list_are_those_of_the_standards() -> None:
    both = ListUnsubscribe(url="https://shop.example.com/leave/1", mailto="leave@example.com")

    assert unsubscribe_headers(both) == {
        "List-Unsubscribe": "<https://shop.example.com/leave/1>, <mailto:leave@example.com>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    assert unsubscribe_headers(ListUnsubscribe(mailto="leave@example.com")) == {
        "List-Unsubscribe": "<mailto:leave@example.com>"
    }
    assert unsubscribe_headers(None) == {}


class SdkError(Exception):
    pass


def _wrapped() -> None:
    raise SdkError("HTTPSConnectionPool") from ConnectionRefusedError()


def _within_arguments() -> None:
    raise SdkError(SdkError(socket.gaierror("no such host")))


def _own_class() -> None:
    raise TimeoutError


def _after_sending() -> None:
    raise SdkError(ConnectionResetError())


class Calling(Mailing):
    def __init__(self, function: Callable[[], None]) -> None:
        self.function = function

    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:  # noqa: ARG002
        yield from ask(sdk_call(self.function, connect_errors=(TimeoutError,)))
        return [AttemptResult.of(Reason.ACCEPTED, provider_id="m-1")]


@pytest.mark.parametrize("function", [_wrapped, _within_arguments, _own_class])
def test_an_sdk_that_could_not_connect_sent_nothing(function: Callable[[], None]) -> None:
    with Dispatcher([Calling(function)]) as dispatcher, pytest.raises(NotSent, match="could not connect"):
        dispatcher.send(Email("Bill", "words"), to="zoe@example.com")


def test_an_sdk_that_fails_otherwise_may_have_sent_the_message() -> None:
    with pytest.raises(SdkError):
        sdk_call(_after_sending).function()
    with pytest.raises(TransportError):
        sdk_call(_wrapped).function()
