"""A provider without an account or a network, for every channel: it accepts, and then reports delivery.

What it does is chosen by the address, see `BEHAVIOURS`; every other address is delivered to. It keeps what it took, in memory or in a SQLite file.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from messaging_channels._model import status as statuses
from messaging_channels._model.errors import Phase, TransportError
from messaging_channels._model.events import StatusChanged
from messaging_channels._model.outcomes import AttemptResult, Reason
from messaging_channels._model.paths import create_private, refusing_unusable, require_path
from messaging_channels._model.spellings import spellings
from messaging_channels.messages._json_view import to_json
from messaging_channels.messages.email import Attachment, Email
from messaging_channels.plugins.channels import BUILT_IN
from messaging_channels.plugins.exchange import (
    BlockingCall,
    CurrentTime,
    Exchange,
    ExecutorPair,
    Flow,
    Sleep,
    ask,
)
from messaging_channels.plugins.provider import Capabilities, Envelope, EveryMessage

if TYPE_CHECKING:
    from pathlib import Path

    from messaging_channels._model.addresses import Address
    from messaging_channels._model.status import Status
    from messaging_channels.plugins.channels import ChannelSpec

_NOT_DELIVERED = statuses.known(2, 9)
_PENDING = json.dumps(statuses.PENDING_ACCEPTED.as_dict())


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What the sandbox does with a message to one of the special addresses."""

    phone: str
    mail: str
    meaning: str
    reason: Reason = Reason.ACCEPTED
    report: Status = statuses.DELIVERED_TO_HANDSET
    """What it reports after it accepted."""
    report_text: str = field(default="", init=False, repr=False)
    """The same as JSON."""

    def refusal(self) -> AttemptResult:
        """Return what becomes of a message that it does not take."""
        wait = _RETRY_AFTER if self.reason is Reason.THROTTLED else None
        return AttemptResult.of(self.reason, f"sandbox: {self.meaning}", retry_after=wait)

    def __post_init__(self) -> None:
        """Write the report down."""
        object.__setattr__(self, "report_text", json.dumps(self.report.as_dict()))


BEHAVIOURS = (
    Behaviour("447700900001", "reject@example.com", "refused for good", Reason.RECIPIENT),
    Behaviour("447700900002", "throttle@example.com", "too fast, try again in 2 s", Reason.THROTTLED),
    Behaviour("447700900003", "hang@example.com", "no answer in time: unknown", Reason.TIMEOUT),
    Behaviour(
        "447700900004", "expire@example.com", "accepted, then expires", report=statuses.EXPIRED_EXPIRED
    ),
    Behaviour("447700900005", "bounce@example.com", "accepted, then undeliverable", report=_NOT_DELIVERED),
    Behaviour("447700900006", "unreachable@example.com", "cannot be reached", Reason.UNREACHABLE),
)
_BY_ADDRESS = {address: one for one in BEHAVIOURS for address in (one.phone, one.mail)}
_DEFAULT_BEHAVIOUR = Behaviour("", "", "accepted, then delivered")
_RETRY_AFTER = 2.0
_MAX_KEPT_FILE = 5 * 1024 * 1024


