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
        WhatsAppGroupId,
        WhatsAppUserId,
    )
    from messaging_channels._model.failure_reasons import Advice, FailureReason
    from messaging_channels._model.failures import (
        FailureFields,
        FailureTable,
        failure_fields,
        failure_of_status,
    )
    from messaging_channels._model.outcomes import (
        REASON_POLICIES,
        AttemptResult,
        Outcome,
        Reason,
        ReasonPolicy,
    )
    from messaging_channels._model.receipts import Attempt, deciding_attempt
    from messaging_channels._model.senders import NonPhoneSender
    from messaging_channels._model.status import Status, StatusGroup
    from messaging_channels.plugins.access_tokens import AccessToken
    from messaging_channels.plugins.base_urls import require_base_url
    from messaging_channels.plugins.channel_spec import Channel, ChannelSpec, CommandOption
    from messaging_channels.plugins.channels import BUILT_IN, EMAIL, SMS, WHATSAPP
    from messaging_channels.plugins.diagnosis import Finding, SupportsDiagnosis, credentials_finding
    from messaging_channels.plugins.exchange import (
        AsyncExecutor,
        BlockingCall,
        CurrentTime,
        Exchange,
        Executor,
        ExecutorPair,
        Flow,
        HttpRequest,
        HttpResponse,
        Sleep,
        Timeouts,
        ask,
    )
    from messaging_channels.plugins.hooks import Hooks, hookimpl, hookspec
    from messaging_channels.plugins.ledger import Ledger, MessageRecord, Operation
    from messaging_channels.plugins.ledger_limits import (
        LIMIT_OPERATIONS,
        AcquireCircuitProbe,
        CircuitReport,
        LimitStore,
        Place,
        PlaceRequest,
        SharedRate,
        SpendBudget,
        SyncCircuits,
        TakePlaces,
    )
    from messaging_channels.plugins.ledger_spec import LedgerSettings, LedgerSpec
    from messaging_channels.plugins.message_requests import (
        MessageRequest,
        RequestModel,
        message_from_json,
        request_of,
    )
    from messaging_channels.plugins.notifiers import QueueNotifier
    from messaging_channels.plugins.observer import CompositeObserver, Observer
    from messaging_channels.plugins.pre_send import PreSendCheck
    from messaging_channels.plugins.provider import (
        PROVIDER_API_VERSION,
        Capabilities,
        Envelope,
        HttpProvider,
        LookupRequest,
        Provider,
        ProviderSpec,
        ReportsOptional,
        SupportsBatchGrouping,
        SupportsLookup,
        SupportsRateLimits,
        SupportsReportPolling,
        SupportsValidation,
        SupportsWebhooks,
        provider_options_of,
        require_sender,
    )
    from messaging_channels.plugins.provider_settings import SecretList, provider_arguments
    from messaging_channels.plugins.raw_fields import merge_raw, require_raw
    from messaging_channels.plugins.recipients import Person, Recipient, ResolvedRecipient, User
    from messaging_channels.plugins.resolvers import (
        CallableResolver,
        KnowsPreferences,
        MappingResolver,
        PathResolver,
        RecipientResolver,
        get_path,
    )
    from messaging_channels.plugins.results import result_from_status, retry_after
    from messaging_channels.plugins.secret_values import split_secrets
    from messaging_channels.plugins.sender_formats import SenderFormat, parse_sender
    from messaging_channels.plugins.webhook_proofs import ed25519_matches, hmac_matches, is_recent, jwt_claims
    from messaging_channels.plugins.webhook_values import json_object, text_at, timestamp, value_at
    from messaging_channels.plugins.webhooks import WebhookRequest, WebhookResult
    from messaging_channels.plugins.whatsapp_form.content import WHATSAPP_FIELDS, whatsapp_content

