"""The errors; `messaging_channels.errors` is their face, and draws their tree."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from messaging_channels._model.statements import ConsentStatement


def _restore(kind: type[MessagingError], args: tuple[Any, ...], held: dict[str, Any]) -> MessagingError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(held)
    return error


class MessagingError(Exception):
    """The root of all errors here. `code` is stable and meant for programs; the text is for people."""

    code: ClassVar[str] = "messaging_error"

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle and copy it by what it holds: most of them take keywords, which an exception's own way forgets."""
        return _restore, (type(self), self.args, vars(self))


class BadInput(MessagingError, ValueError):
    """What the caller gave cannot be sent. Raised before anything leaves the machine."""

    code = "bad_input"


class InvalidAddress(BadInput):
    """The text is no address of its kind. `kind` is such as `phone number` or `mail address`."""

    code = "invalid_address"

    def __init__(self, problem: str, *, kind: str, hint: str) -> None:
        super().__init__(f"not a {kind}: {problem}; {hint}")
        self.problem = problem
        self.kind = kind
        self.hint = hint


class InvalidMessage(BadInput):
    """A field of a message cannot be sent as it is. `field` names it, as in `Email.subject`."""

    code = "invalid_message"

    def __init__(self, problem: str, *, field: str, hint: str) -> None:
        super().__init__(f"{field}: {problem}; {hint}")
        self.problem = problem
        self.field = field
        self.hint = hint


class UnknownChannel(BadInput):
    """No registered channel has that name, or none carries that type of message."""

    code = "unknown_channel"

    def __init__(self, wanted: str, *, known: tuple[str, ...]) -> None:
        super().__init__(f"no channel for {wanted}; known channels: {_listed(known)}")
        self.wanted = wanted
        self.known = known


class Unsupported(BadInput):
    """The provider does not carry that message, or that field of it, on this route."""

    code = "unsupported"

    def __init__(self, feature: str, *, provider: str, hint: str) -> None:
        super().__init__(f"provider {provider!r} does not carry {feature}; {hint}")
        self.feature = feature
        self.provider = provider
        self.hint = hint


class UnresolvedRecipient(BadInput):
    """The recipient has no address on that channel, or no resolver understands it."""

    code = "unresolved_recipient"

    def __init__(self, problem: str, *, recipient: str, channel: str, hint: str) -> None:
        super().__init__(f"{recipient} on channel {channel!r}: {problem}; {hint}")
        self.problem = problem
        self.recipient = recipient
        self.channel = channel
        self.hint = hint


class UnknownRecipient(UnresolvedRecipient):
    """There is no such user or person, whichever source was asked."""

    code = "unknown_recipient"


class NoRoute(BadInput):
    """No provider is configured that could carry this channel."""

    code = "no_route"

    def __init__(self, channel: str, *, problem: str = "no provider is configured for it") -> None:
        setting = f"MESSAGING_CHANNELS_ROUTE_{channel.upper()}"
        super().__init__(
            f"no route for channel {channel!r}: {problem}; "
            f"set {setting}, or pass routes={{{channel!r}: Route(...)}} to the dispatcher"
        )
        self.channel = channel


class MessageBlocked(BadInput):
    """A rule of ours forbids this message to this recipient. `rule` names it. Also raised when a rule could not be asked."""

    code = "message_blocked"

    def __init__(
        self,
        problem: str,
        *,
        check: str,
        hint: str = "do not send it, or change the rule",
        entry: ConsentStatement | None = None,
    ) -> None:
        super().__init__(f"{check}: {problem}; {hint}")
        self.problem = problem
        self.check = check
        self.hint = hint
        self.entry = entry
        """What was said or found out that forbids it, where it is about consent or suppression."""


class IdempotencyKeyReused(BadInput):
    """The idempotency key stands for another message, or another recipient. Nothing was sent now."""

    code = "idempotency_key_reused"

    def __init__(self, message_id: str) -> None:
        super().__init__(
            f"the idempotency key was given before, with another message or recipient (message {message_id}); "
            "use a new key for a new message"
        )
        self.message_id = message_id


