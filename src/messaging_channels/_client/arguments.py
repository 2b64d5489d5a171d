"""The arguments of both clients, taken or refused before anything else happens: a caller's mistake is never told as an outage."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, cast

from messaging_channels._model.addresses import Address
from messaging_channels._model.arguments import (
    as_seconds,
    kind_of,
    require_count,
    require_instance,
    require_keywords,
    require_text,
)
from messaging_channels._model.errors import InvalidArgument
from messaging_channels._model.nearest import did_you_mean
from messaging_channels._model.status import Status, StatusGroup, known_statuses
from messaging_channels.messages import Adaptive, Message
from messaging_channels.messages.fallback import Fallback
from messaging_channels.policies.windows import SendWindow

SEND_OPTIONS: Mapping[str, None] = dict.fromkeys(
    ("idempotency_key", "scope", "timeout", "on_unknown", "in_progress_timeout", "confirms")
)
"""The names of the options of `send`, in the order in which they are told."""
ENQUEUE_OPTIONS: Mapping[str, None] = dict.fromkeys(
    (
        *("idempotency_key", "scope", "expires_in", "on_unknown", "in_progress_timeout", "confirms"),
        *("send_at", "window", "priority", "transaction"),
    )
)


def check_message(message: object, *, call: str, takes_fallback: bool = False) -> None:
    """Refuse what is no message.

    Raises:
        InvalidArgument: it is a text, a class, a list or something else.
    """
    if isinstance(message, Message) or (takes_fallback and isinstance(message, Fallback)):
        return
    if isinstance(message, Fallback):
        problem, hint = "is a Fallback, which only a worker can send", "use enqueue(Fallback(...), to=...)"
    elif isinstance(message, type):
        problem, hint = f"is the class {message.__name__}", f"pass an instance, {message.__name__}(...)"
    elif isinstance(message, list | tuple):
        problem, hint = f"is a {kind_of(cast('object', message))}", f"use {call}_each(messages, to=[...])"
    else:
        problem, hint = (
            f"must be a message, got {kind_of(message)}",
            'write for example Sms("Your code is 4821")',
        )
    raise InvalidArgument(problem, argument="message", hint=hint)


def check_alternatives(message: object, *, call: str) -> None:
    """Refuse what `send` cannot take: it takes messages of different types and `Adaptive` content too, and sends one of them.

    Raises:
        InvalidArgument: it is none of these, or two messages are of one type, of which the second would never be sent.
    """
    if call == "send" and isinstance(message, Adaptive):
        return
    if call != "send" or not isinstance(message, (list, tuple)) or not message:
        check_message(cast("object", message), call=call)
        return
    alternatives = cast("Sequence[object]", message)
    for number, one in enumerate(alternatives):
        require_instance(one, Message, f"message[{number}]", 'write for example Sms("...")')
    kinds = [type(one) for one in alternatives]
    twice = next((kind.__name__ for kind in kinds if kinds.count(kind) > 1), None)
    if twice is not None:
        raise InvalidArgument(
            f"holds two messages of the type {twice}, and sends only one",
            argument="message",
            hint="use send_each(messages, to=[...])",
        )


def check_messages(message: object, to: object, *, call: str, takes_fallback: bool = False) -> None:
    """Refuse what is neither a message nor an iterable of messages, and what is no iterable of recipients.

    Raises:
        InvalidArgument: one is.
    """
    if isinstance(message, (str, bytes, type)) or not isinstance(message, (Message, Fallback, Iterable)):
        check_message(message, call=call.removesuffix("_each"), takes_fallback=takes_fallback)
    if isinstance(message, Fallback) and not takes_fallback:
        check_message(message, call=call)
    if not isinstance(to, (str, Address, Iterable)) or isinstance(to, (bytes, Mapping)):
        raise InvalidArgument(
            f"must be a list or another iterable of recipients, got {kind_of(cast('object', to))}",
            argument="to",
            hint='write for example to=["+447700900123"]',
        )


def check_recipient(to: object, *, call: str, has_resolvers: bool) -> None:
    """Refuse what can be no recipient: nothing, and without resolvers whatever is neither a text nor an address of ours.

    Raises:
        InvalidArgument: it is one of them.
    """
    if to is None:
        raise InvalidArgument("is None", argument="to", hint='give an address, such as to="+447700900123"')
    if isinstance(to, bool) or has_resolvers:
        return
    if isinstance(to, (int, float)):
        raise InvalidArgument(
            f"is a number ({kind_of(to)})", argument="to", hint='write it as a text: to="+447700900123"'
        )
    if isinstance(to, (list, tuple, set, frozenset, dict)):
        raise InvalidArgument(
            f"is a {kind_of(cast('object', to))}", argument="to", hint=f"use {call}_each(message, to=[...])"
        )
    if isinstance(to, (bytes, type)):
        raise InvalidArgument(f"is {kind_of(to)}", argument="to", hint='give a text: to="+447700900123"')


def as_options(given: Mapping[str, Any], known: Mapping[str, None], call: str) -> dict[str, Any]:
    """Return the options that `send` and `enqueue` take, of those that are `known` to one of them, times as numbers of seconds.

    Raises:
        TypeError: there is no such option; it names the nearest.
        InvalidArgument: a value cannot be meant.
    """
    if not given.keys() <= known.keys():
        require_keywords(given, tuple(known), call)
    options = dict(given)
    for name in ("timeout", "expires_in"):
        if options.get(name) is not None:
            options[name] = as_seconds(options[name], name, longest=_LONGEST[name], least=_LEAST)
    if "in_progress_timeout" in options:
        options["in_progress_timeout"] = as_seconds(
            options["in_progress_timeout"], "in_progress_timeout", longest=_DAY
        )
    for name in ("idempotency_key", "scope", "confirms"):
        if not isinstance(options.get(name, ""), str) and (
            options[name] is not None or name != "idempotency_key"
        ):
            require_text(options[name], name)
    if "on_unknown" in options:
        options["on_unknown"] = _one_of(options["on_unknown"], ("hold", "resend"), "on_unknown")
    return options


def as_enqueue_options(given: dict[str, Any], call: str) -> dict[str, Any]:
    """Return the options of `enqueue`, times as numbers of seconds.

    Raises:
        TypeError: there is no such option; it names the nearest.
        InvalidArgument: a value cannot be meant.
    """
    options = as_options(given, ENQUEUE_OPTIONS, call)
    if options.get("window") is not None:
        require_instance(options["window"], SendWindow, "window", 'write SendWindow("09:00", "20:00")')
    at = options.get("send_at")
    if isinstance(at, timedelta) or (at is not None and not isinstance(at, (datetime, int, float))):
        raise InvalidArgument(
            f"must be a datetime with a time zone or seconds since 1970, got {kind_of(at)}",
            argument="send_at",
            hint="write for example datetime.now(UTC) + timedelta(hours=1)",
        )
    if "priority" in options:
        options["priority"] = _one_of(options["priority"], ("high", "normal", "low"), "priority")
    return options


def as_status_group(value: object) -> int | None:
    """Return the number of a status group, given as one, by name, or as a number.

    Raises:
        InvalidArgument: there is no such group.
    """
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return None if value is None else int(value)
    if isinstance(value, str) and value.upper() in StatusGroup.__members__:
        return int(StatusGroup[value.upper()])
    given = repr(value) if isinstance(value, str) else kind_of(value)
    names = ", ".join(StatusGroup.__members__)
    raise InvalidArgument(
        f"must be a StatusGroup, its name or number, got {given}",
        argument="group_id",
        hint=f"use one of {names}",
    )


def as_status_name(value: object) -> str | None:
    """Return the name of a status, given as one or by name.

    Raises:
        InvalidArgument: it is neither, or its name is nearly that of a known one.
    """
    if value is None or isinstance(value, Status):
        return None if value is None else value.name
    require_text(value, "status")
    name, known = str(value).upper(), {one.name for _, one in known_statuses()}
    if name in StatusGroup.__members__ and name not in known:
        raise InvalidArgument(
            f"{name} is a group of statuses", argument="status", hint=f"use group_id=StatusGroup.{name}"
        )
    return name if name in known else str(value)


def as_moment(value: object, argument: str) -> float | None:
    """Return a time in seconds since the epoch, given so or as a `datetime` with its time zone.

    Raises:
        InvalidArgument: it is neither, or has no time zone.
    """
    if value is None:
        return None
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise InvalidArgument(
                "has no time zone", argument=argument, hint="give tzinfo, such as datetime.UTC"
            )
        return value.timestamp()
    return as_seconds(value, argument, longest=float("inf"))


def check_list(limit: object, **texts: object) -> None:
    """Refuse a limit that is no count, and what is no text.

    Raises:
        InvalidArgument: one is.
    """
    require_count(limit, "limit")
    require_text(texts.pop("scope", ""), "scope")
    for name, value in texts.items():
        if value is not None:
            require_text(value, name)


def check_lookup(message_id: object, provider: object, provider_id: object, idempotency_key: object) -> None:
    """Refuse a look-up that names nothing, or only half of it.

    Raises:
        InvalidArgument: it does.
    """
    given = {
        "message_id": message_id,
        "provider": provider,
        "provider_id": provider_id,
        "idempotency_key": idempotency_key,
    }
    for name, value in given.items():
        if value is not None:
            require_text(value, name)
    if (provider is None) != (provider_id is None):
        raise InvalidArgument("and provider_id belong together", argument="provider", hint="give both")
    if message_id is None and provider is None and idempotency_key is None:
        raise InvalidArgument(
            "is missing",
            argument="message_id",
            hint="give it, or provider= with provider_id=, or idempotency_key=",
        )


def _one_of(value: object, known: Sequence[str], argument: str) -> str:
    """Return one of several words, given as it is or as a member of an enumeration."""
    word = value.value if isinstance(value, Enum) else value
    if not isinstance(word, str) or word not in known:
        names = ", ".join(repr(one) for one in known[:-1]) + f" or {known[-1]!r}"
        given = repr(word) if isinstance(word, str) else kind_of(value)
        hint = did_you_mean(word, known) if isinstance(word, str) else f"use {names}"
        raise InvalidArgument(f"must be {names}, got {given}", argument=argument, hint=hint)
    return word


_DAY = 86400.0
_LEAST = 1e-9
_LONGEST_WAIT = 1.5e9
"""Seconds. A time since 1970 is more."""
_LONGEST = {"timeout": _DAY, "expires_in": _LONGEST_WAIT}
