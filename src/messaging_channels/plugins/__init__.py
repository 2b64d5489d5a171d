"""What the author of a plugin needs: the contracts of providers, channels, resolvers, ledgers, notifiers and observers, and the values they exchange."""

from __future__ import annotations

from typing import TYPE_CHECKING

from messaging_channels._faces import lazy

if TYPE_CHECKING:
    from messaging_channels._model import status
    from messaging_channels._model.addresses import (
        Address,
        EmailAddress,
        PhoneNumber,
        WhatsAppAddress,
        WhatsAppUserId,
    )
    from messaging_channels._model.outcomes import RULES, Kind, Outcome, Reason, Rule
    from messaging_channels._model.receipts import Attempt, deciding
    from messaging_channels._model.status import Group, Status
    from messaging_channels.plugins.channels import BUILT_IN, EMAIL, SMS, WHATSAPP, Channel
    from messaging_channels.plugins.exchange import (
        AsyncExecutor,
        Call,
        Exchange,
        Executor,
        Executors,
        Flow,
        HttpRequest,
        HttpResponse,
        Now,
        Timeouts,
        Wait,
        ask,
    )
    from messaging_channels.plugins.hooks import Hooks, hookimpl, hookspec
    from messaging_channels.plugins.ledger import Ledger, Operation, Record
    from messaging_channels.plugins.ledger_spec import LedgerSettings, LedgerSpec
    from messaging_channels.plugins.notifiers import Waker
    from messaging_channels.plugins.observer import Observer, Observers
    from messaging_channels.plugins.provider import (
        CONTRACT,
        Capabilities,
        Envelope,
        FetchesReports,
        HttpProvider,
        Inquiry,
        KeepsCompany,
        LimitsRates,
        LooksUp,
        ParsesWebhooks,
        Provider,
        ProviderSpec,
        extra_of,
        sender_of,
    )
    from messaging_channels.plugins.recipients import Contact, Person, User
    from messaging_channels.plugins.resolvers import (
        CallableResolver,
        MappingResolver,
        PathResolver,
        RecipientResolver,
        walk,
    )
    from messaging_channels.plugins.results import http_outcome, retry_after
    from messaging_channels.plugins.webhooks import Received, WebhookCall

__all__ = [
    "Address",
    "AsyncExecutor",
    "Attempt",
    "BUILT_IN",
    "CONTRACT",
    "Call",
    "CallableResolver",
    "Capabilities",
    "Channel",
    "Contact",
    "EMAIL",
    "EmailAddress",
    "Envelope",
    "Exchange",
    "Executor",
    "Executors",
    "FetchesReports",
    "Flow",
    "Group",
    "Hooks",
    "HttpProvider",
    "HttpRequest",
    "HttpResponse",
    "Inquiry",
    "KeepsCompany",
    "Kind",
    "Ledger",
    "LedgerSettings",
    "LedgerSpec",
    "LimitsRates",
    "LooksUp",
    "MappingResolver",
    "Now",
    "Observer",
    "Observers",
    "Operation",
    "Outcome",
    "ParsesWebhooks",
    "PathResolver",
    "Person",
    "PhoneNumber",
    "Provider",
    "ProviderSpec",
    "RULES",
    "Reason",
    "Received",
    "RecipientResolver",
    "Record",
    "Rule",
    "SMS",
    "Status",
    "Timeouts",
    "User",
    "WHATSAPP",
    "Wait",
    "Waker",
    "WebhookCall",
    "WhatsAppAddress",
    "WhatsAppUserId",
    "ask",
    "deciding",
    "extra_of",
    "hookimpl",
    "hookspec",
    "http_outcome",
    "retry_after",
    "sender_of",
    "status",
    "walk",
]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "_model": ("status",),
        "_model.addresses": (
            "Address",
            "WhatsAppAddress",
            "WhatsAppUserId",
            "PhoneNumber",
            "EmailAddress",
        ),
        "_model.outcomes": (
            "Kind",
            "Reason",
            "Rule",
            "RULES",
            "Outcome",
        ),
        "_model.receipts": (
            "Attempt",
            "deciding",
        ),
        "_model.status": (
            "Group",
            "Status",
        ),
        "plugins.channels": (
            "Channel",
            "BUILT_IN",
            "SMS",
            "WHATSAPP",
            "EMAIL",
        ),
        "plugins.exchange": (
            "Exchange",
            "Flow",
            "ask",
            "Timeouts",
            "HttpResponse",
            "HttpRequest",
            "Wait",
            "Now",
            "Call",
            "Executor",
            "AsyncExecutor",
            "Executors",
        ),
        "plugins.hooks": (
            "hookspec",
            "hookimpl",
            "Hooks",
        ),
        "plugins.ledger": (
            "Record",
            "Ledger",
            "Operation",
        ),
        "plugins.ledger_spec": (
            "LedgerSettings",
            "LedgerSpec",
        ),
        "plugins.notifiers": ("Waker",),
        "plugins.observer": (
            "Observer",
            "Observers",
        ),
        "plugins.provider": (
            "CONTRACT",
            "Envelope",
            "Capabilities",
            "Provider",
            "HttpProvider",
            "FetchesReports",
            "ParsesWebhooks",
            "Inquiry",
            "LooksUp",
            "LimitsRates",
            "KeepsCompany",
            "sender_of",
            "extra_of",
            "ProviderSpec",
        ),
        "plugins.recipients": (
            "User",
            "Person",
            "Contact",
        ),
        "plugins.resolvers": (
            "RecipientResolver",
            "MappingResolver",
            "CallableResolver",
            "PathResolver",
            "walk",
        ),
        "plugins.results": (
            "http_outcome",
            "retry_after",
        ),
        "plugins.webhooks": (
            "WebhookCall",
            "Received",
        ),
    },
)