class IdempotencyKeyInUse(MessagingError):
    """An earlier call with the same idempotency key has not ended, or its process died a moment ago. Try again later."""

    code = "idempotency_key_in_use"

    def __init__(self, message_id: str, *, retry_after: float) -> None:
        super().__init__(
            f"message {message_id} is being sent by an earlier call with the same key; ask again in {retry_after:.0f} s at most"
        )
        self.message_id = message_id
        self.retry_after = retry_after
        """Seconds until it is known that the earlier call's process died, if it did."""


class LedgerUnavailable(MessagingError):
    """The ledger could not write down what would be sent. Nothing was sent by this call; it may be repeated with the same key."""

    code = "ledger_unavailable"

    def __init__(self, problem: str) -> None:
        super().__init__(
            f"the ledger could not be written or read ({problem}); check the database, then repeat the call"
        )
        self.problem = problem


class ConfigurationError(MessagingError):
    """What the deployment gave cannot work. Raised before anything leaves the machine."""

    code = "configuration"


class InvalidSetting(ConfigurationError):
    """A setting is missing or malformed. `setting` names it, and `source` says where it came from."""

    code = "invalid_setting"

    def __init__(self, problem: str, *, setting: str, source: str, hint: str) -> None:
        super().__init__(f"setting {setting} (from {source}): {problem}; {hint}")
        self.problem = problem
        self.setting = setting
        self.source = source
        self.hint = hint


class UnknownProvider(ConfigurationError):
    """A provider was named that no loaded plugin supplies."""

    code = "unknown_provider"

    def __init__(self, name: str, *, known: tuple[str, ...], failed: tuple[str, ...] = ()) -> None:
        broken = f"; plugins that could not be loaded: {'; '.join(failed)}" if failed else ""
        super().__init__(
            f"no provider is named {name!r}; known providers: {_listed(known)}; "
            f"is its plugin installed (pip install messaging-channels-{name})?{broken}"
        )
        self.name = name
        self.known = known
        self.failed = failed
        """The plugins that could not be loaded, each with its distribution and the reason."""


class UnknownAccount(ConfigurationError):
    """A resolver named an account for which no provider has credentials: it is never replaced by another one."""

    code = "unknown_account"

    def __init__(self, account: str, *, channel: str) -> None:
        super().__init__(
            f"no provider of channel {channel!r} has credentials for account {account!r}; "
            f"configure [accounts.{account}.<provider>]"
        )
        self.account = account
        self.channel = channel


class PluginLoadError(ConfigurationError):
    """The plugin that was asked for could not be loaded; the cause is chained."""

    code = "plugin_load_error"

    def __init__(self, name: str, *, problem: str) -> None:
        super().__init__(f"plugin {name!r} could not be loaded: {problem}; mend or uninstall it")
        self.name = name
        self.problem = problem


class WebhookVerificationError(MessagingError):
    """Nothing proves that the call came from the provider. Answer it with 401 and believe nothing of it."""

    code = "webhook_verification_failed"

    def __init__(self, problem: str, *, provider: str, hint: str) -> None:
        super().__init__(f"webhook of {provider!r}: {problem}; {hint}")
        self.problem = problem
        self.provider = provider
        self.hint = hint


class Phase(StrEnum):
    """How far an exchange had come when it failed."""

    LOCAL = "local"
    """Before the network was touched."""
    CONNECT = "connect"
    """Looking up the name, connecting, or the TLS handshake."""
    WRITE = "write"
    """Writing the request."""
    READ = "read"
    """Waiting for the answer, or reading it."""


class TransportError(MessagingError):
    """One exchange could not be completed. Raised into a provider's flow by the transport.

    `phase` tells how far it came. `sent` answers whether the other side may have acted on it: only a failure before the
    first byte of the request is a certain no.
    """

    code = "transport_error"

    def __init__(self, problem: str, *, phase: Phase, timed_out: bool = False) -> None:
        super().__init__(f"{problem} (phase: {phase})")
        self.problem = problem
        self.phase = phase
        self.timed_out = timed_out

    @property
    def may_have_been_sent(self) -> bool:
        """False only when it is certain that no byte of the request left."""
        return self.phase in (Phase.WRITE, Phase.READ)


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(sorted(names)) or "none"
