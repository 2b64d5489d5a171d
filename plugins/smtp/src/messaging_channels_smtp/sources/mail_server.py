"""A server that an MTA delivers to, over LMTP (RFC 2033) or SMTP: a mail is taken when its events are kept, and stays in the MTA's queue until then."""

from __future__ import annotations

import asyncio
import threading
from importlib import import_module
from typing import Any, Literal, Self

from messaging_channels.errors import InvalidSetting
from messaging_channels_smtp.sources.handover import Handler, hand_over, with_envelope

MAX_SIZE = 50 * 1024 * 1024
"""Octets of the largest mail that is taken."""


class MailServer:
    """Listens for one MTA, on this machine or a trusted network: it asks nobody for a password, and relays nothing."""

    def __init__(
        self,
        handle: Handler,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        protocol: Literal["lmtp", "smtp"] = "lmtp",
        max_size: int = MAX_SIZE,
        hostname: str = "localhost",
    ) -> None:
        """Take what mails are handed to, and where to listen.

        Args:
            handle: takes each mail, with its envelope written on top. It is called in a thread, one mail at a time for each connection.
            host: the address to listen on.
            port: 0 for any free one.
            protocol: LMTP, or SMTP.
            max_size: octets of the largest mail.
            hostname: what the server calls itself.

        Raises:
            InvalidSetting: `aiosmtpd` is not installed.
        """
        protocol_class = _protocol_class(protocol)
        receiver = _Receiver(handle) if protocol == "lmtp" else _OneRecipient(handle)
        self._address = (host, port)
        self._loop = asyncio.new_event_loop()
        self._make_protocol = lambda: protocol_class(
            receiver,
            data_size_limit=max_size,
            enable_SMTPUTF8=True,
            hostname=hostname,
            ident="messaging-channels",
            loop=self._loop,
        )
        self._thread = threading.Thread(target=self._loop.run_forever, name="mail-server", daemon=True)
        self.port = port
        """The port that it listens on, once it is started."""

    def start(self) -> None:
        """Listen, in a thread. Raises OSError if the port is taken."""
        listening = self._loop.create_server(self._make_protocol, *self._address)
        self._server = self._loop.run_until_complete(listening)
        self.port = int(self._server.sockets[0].getsockname()[1])
        self._thread.start()

    def close(self) -> None:
        """Stop listening. A mail under way is not answered, so that the MTA sends it again."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._server.close()
        self._loop.run_until_complete(_cancel_all())
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    def watch(self, stop: threading.Event) -> None:
        """Take what comes, until `stop` is set."""
        with self:
            stop.wait()

    def __enter__(self) -> Self:
        """Listen."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop listening."""
        self.close()


class _Receiver:
    """What aiosmtpd calls for each step."""

    def __init__(self, handle: Handler) -> None:
        self._handle = handle

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: ANN401, ARG002, N802  aiosmtpd's name and signature
        """Hand the mail over for each recipient, and answer for each when it is kept."""
        return "\r\n".join([await self._hand_over(envelope, one) for one in envelope.rcpt_tos])

    async def _hand_over(self, envelope: Any, recipient: str) -> str:  # noqa: ANN401  aiosmtpd's type
        raw = with_envelope(envelope.original_content, envelope.mail_from, [recipient])
        is_taken = await asyncio.to_thread(hand_over, self._handle, raw)
        return "250 2.0.0 taken" if is_taken else "451 4.3.0 not kept, try again later"


class _OneRecipient(_Receiver):
    """For SMTP, where one answer stands for all recipients: each has a transaction of its own, so that none is handed over again for another's sake."""

    async def handle_RCPT(  # noqa: N802  aiosmtpd's name
        self,
        server: Any,  # noqa: ANN401, ARG002  aiosmtpd's signature
        session: Any,  # noqa: ANN401, ARG002  likewise
        envelope: Any,  # noqa: ANN401  likewise
        address: str,
        rcpt_options: list[str],  # noqa: ARG002  likewise
    ) -> str:
        """Take one recipient."""
        if envelope.rcpt_tos:
            return "452 4.5.3 one recipient at a time"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"


async def _cancel_all() -> None:
    """Cancel the conversations that are under way, and wait until they have ended."""
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


def _protocol_class(protocol: str) -> Any:  # noqa: ANN401  aiosmtpd may not be installed
    try:
        module: Any = import_module("aiosmtpd.lmtp" if protocol == "lmtp" else "aiosmtpd.smtp")
    except ImportError:
        raise InvalidSetting(
            "needs the package aiosmtpd",
            setting="smtp.mail_server",
            source="the installed packages",
            hint="install it: pip install 'messaging-channels-smtp[sources]'",
        ) from None
    return _answering_each(module.LMTP) if protocol == "lmtp" else module.SMTP


def _answering_each(lmtp: Any) -> Any:  # noqa: ANN401  aiosmtpd may not be installed
    """Return aiosmtpd's class with as many replies to a content as it has recipients (RFC 2033 section 4.2): its own refusals are one for all."""

    class Lmtp(lmtp):  # type: ignore[misc]
        owed = 0

        async def push(self, status: Any) -> None:  # noqa: ANN401  aiosmtpd's signature
            said = status.decode() if isinstance(status, bytes) else str(status)
            owed, self.owed = self.owed, len(self.envelope.rcpt_tos) if said.startswith("354") else 0
            missing = owed - 1 - said.count("\r\n")
            whole = "\r\n".join([said] * max(1, 1 + missing))
            await super().push(whole)  # pyright: ignore[reportUnknownMemberType]

    return Lmtp
