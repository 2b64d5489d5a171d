"""Send SMS, WhatsApp and email through any provider, and know what became of each message.

The names below are imported when they are first used: importing the package alone costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from messaging_channels._faces import lazy

if TYPE_CHECKING:
    from messaging_channels._client.async_dispatcher import AsyncDispatcher
    from messaging_channels._client.dispatcher import Dispatcher
    from messaging_channels._client.worker import AsyncWorker, Worker
    from messaging_channels._config.settings import Configuration
    from messaging_channels._ledger.options import LedgerOptions
    from messaging_channels._ledger.postgres import PostgresLedger
    from messaging_channels._ledger.sqlite import SqliteLedger
    from messaging_channels._model.addresses import EmailAddress, PhoneNumber
    from messaging_channels._model.errors import BadInput, ConfigurationError, MessagingError
    from messaging_channels._model.outcomes import Outcome
    from messaging_channels._model.rate_limit import RateLimit
    from messaging_channels._model.receipts import Receipt
    from messaging_channels._model.send_failed import NotSent, Rejected, SendFailed
    from messaging_channels._model.status import Status
    from messaging_channels._observability.logs import LoggingObserver
    from messaging_channels._observability.opentelemetry import OpenTelemetryObserver
    from messaging_channels._providers.sandbox import Sandbox
    from messaging_channels._queue.enqueue import EnqueueResult, QueuedReceipt
    from messaging_channels._queue.enqueue_options import EnqueueOptions
    from messaging_channels._sending.bulk import SendResult
    from messaging_channels._sending.send_options import SendOptions
    from messaging_channels._transport.settings import HttpSettings
    from messaging_channels.messages.email import Attachment, Email
    from messaging_channels.messages.fallback import Fallback
    from messaging_channels.messages.sms import Sms
    from messaging_channels.messages.whatsapp import WhatsAppText
    from messaging_channels.messages.whatsapp_template import WhatsAppTemplate
    from messaging_channels.plugins.ledger import MessageRecord
    from messaging_channels.plugins.recipients import Person, ResolvedRecipient, User
    from messaging_channels.plugins.resolvers import MappingResolver
    from messaging_channels.plugins.webhooks import WebhookRequest, WebhookResult
    from messaging_channels.policies.routing import RetryPolicy, Route
    from messaging_channels.policies.windows import SendWindow

__all__ = [
    "AsyncDispatcher",
    "AsyncWorker",
    "Attachment",
    "BadInput",
    "Configuration",
    "ConfigurationError",
    "Dispatcher",
    "Email",
    "EmailAddress",
    "EnqueueOptions",
    "EnqueueResult",
    "Fallback",
    "HttpSettings",
    "LedgerOptions",
    "LoggingObserver",
    "MappingResolver",
    "MessageRecord",
    "MessagingError",
    "NotSent",
    "OpenTelemetryObserver",
    "Outcome",
    "Person",
    "PhoneNumber",
    "PostgresLedger",
    "QueuedReceipt",
    "RateLimit",
    "Receipt",
    "Rejected",
    "ResolvedRecipient",
    "RetryPolicy",
    "Route",
    "Sandbox",
    "SendFailed",
    "SendOptions",
    "SendResult",
    "SendWindow",
    "Sms",
    "SqliteLedger",
    "Status",
    "User",
    "WebhookRequest",
    "WebhookResult",
    "WhatsAppTemplate",
    "WhatsAppText",
    "Worker",
]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "_client.async_dispatcher": ("AsyncDispatcher",),
        "_client.dispatcher": ("Dispatcher",),
        "_client.worker": (
            "Worker",
            "AsyncWorker",
        ),
        "_config.settings": ("Configuration",),
        "_ledger.options": ("LedgerOptions",),
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
        "_model.outcomes": ("Outcome",),
        "_model.rate_limit": ("RateLimit",),
        "_model.receipts": ("Receipt",),
        "_model.send_failed": (
            "SendFailed",
            "Rejected",
            "NotSent",
        ),
        "_model.status": ("Status",),
        "_observability.logs": ("LoggingObserver",),
        "_observability.opentelemetry": ("OpenTelemetryObserver",),
        "_providers.sandbox": ("Sandbox",),
        "_queue.enqueue": (
            "QueuedReceipt",
            "EnqueueResult",
        ),
        "_queue.enqueue_options": ("EnqueueOptions",),
        "_sending.bulk": ("SendResult",),
        "_sending.send_options": ("SendOptions",),
        "_transport.settings": ("HttpSettings",),
        "messages.email": (
            "Email",
            "Attachment",
        ),
        "messages.fallback": ("Fallback",),
        "messages.sms": ("Sms",),
        "messages.whatsapp": ("WhatsAppText",),
        "messages.whatsapp_template": ("WhatsAppTemplate",),
        "plugins.ledger": ("MessageRecord",),
        "plugins.recipients": (
            "User",
            "Person",
            "ResolvedRecipient",
        ),
        "plugins.resolvers": ("MappingResolver",),
        "plugins.webhooks": (
            "WebhookRequest",
            "WebhookResult",
        ),
        "policies.routing": (
            "Route",
            "RetryPolicy",
        ),
        "policies.windows": ("SendWindow",),
    },
)
