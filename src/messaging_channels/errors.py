"""All errors of the library.

MessagingError
├── BadInput                     the caller's input is invalid; no request was made
│   ├── InvalidAddress           not an address of its kind
│   ├── InvalidMessage           a field of a message is invalid
│   │   └── InvalidArgument      an argument has a wrong type or is out of range
│   ├── UnknownChannel           no channel has this name or supports this message type
│   ├── Unsupported              the provider does not support the message type or a field
│   ├── UnresolvedRecipient      the recipient has no address on the channel
│   │   └── UnknownRecipient     the user or person does not exist
│   ├── NoRoute                  no configured provider supports the channel
│   ├── MessageBlocked           a check blocked the message
│   ├── CannotResolve            nothing is to be decided about the outcome of that message
│   └── IdempotencyKeyReused     the key was used before, for another message or recipient
├── ConfigurationError           the configuration is wrong; no request was made
│   ├── InvalidSetting           a setting is missing or malformed
│   ├── UnknownProvider          no plugin supplies a provider with this name
│   │   └── WebhooksNotSupported the provider has no webhooks
│   ├── UnknownAccount           the account has no credentials
│   └── PluginLoadError          a plugin could not be loaded; the others work
├── IdempotencyKeyInUse          an earlier call with this key has not ended
├── LedgerUnavailable            the ledger could not be read or written; nothing was sent
├── SendFailed                   the message was certainly not sent
│   ├── InternalError            a plugin, a value or the library failed before the first byte
│   ├── Rejected                 the provider rejected the message
│   └── NotSent                  send the message again later
│       └── AccountError         the provider refused the account
├── WebhookVerificationError     the request is not proven to come from the provider
└── TransportError               for provider authors: one exchange failed

Branch on the class and its attributes, never on the text. No text contains a secret, a complete address or a message body.
"""

from __future__ import annotations

from messaging_channels._model.errors import (
    BadInput,
    CannotResolve,
    ConfigurationError,
    IdempotencyKeyInUse,
    IdempotencyKeyReused,
    InvalidAddress,
    InvalidArgument,
    InvalidMessage,
    InvalidSetting,
    LedgerUnavailable,
    MessageBlocked,
    MessagingError,
    NoRoute,
    Phase,
    PluginLoadError,
    TransportError,
    UnknownAccount,
    UnknownChannel,
    UnknownProvider,
    UnknownRecipient,
    UnresolvedRecipient,
    Unsupported,
    WebhooksNotSupported,
    WebhookVerificationError,
)
from messaging_channels._model.send_failed import (
    AccountError,
    InternalError,
    NotSent,
    Rejected,
    SendFailed,
)

__all__ = [
    "AccountError",
    "BadInput",
    "CannotResolve",
    "ConfigurationError",
    "IdempotencyKeyInUse",
    "IdempotencyKeyReused",
    "InternalError",
    "InvalidAddress",
    "InvalidArgument",
    "InvalidMessage",
    "InvalidSetting",
    "LedgerUnavailable",
    "MessageBlocked",
    "MessagingError",
    "NoRoute",
    "NotSent",
    "Phase",
    "PluginLoadError",
    "Rejected",
    "SendFailed",
    "TransportError",
    "UnknownAccount",
    "UnknownChannel",
    "UnknownProvider",
    "UnknownRecipient",
    "UnresolvedRecipient",
    "Unsupported",
    "WebhookVerificationError",
    "WebhooksNotSupported",
]
