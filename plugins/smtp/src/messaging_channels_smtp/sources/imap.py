"""An IMAP mailbox (RFC 9051): mails without our mark are handed over, and marked or moved when they are taken. IDLE tells of new ones."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Generator
from importlib import import_module
from typing import Any

from messaging_channels.errors import InvalidSetting
from messaging_channels_smtp.sources.handover import Handler, hand_over, logger

KEYWORD = "$MessagingChannels"
"""What marks a mail that was taken. People who read the mailbox do not set it, as they set \\Seen."""
_SEEN = b"\\Seen"
_ANY_KEYWORD = b"\\*"
_LOOK_SECONDS = 1.0
_SHORTEST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0


class ImapMailbox:
    """Reads the mail of one folder of an IMAP account. The server stores which mail was processed, so a restart goes on behind it."""

    def __init__(
        self,
        *,
        host: str,
        username: str,
        password: str,
        port: int | None = None,
        folder: str = "INBOX",
        tls: bool = True,
        move_to: str | None = None,
        timeout: float = 60.0,
        poll_interval: float = 30.0,
        ssl_context: Any = None,  # noqa: ANN401  imapclient takes it as it is
    ) -> None:
        """Take the account.

        Args:
            host: the server; with `tls` (the default), its certificate is verified.
            username: as whom to log in.
            password: for LOGIN.
            port: 993, or 143 without `tls`.
            folder: what is watched.
            tls: whether TLS begins with the first octet. Without it, use a server on this machine only.
            move_to: a folder that mails are moved to when they are taken, instead of being marked.
            timeout: seconds for each command.
            poll_interval: seconds after which the folder is searched again without news (default 30).
            ssl_context: instead of the usual certificates.

        Raises:
            InvalidSetting: `imapclient` is not installed.
        """
        self._client = _imapclient()
        self._options: dict[str, Any] = {
            "port": port,
            "ssl": tls,
            "ssl_context": ssl_context,
            "timeout": timeout,
        }
        self._host = host
        self._login = (username, password)
        self._folder = folder
        self._move_to = move_to
        self._poll_interval = poll_interval

    def read_new(self, handle: Handler) -> int:
        """Connect, hand over what is not marked, the oldest first, and return how many mails were taken. Raises OSError or imapclient's errors."""
        with self._session() as session:
            return session.read_new(handle)

    def watch(self, handle: Handler, stop: threading.Event) -> None:
        """Hand over what comes, until `stop` is set. A connection that breaks is opened again, after a pause that grows up to a minute."""
        pause = _SHORTEST_PAUSE
        while not stop.is_set():
            try:
                with self._session() as session:
                    pause = _SHORTEST_PAUSE
                    session.watch(handle, stop, self._poll_interval)
            except (OSError, self._client.exceptions.IMAPClientError) as error:
                logger.warning(
                    "the mailbox cannot be read (%s); next attempt in %d s", type(error).__name__, pause
                )
                stop.wait(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)

    @contextlib.contextmanager
    def _session(self) -> Generator[_Session]:
        client = self._client.IMAPClient(self._host, **self._options)
        try:
            client.login(*self._login)
            selected = client.select_folder(self._folder)
            yield _Session(client, _mark_for(selected), self._move_to)
        finally:
            with contextlib.suppress(OSError, self._client.exceptions.IMAPClientError):
                client.logout()


class _Session:
    """A folder that is open."""

    def __init__(self, client: Any, mark: bytes, move_to: str | None) -> None:  # noqa: ANN401  imapclient has no types
        self._client = client
        self._mark = mark
        self._move_to = move_to

    def read_new(self, handle: Handler) -> int:
        """Hand over what is not marked."""
        criteria = ["UNSEEN"] if self._mark == _SEEN else ["UNKEYWORD", KEYWORD]
        return sum(self._read(uid, handle) for uid in sorted(self._client.search(criteria)))

    def watch(self, handle: Handler, stop: threading.Event, poll_interval: float) -> None:
        """Hand over what is there and what comes, until `stop` is set."""
        has_idle = self._client.has_capability("IDLE")
        while not stop.is_set():
            if self.read_new(handle):
                continue  # more may have come meanwhile, of which the server has told already
            if has_idle:
                self._wait_for_news(stop, poll_interval)
            else:
                stop.wait(poll_interval)

    def _wait_for_news(self, stop: threading.Event, longest: float) -> None:
        """Wait for the server to tell of news. It tells once, which may have been just before; so the wait is bounded."""
        self._client.idle()
        try:
            waited = 0.0
            while waited < longest and not stop.is_set():
                if self._client.idle_check(timeout=_LOOK_SECONDS):
                    return
                waited += _LOOK_SECONDS
        finally:
            self._client.idle_done()

    def _read(self, uid: int, handle: Handler) -> bool:
        fetched = self._client.fetch([uid], ["BODY.PEEK[]"]).get(uid, {})
        raw = fetched.get(b"BODY[]")
        if raw is None or not hand_over(handle, raw):
            return False
        if self._move_to is None:
            self._client.add_flags([uid], [self._mark], silent=True)
        elif self._client.has_capability("MOVE"):
            self._client.move([uid], self._move_to)
        else:
            self._client.copy([uid], self._move_to)
            self._client.delete_messages([uid], silent=True)
            self._client.expunge([uid] if self._client.has_capability("UIDPLUS") else None)
        return True


def _mark_for(selected: dict[bytes, Any]) -> bytes:
    """Return our keyword, or Seen where the folder keeps no keywords."""
    kept = selected.get(b"PERMANENTFLAGS", ())
    return KEYWORD.encode() if _ANY_KEYWORD in kept or KEYWORD.encode() in kept else _SEEN


def _imapclient() -> Any:  # noqa: ANN401  imapclient has no types
    try:
        return import_module("imapclient")
    except ImportError:
        raise InvalidSetting(
            "needs the package imapclient",
            setting="smtp.imap",
            source="the installed packages",
            hint="install it: pip install 'messaging-channels-smtp[sources]'",
        ) from None
