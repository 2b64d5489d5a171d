"""The hooks that a plugin may implement.

A plugin is a module (or object) named by an entry point in the group `messaging_channels`; it implements some of the hooks below with `hookimpl`. Hooks
register and observe, they never send.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from messaging_channels._model.events import Event
    from messaging_channels._model.receipts import Attempt
    from messaging_channels.plugins.channels import Channel
    from messaging_channels.plugins.ledger_spec import LedgerSpec
    from messaging_channels.plugins.notifiers import QueueNotifier
    from messaging_channels.plugins.pre_send import PreSendCheck
    from messaging_channels.plugins.provider import ProviderSpec
    from messaging_channels.plugins.resolvers import RecipientResolver

PROJECT = "messaging_channels"
"""The marker's name, and the entry-point group."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class Hooks:
    """Hooks that a plugin may implement. All are optional; unused parameters may be left out."""

    @hookspec
    def register_channels(self) -> Iterable[Channel]:
        """Return the channels this plugin adds."""
        return ()

    @hookspec
    def register_providers(self) -> Iterable[ProviderSpec]:
        """Return the specs of the providers this plugin supplies. Build nothing yet."""
        return ()

    @hookspec
    def register_resolvers(self) -> Iterable[RecipientResolver]:
        """Return resolvers. They are used after those that the dispatcher got."""
        return ()

    @hookspec
    def register_ledgers(self) -> Iterable[LedgerSpec]:
        """Return the specs of the ledgers this plugin supplies, by the scheme of their URLs. Open nothing yet."""
        return ()

    @hookspec
    def register_checks(self) -> Iterable[PreSendCheck]:
        """Return rules that may forbid a message; they are asked after those of the configuration."""
        return ()

    @hookspec
    def register_notifiers(self) -> Iterable[QueueNotifier]:
        """Return who has a worker look at an enqueued message at once."""
        return ()

    @hookspec
    def attempt_finished(self, attempt: Attempt) -> None:
        """Receive an attempt. Must not block; exceptions are logged and ignored."""

    @hookspec
    def event_received(self, event: Event) -> None:
        """Receive a delivery report. Must not block; exceptions are logged and ignored."""
