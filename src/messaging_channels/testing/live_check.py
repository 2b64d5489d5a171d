"""`plugin check --live`: a provider against its vendor's sandbox, or against the recording of an earlier check."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from messaging_channels._config.settings import Configuration
from messaging_channels._model.errors import BadInput, InvalidAddress
from messaging_channels.testing.conformance import ConformanceContext, RuleResult
from messaging_channels.testing.conformance.live import LIVE_RULES, LiveCheck
from messaging_channels.testing.conformance.recording import LiveRecord


@dataclass(frozen=True, slots=True)
class LiveOptions:
    """What `plugin check` was given for a live check."""

    url: str = ""
    """The sandbox; not needed for a recording."""
    to: str = ""
    """Who gets the messages. Default: a number and an address that nobody has."""
    types: Sequence[str] = ()
    """Names of the message types to send. Default: all."""
    record: Path | None = None
    """File to write the exchanges to, without secrets and addresses."""
    replay: Path | None = None
    """File that `record` wrote: nothing is sent."""


def check_live(
    context: ConformanceContext, options: LiveOptions, rules: Sequence[str] = ()
) -> Sequence[RuleResult]:
    """Send each message type to a sandbox, or play a recording of that; with `rules`, return only what came of these.

    Raises:
        BadInput: the recording cannot be read or is another provider's, or there is no such rule, message type or address.
    """
    if unknown := [rule for rule in rules if rule not in LIVE_RULES]:
        raise BadInput(f"there is no live rule {unknown[0]}: the live check has {', '.join(LIVE_RULES)}")
    known = [kind.__name__ for kind in context.messages]
    if foreign := [one for one in options.types if one not in known]:
        raise BadInput(f"{context.spec.name} sends no {foreign[0]}: it sends {', '.join(known)}")
    recorded = None if options.replay is None else _recording(options.replay, context.spec.name)
    settings = _settings_of_account(context, options.url) if recorded is None else recorded.settings
    check = LiveCheck(context, options.url or context.url, settings, options.to, options.types, recorded)
    try:
        checked = check.run()
    except InvalidAddress as problem:
        raise BadInput(f"--to must be an address of the channel: {problem}") from problem
    if options.record is not None:
        check.recording.write(options.record)
    return [one for one in checked if not rules or one.rule.id in rules]


def _recording(path: Path, provider: str) -> LiveRecord:
    try:
        recorded = LiveRecord.read(path)
    except (OSError, ValueError) as problem:
        raise BadInput(f"the recording cannot be read: {problem}") from problem
    if recorded.provider != provider:
        raise BadInput(f"the recording is one of {recorded.provider}")
    return recorded


def _settings_of_account(context: ConformanceContext, url: str) -> Mapping[str, Any]:
    """Return the configured settings of the provider, but for those that the fixtures make of the sandbox's URL; none where none are configured."""
    given = {one.name.rpartition(".")[2]: one.value for one in Configuration.read().settings(context.spec)}
    of_sandbox, other = (context.fixtures.settings(one, "0" * 32) for one in (url, "http://127.0.0.1:9"))
    return {name: value for name, value in given.items() if of_sandbox.get(name) == other.get(name)}
