"""Send SMS, WhatsApp and email through any provider, and know what became of each message.

The names below are imported when they are first used: importing the package alone costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from messaging_channels._faces import lazy

if TYPE_CHECKING:
    from messaging_channels._client.dispatcher import AsyncDispatcher, Dispatcher
    from messaging_channels._client.worker import AsyncWorker, Pace, Worker
    from messaging_channels._config.settings import Configuration
    from messaging_channels._ledger.options import Recording
    from messaging_channels._ledger.postgres import PostgresLedger
    from messaging_channels._ledger.sqlite import SqliteLedger
    from messaging_channels._model.addresses import EmailAddress, PhoneNumber
    from messaging_channels._model.errors import BadInput, ConfigurationError, MessagingError
    from messaging_channels._model.outcomes import Kind
    from messaging_channels._model.rate_limit import Rate
    from messaging_channels._model.receipts import Receipt
    from messaging_channels._model.send_failed import NotSent, Rejected, SendFailed
    from messaging_channels._model.status import Status
    from messaging_channels._observability.logs import Logs
    from messaging_channels._observability.opentelemetry import OpenTelemetry
    from messaging_channels._providers.sandbox import Sandbox
    from messaging_channels._queue.enqueue import EachEnqueued, Enqueued, Times
    from messaging_channels._sending.bulk import Each
    from messaging_channels._sending.send_state import Terms
    from messaging_channels._transport.settings import HttpSettings
    from messaging_channels.messages.email import Attachment, Email
    from messaging_channels.messages.fallback import Fallback
    from messaging_channels.messages.sms import Sms
    from messaging_channels.messages.whatsapp import WhatsAppText
    from messaging_channels.messages.whatsapp_template import WhatsAppTemplate
    from messaging_channels.plugins.ledger import Record
    from messaging_channels.plugins.recipients import Contact, Person, User
    from messaging_channels.plugins.resolvers import MappingResolver
    from messaging_channels.plugins.webhooks import Received, WebhookCall
    from messaging_channels.policies.routing import Retry, Route
    from messaging_channels.policies.windows import Window

__all__ = [
    "AsyncDispatcher",
    "AsyncWorker",
    "Attachment",
    "BadInput",
    "Configuration",
    "ConfigurationError",
    "Contact",
    "Dispatcher",
    "Each",
    "EachEnqueued",
    "Email",
    "EmailAddress",
    "Enqueued",
    "Fallback",
    "HttpSettings",
    "Kind",
    "Logs",
    "MappingResolver",
    "MessagingError",
    "NotSent",
    "OpenTelemetry",
    "Pace",
    "Person",
    "PhoneNumber",
    "PostgresLedger",
    "Rate",
    "Receipt",
    "Received",
    "Record",
    "Recording",
    "Rejected",
    "Retry",
    "Route",
    "Sandbox",
    "SendFailed",
    "Sms",
    "SqliteLedger",
    "Status",
    "Terms",
    "Times",
    "User",
    "WebhookCall",
    "WhatsAppTemplate",
    "WhatsAppText",
    "Window",
    "Worker",
]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "_client.dispatcher": (
            "Dispatcher",
            "AsyncDispatcher",
        ),
        "_client.worker": (
            "Worker",
            "AsyncWorker",
            "Pace",
        ),
        "_config.settings": ("Configuration",),
        "_ledger.options": ("Recording",),
        "_ledger.postgres": ("PostgresLedger",),
        "_ledger.sqlite": ("SqliteLedger",),
        "_model.addresses": (
            "PhoneNumber",
            "EmailAddress",
        ),
        "_model.errors": (
            "MessagingError",
            "BadInput",
            "ConfigurationError",
        ),
        "_model.outcomes": ("Kind",),
        "_model.rate_limit": ("Rate",),
        "_model.receipts": ("Receipt",),
        "_model.send_failed": (
            "SendFailed",
            "Rejected",
            "NotSent",
        ),
        "_model.status": ("Status",),
        "_observability.logs": ("Logs",),
        "_observability.opentelemetry": ("OpenTelemetry",),
        "_providers.sandbox": ("Sandbox",),
        "_queue.enqueue": (
            "Enqueued",
            "EachEnqueued",
            "Times",
        ),
        "_sending.bulk": ("Each",),
        "_sending.send_state": ("Terms",),
        "_transport.settings": ("HttpSettings",),
        "messages.email": (
            "Email",
            "Attachment",
        ),
        "messages.fallback": ("Fallback",),
        "messages.sms": ("Sms",),
        "messages.whatsapp": ("WhatsAppText",),
        "messages.whatsapp_template": ("WhatsAppTemplate",),
        "plugins.ledger": ("Record",),
        "plugins.recipients": (
            "User",
            "Person",
            "Contact",
        ),
        "plugins.resolvers": ("MappingResolver",),
        "plugins.webhooks": (
            "WebhookCall",
            "Received",
        ),
        "policies.routing": (
            "Route",
            "Retry",
        ),
        "policies.windows": ("Window",),
    },
)
