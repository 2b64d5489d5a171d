"""Send SMS, WhatsApp and email through any provider, and know what became of each message.

The names below are imported when they are first used: importing the package alone costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from messaging_channels.addresses import EmailAddress, PhoneNumber
    from messaging_channels.client import AsyncDispatcher, Dispatcher
    from messaging_channels.errors import (
        BadInput,
        ConfigurationError,
        MessagingError,
        NotSent,
        Rejected,
        SendFailed,
    )
    from messaging_channels.messages import Attachment, Email, Sms, WhatsAppTemplate, WhatsAppText
    from messaging_channels.outcomes import Kind
    from messaging_channels.receipts import Receipt
    from messaging_channels.recipients import Contact, Person, User
    from messaging_channels.routing import Route
    from messaging_channels.sandbox import Sandbox
    from messaging_channels.status import Status

__all__ = [
    "AsyncDispatcher",
    "Attachment",
    "BadInput",
    "ConfigurationError",
    "Contact",
    "Dispatcher",
    "Email",
    "EmailAddress",
    "Kind",
    "MessagingError",
    "NotSent",
    "Person",
    "PhoneNumber",
    "Receipt",
    "Rejected",
    "Route",
    "Sandbox",
    "SendFailed",
    "Sms",
    "Status",
    "User",
    "WhatsAppTemplate",
    "WhatsAppText",
]

_HOMES = {
    "AsyncDispatcher": "client",
    "Attachment": "messages",
    "BadInput": "errors",
    "ConfigurationError": "errors",
    "Contact": "recipients",
    "Dispatcher": "client",
    "Email": "messages",
    "EmailAddress": "addresses",
    "Kind": "outcomes",
    "MessagingError": "errors",
    "NotSent": "errors",
    "Person": "recipients",
    "PhoneNumber": "addresses",
    "Receipt": "receipts",
    "Rejected": "errors",
    "Route": "routing",
    "Sandbox": "sandbox",
    "SendFailed": "errors",
    "Sms": "messages",
    "Status": "status",
    "User": "recipients",
    "WhatsAppTemplate": "messages",
    "WhatsAppText": "messages",
}
"""The module of each name."""


def __getattr__(name: str) -> Any:  # noqa: ANN401  any of the names above
    """Import a name where it is first used."""
    if name not in _HOMES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Name what can be imported from here."""
    return __all__
