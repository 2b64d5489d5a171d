"""The errors; `messaging_channels.errors` is their face, and draws their tree."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar

from messaging_channels._model.nearest import nearest

if TYPE_CHECKING:
    from messaging_channels._model.statements import ConsentStatement


def restore_error(kind: type[MessagingError], args: tuple[Any, ...], held: dict[str, Any]) -> MessagingError:
    """Return an error that was pickled or copied."""
    error = kind.__new__(kind, *args)
    error.__dict__.update(held)
    return error


class MessagingError(Exception):
    """Base class of all errors of the library. `code` is stable and meant for programs; the text is for people."""

    code: ClassVar[str] = "messaging_error"

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle and copy it by what it holds: most of them take keywords, which an exception's own way forgets."""
        return restore_error, (type(self), self.args, vars(self))


class BadInput(MessagingError, ValueError):
    """The caller's input is invalid. Raised before any request is made."""

    code = "bad_input"


class InvalidAddress(BadInput):
    """A text is not an address of its kind. `kind` is `phone number` or `email address`, for example."""

    code = "invalid_address"

    def __init__(self, problem: str, *, kind: str, hint: str) -> None:
        super().__init__(_sentences(f"this is not {_article(kind)}: {problem}", hint))
        self.problem = problem
        self.kind = kind
        self.hint = hint


class InvalidMessage(BadInput):
    """A field of a message is invalid. `field` names it, such as `Email.subject`."""

    code = "invalid_message"

    def __init__(self, problem: str, *, field: str, hint: str) -> None:
        super().__init__(_sentences(f"{field} {problem}", hint))
        self.problem = problem
        self.field = field
        self.hint = hint


class InvalidArgument(InvalidMessage):
    """An argument of a constructor or a call is of a wrong type or out of range. `field` names it, as in `ledger` or `timeout`."""

    def __init__(self, problem: str, *, argument: str, hint: str) -> None:
        super().__init__(problem, field=argument, hint=hint)


class UnknownChannel(BadInput):
    """No channel has this name, or no channel supports this message type."""

    code = "unknown_channel"

    def __init__(self, wanted: str, *, known: tuple[str, ...]) -> None:
        super().__init__(f"no channel for {wanted}; known channels: {_listed(known)}")
        self.wanted = wanted
        self.known = known


class Unsupported(BadInput):
    """The provider does not support this message type, or a field of the message."""

    code = "unsupported"

    def __init__(self, feature: str, *, provider: str, hint: str) -> None:
        super().__init__(_sentences(f"{provider} does not support {feature}", hint))
        self.feature = feature
        self.provider = provider
        self.hint = hint


class UnresolvedRecipient(BadInput):
    """The recipient has no address on the channel, or no resolver understands the recipient."""

    code = "unresolved_recipient"

    def __init__(self, problem: str, *, recipient: str, channel: str, hint: str) -> None:
        super().__init__(_sentences(f"{recipient} on channel {channel}: {problem}", hint))
        self.problem = problem
        self.recipient = recipient
        self.channel = channel
        self.hint = hint


class UnknownRecipient(UnresolvedRecipient):
    """The user or person does not exist."""

    code = "unknown_recipient"


class NoRoute(BadInput):
    """No configured provider supports the channel."""

    code = "no_route"

    def __init__(self, channel: str, *, problem: str = "no provider is configured for it") -> None:
        setting = f"MESSAGING_CHANNELS_ROUTE_{channel.upper()}"
        super().__init__(
            f"no route for channel {channel!r}: {problem}. "
            f"Configure a provider that supports {channel}, then set {setting} or pass routes={{{channel!r}: Route(...)}}."
        )
        self.channel = channel


class MessageBlocked(BadInput):
    """A check blocked the message, or a check raised an exception. `check` names the check."""

    code = "message_blocked"

    def __init__(
        self,
        problem: str,
        *,
        check: str,
        hint: str = "",
        entry: ConsentStatement | None = None,
    ) -> None:
        super().__init__(_sentences(f"blocked by {check}: {problem}", hint))
        self.problem = problem
        self.check = check
        self.hint = hint
        self.entry = entry
        """What was said or found out that forbids it, where it is about consent or suppression."""


class IdempotencyKeyReused(BadInput):
    """The idempotency key was used before, for another message or recipient. Nothing was sent."""

    code = "idempotency_key_reused"

    def __init__(self, message_id: str) -> None:
        super().__init__(
            f"the idempotency key was used before, with another message or recipient (message {message_id}). "
            "Use a new key for a new message."
        )
        self.message_id = message_id


class CannotResolve(BadInput):
    """Nothing is to be decided about this message: no record has that id, its outcome is known, or an attempt is under way."""

    code = "cannot_resolve"

    def __init__(self, problem: str, *, message_id: str, hint: str) -> None:
        super().__init__(_sentences(f"message {message_id[:80]!r}: {problem}", hint))
        self.problem = problem
        self.message_id = message_id
        self.hint = hint


