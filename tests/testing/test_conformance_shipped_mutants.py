"""Faults put into the shipped plugins, in what leaves them and in what they tell: their own fixtures find each."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from messaging_channels._config.plugin_manager import load_plugins
from messaging_channels.events import Event, MessageReceived, StatusChanged
from messaging_channels.plugins import HttpRequest, ProviderSpec, WebhookRequest, WebhookResult, status
from messaging_channels.testing.conformance import RuleResult, check_rules
from messaging_channels.testing.vendor_webhooks import fixtures_of

pytestmark = pytest.mark.slow

Alter = Callable[[dict[str, Any]], None]
Tell = Callable[[Sequence[Event]], Sequence[Event]]


class Faulty:
    """A provider whose JSON requests or whose events are altered."""

    def __init__(self, inner: Any, alter: Alter | None, tell: Tell | None) -> None:
        self._inner, self._alter, self._tell = inner, alter, tell

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def send(self, batch: Any) -> Generator[Any, Any, Any]:
        flow = self._inner.send(batch)
        answer: Any = None
        while True:
            try:
                exchange = flow.send(answer)
            except StopIteration as end:
                return end.value
            try:
                answer = yield self._altered(exchange)
            except Exception as fault:  # noqa: BLE001  whatever is thrown into the flow goes on
                exchange = flow.throw(fault)

    def _altered(self, exchange: Any) -> Any:
        if self._alter is None or not isinstance(exchange, HttpRequest) or exchange.body[:1] != b"{":
            return exchange
        told = json.loads(exchange.body)
        self._alter(told)
        return HttpRequest(exchange.method, exchange.url, exchange.headers, json.dumps(told).encode())

    def handle_webhook(self, request: WebhookRequest) -> WebhookResult:
        told = self._inner.handle_webhook(request)
        return told if self._tell is None else replace(told, events=tuple(self._tell(told.events)))


def _places(told: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        place for one in told.get("messages", ()) for place in one.get("destinations", ()) if "to" in place
    ]


def _first_recipient_for_all(told: dict[str, Any]) -> None:
    for place in _places(told):
        place["to"] = _places(told)[0]["to"]


def _ids_change_places(told: dict[str, Any]) -> None:
    places = _places(told)
    for place, other in zip(places, [one["messageId"] for one in reversed(places)], strict=True):
        place["messageId"] = other


def _milliseconds(told: dict[str, Any]) -> None:
    for one in told.get("messages", ()):
        period = one.get("options", {}).get("validityPeriod")
        if period:
            period["amount"] *= 1000


def _without(*path: str) -> Alter:
    def alter(told: dict[str, Any]) -> None:
        held: Any = told
        for name in path[:-1]:
            held = held.get(name) or {}
        held.pop(path[-1], None)

    return alter


def _first_row_only(told: dict[str, Any]) -> None:
    for section in told.get("interactive", {}).get("action", {}).get("sections", ()):
        for name in ("rows", "product_items"):
            if name in section:
                section[name] = section[name][:1]


def _buttons_reversed(told: dict[str, Any]) -> None:
    for one in told.get("template", {}).get("components", ()):
        if one["type"] == "button":
            one["index"] = str(9 - int(one["index"]))


def _ids_for_titles(told: dict[str, Any]) -> None:
    for one in told.get("interactive", {}).get("action", {}).get("buttons", ()):
        held = one.get("reply", {})
        held["id"], held["title"] = held.get("title"), held.get("id")


def _each(kind: type[Event], **fields: Callable[[Any], Any]) -> Tell:
    def tell(told: Sequence[Event]) -> Sequence[Event]:
        return [
            replace(one, **{name: change(getattr(one, name)) for name, change in fields.items()})  # type: ignore[type-var]
            if isinstance(one, kind)
            else one
            for one in told
        ]

    return tell


MUTANTS: Mapping[str, tuple[str, str, Alter | None, Tell | None]] = {
    "all of a batch go to the first": ("infobip", "MC109", _first_recipient_for_all, None),
    "the ids of a batch change places": ("infobip", "MC109", _ids_change_places, None),
    "a period is in milliseconds": ("infobip", "MC109", _milliseconds, None),
    "the answered message is left out": ("infobip", "MC109", _without("context"), None),
    "the caption is left out": ("infobip", "MC109", _without("content", "caption"), None),
    "only the first row of a section is sent": ("whatsapp-cloud", "MC109", _first_row_only, None),
    "the buttons of a template change places": ("whatsapp-cloud", "MC109", _buttons_reversed, None),
    "ids and titles of buttons change places": ("whatsapp-cloud", "MC109", _ids_for_titles, None),
    "the footer is left out": ("whatsapp-cloud", "MC109", _without("interactive", "footer"), None),
    "the preview is left out": ("whatsapp-cloud", "MC109", _without("text", "preview_url"), None),
    "the SMS that follows is left out": ("vonage", "MC109", _without("failover"), None),
    "the name of a document is left out": ("vonage", "MC109", _without("file", "name"), None),
    "every report is one of delivery": (
        "infobip",
        "MC312",
        None,
        _each(StatusChanged, status=lambda _: status.DELIVERED_TO_HANDSET),
    ),
    "times are in milliseconds": (
        "whatsapp-cloud",
        "MC312",
        None,
        _each(StatusChanged, occurred_at=lambda at: at * 1000),
    ),
    "a report names the vendor's id as ours": (
        "whatsapp-cloud",
        "MC312",
        None,
        _each(StatusChanged, message_id=lambda _: "wamid.1"),
    ),
    "the second report of a call is dropped": ("infobip", "MC301", None, lambda told: told[:1]),
    "files are dropped": ("twilio", "MC312", None, _each(MessageReceived, media=lambda _: ())),
    "the code of a failure is dropped": (
        "vonage",
        "MC312",
        None,
        _each(StatusChanged, vendor_code=lambda _: ""),
    ),
    "whom a report is about is dropped": (
        "smtp",
        "MC312",
        None,
        _each(StatusChanged, recipient=lambda _: None),
    ),
}


@cache
def _of_the_plugin_itself(name: str, rule: str) -> RuleResult:
    loaded, fixtures = load_plugins(), fixtures_of(name)
    assert fixtures is not None
    (result,) = check_rules(loaded.provider(name), fixtures, tuple(loaded.channels), 1, [rule])
    return result


@pytest.mark.parametrize("words", MUTANTS)
def test_a_fault_in_a_shipped_plugin_is_found(words: str) -> None:
    name, rule, alter, tell = MUTANTS[words]
    loaded = load_plugins()
    spec, fixtures = loaded.provider(name), fixtures_of(name)
    assert fixtures is not None
    broken = ProviderSpec(
        spec.name,
        spec.settings,
        lambda given: Faulty(spec.build(given), alter, tell),  # type: ignore[arg-type, return-value]
    )

    sound = _of_the_plugin_itself(name, rule)
    (result,) = check_rules(broken, fixtures, tuple(loaded.channels), 1, [rule])

    assert not sound.findings
    assert [one for one in result.findings if "could not be checked" not in str(one)]
