"""Everything this library raises.

MessagingError
├── BadInput                     the caller's input; nothing left the machine
│   ├── InvalidAddress           not an address of the channel
│   ├── InvalidMessage           a field of a message cannot be sent as it is
│   ├── UnknownChannel           no channel carries that message, or none has that name
│   ├── Unsupported              the provider carries no such message, or not that field of it
│   ├── UnresolvedRecipient      no address for that recipient on that channel
│   │   └── UnknownRecipient     there is no such user or person
│   ├── NoRoute                  no provider is configured for the channel
│   ├── MessageBlocked           a rule of ours forbids it: opted out, not an allowed country, too many
│   └── IdempotencyKeyReused     the key was given before, with another message or recipient
├── ConfigurationError           the deployment's input; nothing left the machine
│   ├── InvalidSetting           a setting is missing or malformed
│   ├── UnknownProvider          no plugin supplies a provider of that name
│   ├── UnknownAccount           no credentials are configured for that account
│   └── PluginLoadError          a plugin could not be loaded; the others go on working
├── IdempotencyKeyInUse          an earlier call with that key has not ended yet
├── LedgerUnavailable            what would be sent could not be written down first, so nothing was sent
├── SendFailed                   a provider was asked, and the message certainly went nowhere
│   ├── Rejected                 refused for good: do not send it again as it is
│   └── NotSent                  nothing went out: it may safely be sent again
│       └── AccountError         our account cannot send: wrong credentials, or no credit
├── WebhookVerificationError     a call to our webhook address that nothing proves to be the provider's
└── TransportError               seen by provider authors: one exchange could not be completed

Act on the class and the attributes, never on the text. No text holds a secret, a whole address or the body of a message.
"""

from __future__ import annotations

from messaging_channels._model.errors import (
    BadInput,
    ConfigurationError,
    IdempotencyKeyInUse,
    IdempotencyKeyReused,
    InvalidAddress,
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
    WebhookVerificationError,
)
from messaging_channels._model.send_failed import (
    AccountError,
    NotSent,
    Rejected,
    SendFailed,
)

__all__ = [
    "AccountError",
    "BadInput",
    "ConfigurationError",
    "IdempotencyKeyInUse",
    "IdempotencyKeyReused",
    "InvalidAddress",
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
]