__all__ = [
    "BUILT_IN",
    "EMAIL",
    "LIMIT_OPERATIONS",
    "PROVIDER_API_VERSION",
    "REASON_POLICIES",
    "SMS",
    "WHATSAPP",
    "WHATSAPP_FIELDS",
    "AccessToken",
    "AcquireCircuitProbe",
    "Address",
    "Advice",
    "AsyncExecutor",
    "Attempt",
    "AttemptResult",
    "BlockingCall",
    "CallableResolver",
    "Capabilities",
    "Channel",
    "ChannelSpec",
    "CircuitReport",
    "CommandOption",
    "CompositeObserver",
    "CurrentTime",
    "EmailAddress",
    "Envelope",
    "Exchange",
    "Executor",
    "ExecutorPair",
    "FailureFields",
    "FailureReason",
    "FailureTable",
    "Finding",
    "Flow",
    "Hooks",
    "HttpProvider",
    "HttpRequest",
    "HttpResponse",
    "KnowsPreferences",
    "Ledger",
    "LedgerSettings",
    "LedgerSpec",
    "LimitStore",
    "LookupRequest",
    "MappingResolver",
    "MessageRecord",
    "MessageRequest",
    "NonPhoneSender",
    "Observer",
    "Operation",
    "Outcome",
    "PathResolver",
    "Person",
    "PhoneNumber",
    "Place",
    "PlaceRequest",
    "PreSendCheck",
    "Provider",
    "ProviderSpec",
    "QueueNotifier",
    "Reason",
    "ReasonPolicy",
    "Recipient",
    "RecipientResolver",
    "ReportsOptional",
    "RequestModel",
    "ResolvedRecipient",
    "SecretList",
    "SenderFormat",
    "SharedRate",
    "Sleep",
    "SpendBudget",
    "Status",
    "StatusGroup",
    "SupportsBatchGrouping",
    "SupportsDiagnosis",
    "SupportsLookup",
    "SupportsRateLimits",
    "SupportsReportPolling",
    "SupportsValidation",
    "SupportsWebhooks",
    "SyncCircuits",
    "TakePlaces",
    "Timeouts",
    "User",
    "WebhookRequest",
    "WebhookResult",
    "WhatsAppAddress",
    "WhatsAppGroupId",
    "WhatsAppUserId",
    "ask",
    "credentials_finding",
    "deciding_attempt",
    "ed25519_matches",
    "failure_fields",
    "failure_of_status",
    "get_path",
    "hmac_matches",
    "hookimpl",
    "hookspec",
    "is_recent",
    "json_object",
    "jwt_claims",
    "merge_raw",
    "message_from_json",
    "parse_sender",
    "provider_arguments",
    "provider_options_of",
    "request_of",
    "require_base_url",
    "require_raw",
    "require_sender",
    "result_from_status",
    "retry_after",
    "split_secrets",
    "status",
    "text_at",
    "timestamp",
    "value_at",
    "whatsapp_content",
]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "_model": ("status",),
        "_model.addresses": (
            "Address",
            "WhatsAppAddress",
            "WhatsAppGroupId",
            "WhatsAppUserId",
            "PhoneNumber",
            "EmailAddress",
        ),
        "_model.failure_reasons": (
            "Advice",
            "FailureReason",
        ),
        "_model.failures": (
            "FailureFields",
            "FailureTable",
            "failure_fields",
            "failure_of_status",
        ),
        "_model.outcomes": (
            "Outcome",
            "Reason",
            "ReasonPolicy",
            "REASON_POLICIES",
            "AttemptResult",
        ),
        "_model.receipts": (
            "Attempt",
            "deciding_attempt",
        ),
        "_model.senders": ("NonPhoneSender",),
        "_model.status": (
            "StatusGroup",
            "Status",
        ),
        "plugins.access_tokens": ("AccessToken",),
        "plugins.channel_spec": ("Channel", "ChannelSpec", "CommandOption"),
        "plugins.channels": (
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
            "Sleep",
            "CurrentTime",
            "BlockingCall",
            "Executor",
            "AsyncExecutor",
            "ExecutorPair",
        ),
        "plugins.hooks": (
            "hookspec",
            "hookimpl",
            "Hooks",
        ),
        "plugins.ledger": (
            "MessageRecord",
            "Ledger",
            "Operation",
        ),
        "plugins.ledger_limits": (
            "LIMIT_OPERATIONS",
            "AcquireCircuitProbe",
            "CircuitReport",
            "LimitStore",
            "Place",
            "PlaceRequest",
            "SharedRate",
            "SpendBudget",
            "SyncCircuits",
            "TakePlaces",
        ),
        "plugins.ledger_spec": (
            "LedgerSettings",
            "LedgerSpec",
        ),
        "plugins.message_requests": ("MessageRequest", "RequestModel", "message_from_json", "request_of"),
        "plugins.notifiers": ("QueueNotifier",),
        "plugins.pre_send": ("PreSendCheck",),
        "plugins.observer": (
            "Observer",
            "CompositeObserver",
        ),
        "plugins.provider": (
            "PROVIDER_API_VERSION",
            "Envelope",
            "Capabilities",
            "Provider",
            "HttpProvider",
            "SupportsReportPolling",
            "SupportsWebhooks",
            "LookupRequest",
            "SupportsLookup",
            "SupportsRateLimits",
            "SupportsBatchGrouping",
            "require_sender",
            "provider_options_of",
            "ProviderSpec",
            "ReportsOptional",
            "SupportsValidation",
        ),
        "plugins.provider_settings": (
            "SecretList",
            "SenderFormat",
            "provider_arguments",
        ),
        "plugins.base_urls": ("require_base_url",),
        "plugins.raw_fields": ("merge_raw", "require_raw"),
        "plugins.recipients": (
            "User",
            "Person",
            "Recipient",
            "ResolvedRecipient",
        ),
        "plugins.resolvers": (
            "RecipientResolver",
            "KnowsPreferences",
            "MappingResolver",
            "CallableResolver",
            "PathResolver",
            "get_path",
        ),
        "plugins.results": (
            "result_from_status",
            "retry_after",
        ),
        "plugins.secret_values": ("split_secrets",),
        "plugins.sender_formats": ("SenderFormat", "parse_sender"),
        "plugins.webhook_proofs": (
            "ed25519_matches",
            "hmac_matches",
            "is_recent",
            "jwt_claims",
        ),
        "plugins.webhook_values": (
            "json_object",
            "text_at",
            "timestamp",
            "value_at",
        ),
        "plugins.diagnosis": ("Finding", "SupportsDiagnosis", "credentials_finding"),
        "plugins.webhooks": (
            "WebhookRequest",
            "WebhookResult",
        ),
        "plugins.whatsapp_form.content": ("WHATSAPP_FIELDS", "whatsapp_content"),
    },
)
