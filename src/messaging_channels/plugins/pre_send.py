"""The contract of pre-send checks, which may block a message before any request is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from messaging_channels._model.events import Event
    from messaging_channels.plugins.exchange import Flow
    from messaging_channels.plugins.provider import Envelope


class PreSendCheck:
    """A rule. Many threads and tasks may use an object at once."""

    name: ClassVar[str]
    """Name of the check, as in `errors.MessageBlocked.check`."""

    def check(self, envelope: Envelope, account: str | None) -> Flow[str | None]:
        """Return why the message is forbidden, in words without its address or content; None if it is not."""
        raise NotImplementedError

    def event_received(self, event: Event) -> None:
        """Receive an event, such as an opt-out. Must not block for long."""

    def finish(self, envelope: Envelope, account: str | None, *, sent: bool) -> None:
        """Receive the result of a message that the check allowed: `sent` if it was accepted or may have been sent. Must not block."""
