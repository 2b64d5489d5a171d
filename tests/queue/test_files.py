"""The files of a mail that waits are those of the moment when it was enqueued, in whatever process it is sent."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest

from messaging_channels import Attachment, Dispatcher, Email, Sms, SqliteLedger, Worker
from messaging_channels.errors import InvalidMessage
from messaging_channels.messages import Fallback
from messaging_channels_smtp import Smtp
from messaging_channels_smtp.emulator import SmtpEmulator

TO = "zoe@example.com"


def _mail(content: bytes | Path | Callable[[], BinaryIO]) -> Email:
    return Email("Hello", "text", attachments=(Attachment(content, "order.bin"),))


def _dispatcher(port: int, ledger: Path) -> Dispatcher:
    smtp = Smtp(host="127.0.0.1", port=port, tls="none", sender="us@example.com")
    return Dispatcher([smtp], ledger=SqliteLedger(ledger, owned=True))


@pytest.mark.parametrize("what", ["changed", "deleted", "a stream", "a stream once"])
def test_what_becomes_of_a_file_after_enqueuing_changes_no_mail(what: str, tmp_path: Path) -> None:
    file = tmp_path / "order.bin"
    file.write_bytes(b"as it was")
    stream = io.BytesIO(b"as it was")
    streams: dict[str, Callable[[], BinaryIO]] = {
        "a stream": lambda: file.open("rb"),
        "a stream once": lambda: stream,
    }
    given = streams.get(what, file)
    with SmtpEmulator() as server, _dispatcher(server.port, tmp_path / "ledger") as dispatcher:
        dispatcher.enqueue(_mail(given), to=TO)
        if what == "deleted":
            file.unlink()
        else:
            file.write_bytes(b"something else")
        Worker(dispatcher).drain()

        (taken,) = server.mails
    assert b"YXMgaXQgd2Fz" in taken.content  # base64 of: as it was


def test_a_child_sends_the_file_that_its_parent_named(tmp_path: Path) -> None:
    file = tmp_path / "order.bin"
    file.write_bytes(b"as it was")
    with SmtpEmulator() as server, _dispatcher(server.port, tmp_path / "ledger") as dispatcher:
        dispatcher.enqueue(_mail(file), to=TO)
        file.unlink()
        child = os.fork()
        if child == 0:
            try:
                Worker(dispatcher).drain()
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        assert len(server.mails) == 1


def test_the_files_of_one_mail_for_many_are_read_once(tmp_path: Path) -> None:
    opened: list[int] = []

    def read() -> BinaryIO:
        opened.append(1)
        return io.BytesIO(b"as it was")

    people = [f"zoe{number}@example.com" for number in range(20)]
    with SmtpEmulator() as server, _dispatcher(server.port, tmp_path / "ledger") as dispatcher:
        assert all(one.receipt for one in dispatcher.send_each(_mail(read), to=people))
        assert all(one.receipt for one in dispatcher.enqueue_each(_mail(read), to=people))
    assert len(opened) == 2


def test_a_step_of_a_fallback_has_its_files_too(tmp_path: Path) -> None:
    with (
        SmtpEmulator() as server,
        _dispatcher(server.port, tmp_path / "ledger") as dispatcher,
        pytest.raises(InvalidMessage, match="cannot be read"),
    ):
        dispatcher.enqueue(Fallback([_mail(tmp_path / "none"), Sms("hello")]), to=TO)
