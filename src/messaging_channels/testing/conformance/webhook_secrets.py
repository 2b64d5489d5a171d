"""Rules on the secrets that prove calls: none, and several (MC321, MC323)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from messaging_channels.plugins.provider import Provider
from messaging_channels.plugins.webhooks import WebhookResult
from messaging_channels.testing import canaries
from messaging_channels.testing.conformance.context import ConformanceContext
from messaging_channels.testing.conformance.flow_runner import NOW
from messaging_channels.testing.conformance.rules import NotApplicable
from messaging_channels.testing.conformance.webhooks import RAISED, handle, samples
from messaging_channels.testing.fixtures import Webhook, sign_at


def unset_secret_refuses(context: ConformanceContext) -> Iterator[str]:
    """MC321."""
    webhook = samples(context)[0]
    for name in secret_settings(context):
        for provider in _without(context, name):
            if words := next(_problems_without_secret(context, provider, webhook), ""):
                yield f"without `{name}` a call {words}"
                return


def _problems_without_secret(
    context: ConformanceContext, provider: Provider, webhook: Webhook
) -> Iterator[str]:
    for secret in ("", "None", canaries.SECRET):
        told = _handled_with(context, provider, webhook, secret)
        if isinstance(told, str):
            yield from [f"is not refused: {told}"] if told.endswith(RAISED) else ()
        elif secret != canaries.SECRET:
            yield f"proved with {secret!r} is believed"


def _without(context: ConformanceContext, name: str) -> Iterator[Provider]:
    """Return the provider without a setting, and with an empty one. Without the secret there may be no provider: that is as good."""
    given = dict(context.fixtures.settings(context.url, canaries.SECRET))
    for left in ({key: value for key, value in given.items() if key != name}, {**given, name: ""}):
        provider = built_or_none(context, left)
        if provider is None:
            return
        yield provider


def _is_believed(context: ConformanceContext, provider: Provider, webhook: Webhook, secret: str) -> bool:
    return isinstance(_handled_with(context, provider, webhook, secret), WebhookResult)


def each_secret_is_believed(context: ConformanceContext) -> Iterator[str]:
    """MC323."""
    webhook = samples(context)[0]
    given, other = (
        dict(context.fixtures.settings(context.url, one)) for one in (canaries.SECRET, canaries.OTHER_SECRET)
    )
    found = [
        words
        for name in secret_settings(context)
        if (words := _problem_of_several(context, webhook, name, given, other)) is not None
    ]
    if not found:
        why = "no setting is a `SecretList`: the rule applies to settings that hold several secrets"
        raise NotApplicable(why)
    yield from filter(None, found)


def _problem_of_several(
    context: ConformanceContext,
    webhook: Webhook,
    name: str,
    given: Mapping[str, Any],
    other: Mapping[str, Any],
) -> str | None:
    """Say which of two secrets in a setting is refused: none if the text is empty. None where the setting holds one secret."""
    both = (_listed(other[name]), _listed(given[name]))
    provider = built_or_none(context, {**given, name: ",".join(map(",".join, both))})
    decides = all(both) and _proves_calls(context, webhook, {**given, name: other[name]})
    if provider is None or not decides:
        return None
    taken = [
        _is_believed(context, provider, webhook, one) for one in (canaries.OTHER_SECRET, canaries.SECRET)
    ]
    if all(taken):
        return ""
    refused = (
        f"with two secrets in `{name}` a call proved with the {'first' if taken[1] else 'second'} is refused"
    )
    return refused if _is_list(context, name) or _reads_each(context, name, given) else None


def _proves_calls(context: ConformanceContext, webhook: Webhook, of_another: Mapping[str, Any]) -> bool:
    """Whether a call is refused once one of the settings is of another account."""
    provider = built_or_none(context, of_another)
    return provider is not None and isinstance(
        _handled_with(context, provider, webhook, canaries.SECRET), str
    )


def secret_settings(context: ConformanceContext) -> list[str]:
    """Return the settings whose values depend on the secret."""
    given, other = (
        context.fixtures.settings(context.url, one) for one in (canaries.SECRET, canaries.OTHER_SECRET)
    )
    return [name for name, value in given.items() if repr(value) != repr(other.get(name))]


def built_or_none(context: ConformanceContext, given: Mapping[str, Any]) -> Provider | None:
    """Return the provider with these settings; None where they are refused."""
    try:
        return context.spec.build(context.spec.settings.model_validate(given))
    except Exception:  # noqa: BLE001  whatever the plugin raises
        return None


def _listed(value: object) -> list[str]:
    values: list[object] = list(cast("Any", value)) if isinstance(value, (list, tuple)) else [value]
    return [one for one in values if isinstance(one, str)]


def _reads_each(context: ConformanceContext, name: str, given: Mapping[str, Any]) -> bool:
    """Whether a setting that takes two secrets takes no secret with something else behind a comma: then each part is read."""
    text = ",".join((*_listed(given[name]), "*"))
    return built_or_none(context, {**given, name: text}) is None


def _is_list(context: ConformanceContext, name: str) -> bool:
    """Whether a setting is declared as a list of secrets."""
    declared = context.spec.settings.model_fields.get(name)
    return declared is not None and "tuple" in str(declared.annotation)


def _handled_with(
    context: ConformanceContext, provider: Provider, webhook: Webhook, secret: str
) -> WebhookResult | str:
    try:
        call = sign_at(context.fixtures, webhook.body, secret, NOW)
    except Exception as fault:  # noqa: BLE001  nobody can prove anything with nothing
        return type(fault).__name__
    return handle(provider, call)