class SandboxStore:
    """What the sandbox took, in SQLite. Safe in threads; a file is safe between processes too."""

    def __init__(self, path: Path | None = None) -> None:
        """Open the file, or keep everything in memory."""
        self._lock = threading.Lock()
        with refusing_unusable(path, "sandbox.path"):
            if path is not None:
                create_private(path)
            self._open(path)

    def _open(self, path: Path | None) -> None:
        import sqlite3  # noqa: PLC0415  slow to import, and most programs make no sandbox

        self._database = sqlite3.connect(path or ":memory:", check_same_thread=False, isolation_level=None)
        self._database.execute("PRAGMA secure_delete = ON")  # nothing can be read any more that was deleted
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS message (id TEXT PRIMARY KEY, taken_at REAL, channel TEXT, destination TEXT,"
            " type TEXT, content TEXT, status TEXT, report TEXT)"
        )
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS file (message_id TEXT, position INTEGER, filename TEXT, content_type TEXT,"
            " content_id TEXT, content BLOB, PRIMARY KEY (message_id, position))"
        )

    def add(self, rows: Sequence[tuple[Any, ...]], files: Iterable[tuple[Any, ...]] = ()) -> None:
        """Keep messages that were accepted, each id once, and the files that go with them."""
        with self._lock:
            self._database.executemany("INSERT OR IGNORE INTO message VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
            self._database.executemany("INSERT OR IGNORE INTO file VALUES (?, ?, ?, ?, ?, ?)", files)

    def apply_due_reports(self) -> list[tuple[str, Status]]:
        """Return the reports that are due, by message id, and make each the status of its message."""
        with self._lock:
            due = self._database.execute(
                "UPDATE message SET status = report, report = NULL WHERE report IS NOT NULL RETURNING id, status"
            ).fetchall()
        return [(message_id, _status(text)) for message_id, text in due]

    def messages(self, limit: int = -1) -> list[dict[str, Any]]:
        """Return every message that was taken, the oldest first; or the last `limit` of them."""
        with self._lock:
            rows = self._database.execute(
                "SELECT id, channel, destination, type, content, status, taken_at FROM message"
                " ORDER BY taken_at DESC, id DESC LIMIT ?",
                (limit,),
            ).fetchall()
        return [
            {
                "messageId": message_id,
                "channel": channel,
                "destination": destination,
                "type": kind,
                "content": json.loads(content),
                "status": _status(status).as_dict(),
                "takenAt": taken_at,
            }
            for message_id, channel, destination, kind, content, status, taken_at in reversed(rows)
        ]

    def files(self, message_id: str) -> list[dict[str, Any]]:
        """Return the files of a mail in order, with `filename`, `content_type`, `content_id` and `content`."""
        names = ("filename", "content_type", "content_id", "content")
        asked = f"SELECT {', '.join(names)} FROM file WHERE message_id = ? ORDER BY position"  # noqa: S608  constants
        with self._lock:
            rows = self._database.execute(asked, (message_id,)).fetchall()
        return [dict(zip(names, row, strict=True)) for row in rows]

    def about(self, addresses: Sequence[str]) -> list[dict[str, Any]]:
        """Return the messages to any of these addresses, or in which one of them stands, with the names of their files."""
        ids = set(self._ids_about(addresses))
        found = [one for one in self.messages() if one["messageId"] in ids]
        return [one | {"files": [file["filename"] for file in self.files(one["messageId"])]} for one in found]

    def erase(self, addresses: Sequence[str]) -> int:
        """Forget those messages, with their files. Return how many."""
        ids = self._ids_about(addresses)
        with self._lock:
            self._database.executemany("DELETE FROM file WHERE message_id = ?", [(one,) for one in ids])
            self._database.executemany("DELETE FROM message WHERE id = ?", [(one,) for one in ids])
        return len(ids)

    def _ids_about(self, addresses: Sequence[str]) -> list[str]:
        asked = "SELECT id FROM message WHERE destination = ? OR instr(content, ?) > 0"
        with self._lock:
            rows = [row for one in addresses for row in self._database.execute(asked, (one, one))]
        return list(dict.fromkeys(key for (key,) in rows))

    def clear(self) -> int:
        """Forget everything; return how many messages that were."""
        with self._lock:
            self._database.execute("DELETE FROM file")
            return self._database.execute("DELETE FROM message").rowcount

    def __del__(self) -> None:
        """Close the database with the last reference to it."""
        if hasattr(self, "_database"):
            self._database.close()


class Sandbox:
    """The provider `sandbox`. Many threads and tasks may use an object at once."""

    name: ClassVar[str] = "sandbox"
    capabilities: ClassVar[Capabilities] = Capabilities(
        EveryMessage(
            (kind for channel in BUILT_IN for kind in channel.message_types),
            lambda kind: frozenset(one.name for one in fields(kind)),  # type: ignore[arg-type]
        ),
        max_batch_size=1000,
        uploads_media=True,
    )
    executors: ClassVar[Mapping[type[Exchange[Any]], ExecutorPair]] = {}

    def __init__(self, path: str | Path | None = None, *, hang: float = 30.0) -> None:
        """Keep messages in the SQLite file `path`, or in memory; `hang`: seconds that the sandbox waits for the addresses that hang."""
        self.outbox = SandboxStore(require_path(path, "sandbox.path"))
        self._hang = hang
        self._behaviors: dict[tuple[str, str], Behaviour] = {}

    def learn_channels(self, channels: Iterable[ChannelSpec]) -> None:
        """Take over the special addresses of channels. Called by each dispatcher that it is given to."""
        for channel in channels:
            for address, name in channel.sandbox.items():
                self._behaviors[channel.name, address] = _BY_ADDRESS[f"{name}@example.com"]

    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        """Accept the messages and store them in the sandbox's outbox. The special addresses fail, hang or are rejected, as the page of the sandbox lists."""
        behaviors = [
            self._behaviors.get((one.channel, one.to.plain))
            or _BY_ADDRESS.get(one.to.plain, _DEFAULT_BEHAVIOUR)
            for one in batch
        ]
        if any(behavior.reason is Reason.TIMEOUT for behavior in behaviors):
            yield Sleep(self._hang, may_send=True)
            raise TransportError("the sandbox hangs for this address", phase=Phase.READ, timed_out=True)
        now = yield CurrentTime()
        results: list[AttemptResult] = []
        rows: list[tuple[Any, ...]] = []
        mails: list[Envelope] = []
        for envelope, behavior in zip(batch, behaviors, strict=True):
            if behavior.reason is Reason.ACCEPTED:
                results.append(AttemptResult.of(Reason.ACCEPTED, provider_id=envelope.id))
                content = to_json(envelope.message, show_bytes=_show_size, omit_empty=True)
                kind, shown = type(envelope.message).__name__, json.dumps(content, ensure_ascii=False)
                taken = (envelope.id, now, envelope.channel, envelope.to.plain, kind, shown)
                rows.append((*taken, _PENDING, behavior.report_text))
                if isinstance(envelope.message, Email):
                    mails.append(envelope)
            else:
                results.append(behavior.refusal())
        yield BlockingCall(partial(self.outbox.add, rows, _file_rows(mails) if mails else ()))
        return results

    def fetch_reports(self) -> Flow[Sequence[StatusChanged]]:
        """Return the reports that are due. Each is returned once."""
        reported = yield BlockingCall(self.outbox.apply_due_reports, may_send=False)
        now = yield CurrentTime()
        return [
            StatusChanged(provider=self.name, message_id=key, provider_id=key, status=status, occurred_at=now)
            for key, status in reported
        ]

    def export_recipient(self, to: Address) -> Flow[Sequence[Mapping[str, Any]]]:
        """See SupportsErasure."""
        addresses = [one.plain for one in spellings(to)]
        return (yield from ask(BlockingCall(lambda: self.outbox.about(addresses), may_send=False)))

    def erase_recipient(self, to: Address) -> Flow[int]:
        """See SupportsErasure."""
        addresses = [one.plain for one in spellings(to)]
        return (yield from ask(BlockingCall(lambda: self.outbox.erase(addresses), may_send=False)))


def _show_size(data: bytes) -> str:
    return f"{len(data)} bytes"


def _file_rows(envelopes: Sequence[Envelope]) -> Iterator[tuple[Any, ...]]:
    """Yield the files of mails. Reads them. One that is large, or cannot be read, is kept without what it holds."""
    for envelope in envelopes:
        if isinstance(envelope.message, Email):
            for position, file in enumerate(envelope.message.attachments):
                yield (
                    envelope.id,
                    position,
                    file.filename,
                    file.media_type.name,
                    file.content_id or "",
                    _kept(file),
                )


def _kept(file: Attachment) -> bytes | None:
    try:
        content = file.read()
    except OSError:  # a sandbox needs no file
        return None
    return content if len(content) <= _MAX_KEPT_FILE else None


def _status(text: str) -> Status:
    return statuses.from_dict(json.loads(text))
