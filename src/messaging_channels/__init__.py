"""Send SMS, WhatsApp and email through any provider, and know what became of each message."""

from __future__ import annotations

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