class IdempotencyKeyInUse(MessagingError):
    """An earlier call with the same idempotency key has not ended, or its process died less than a lease ago. Retry with the same key."""

    code = "idempotency_key_in_use"

    def __init__(self, message_id: str, *, retry_after: float) -> None:
        super().__init__(
            f"message {message_id} is being sent by an earlier call with this key. "
            f"Retry with the same key in at most {retry_after:.0f} s (error.retry_after)."
        )
        self.message_id = message_id
        self.retry_after = retry_after
        """Seconds until it is known that the earlier call's process died, if it did."""


class LedgerUnavailable(MessagingError):
    """The ledger could not be read or written. Nothing was sent; repeat the call with the same key."""

    code = "ledger_unavailable"

    def __init__(self, problem: str) -> None:
        super().__init__(
            f"the ledger could not be read or written ({problem}). Nothing was sent. Check the database, then repeat the call."
        )
        self.problem = problem


class ConfigurationError(MessagingError):
    """The configuration is wrong. Raised before any request is made."""

    code = "configuration"


class InvalidSetting(ConfigurationError):
    """A setting is missing or malformed. `setting` names it, and `source` says where its value came from."""

    code = "invalid_setting"

    def __init__(self, problem: str, *, setting: str, source: str, hint: str) -> None:
        super().__init__(_sentences(f"{setting} {problem} (from {source})", hint))
        self.problem = problem
        self.setting = setting
        self.source = source
        self.hint = hint


class UnknownProvider(ConfigurationError):
    """No loaded plugin supplies a provider with this name."""

    code = "unknown_provider"

    def __init__(
        self, name: str, *, known: tuple[str, ...], failed: tuple[str, ...] = (), source: str = ""
    ) -> None:
        broken = f"; plugins that could not be loaded: {'; '.join(failed)}" if failed else ""
        where = f" ({source})" if source else ""
        super().__init__(
            f"no provider is named {name!r}{where}; known providers: {_listed(known)}; {_hint_of_provider(name, known)}{broken}"
        )
        self.source = source
        """Where it was named: a variable, or a file and its line; empty where the caller named it."""
        self.name = name
        self.known = known
        self.failed = failed
        """The plugins that could not be loaded, each with its distribution and the reason."""


class WebhooksNotSupported(UnknownProvider):
    """The provider is known, and has no webhooks: nothing that comes to this URL is from it. Answer 404."""

    code = "webhooks_not_supported"

    def __init__(self, provider: str) -> None:
        words = f"provider {provider} does not support webhooks"
        ConfigurationError.__init__(self, _sentences(words, "remove the URL, or use another provider"))
        self.source = ""
        self.provider = provider


class UnknownAccount(ConfigurationError):
    """A resolver returned an account without credentials. The dispatcher never uses another account instead."""

    code = "unknown_account"

    def __init__(self, account: str, *, channel: str) -> None:
        super().__init__(
            f"no provider of channel {channel!r} has credentials for account {account!r}. "
            f"Configure [accounts.{account}.<provider>]."
        )
        self.account = account
        self.channel = channel


class PluginLoadError(ConfigurationError):
    """The plugin could not be loaded. The cause is chained."""

    code = "plugin_load_error"

    def __init__(self, name: str, *, problem: str) -> None:
        super().__init__(f"plugin {name!r} could not be loaded: {problem}. Upgrade or uninstall the plugin.")
        self.name = name
        self.problem = problem


class WebhookVerificationError(MessagingError):
    """The request is not proven to come from the provider. Answer 401 and ignore its content."""

    code = "webhook_verification_failed"

    def __init__(self, problem: str, *, provider: str, hint: str) -> None:
        super().__init__(_sentences(f"webhook of {provider}: {problem}", hint))
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
    """Raised into a provider's flow if an exchange failed.

    `phase` says how far the exchange came. `may_have_been_sent` is false only if no byte of the request was sent.
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


def _sentences(problem: str, hint: str) -> str:
    """Return a problem and what to do about it as two sentences; only the first where there is nothing to do."""
    if hint and not hint.startswith(_COMMANDS):
        hint = hint[:1].upper() + hint[1:]
    return f"{_ended(problem)} {_ended(hint)}" if hint else problem


def _ended(sentence: str) -> str:
    return sentence if sentence.endswith((".", "?", "!", "…")) else f"{sentence}."


def _article(kind: str) -> str:
    return f"{'an' if kind[:1].lower() in 'aeiou' else 'a'} {kind}"


_COMMANDS = ("pip ", "messaging-channels ")
"""How a hint begins that is a command to be copied."""
PUBLISHED = ("infobip", "postmark", "smtp", "telnyx", "twilio", "vonage", "whatsapp-cloud")
"""The providers of this project, each in a distribution of its own."""


def _hint_of_provider(name: str, known: tuple[str, ...]) -> str:
    near = name if name in PUBLISHED else nearest(name, (*known, *PUBLISHED))
    if near is None:
        return "install the plugin that supplies it, or correct the name"
    command = "" if near in known else f" (pip install messaging-channels-{near})"
    return f"is its plugin installed{command}?" if near == name else f"did you mean {near!r}?{command}"


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(sorted(names)) or "none"
