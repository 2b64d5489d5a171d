"""Rules on what must not be shown (MC4xx)."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Generator, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import fields, replace
from io import StringIO
from typing import Any, cast

from pydantic import ValidationError

from messaging_channels._model import events
from messaging_channels._model.errors import BadInput, MessagingError
from messaging_channels.messages import Message
from messaging_channels.plugins.exchange import HttpRequest, HttpResponse
from messaging_channels.plugins.provider import Provider, SupportsWebhooks
from messaging_channels.plugins.webhooks import WebhookRequest, WebhookResult
from messaging_channels.testing import canaries
from messaging_channels.testing.canaries import find_leaks
from messaging_channels.testing.conformance.context import ConformanceContext
from messaging_channels.testing.conformance.fidelity import example_addresses
from messaging_channels.testing.conformance.flow_runner import NOW, FlowTrace
from messaging_channels.testing.conformance.malformed import (
    Path,
    leaf_paths,
    parse_json,
    to_json,
    value_at,
    with_value,
)
from messaging_channels.testing.conformance.webhook_bodies import body_of, tree_of
from messaging_channels.testing.conformance.webhooks import handle, told_by
from messaging_channels.testing.fixtures import sign_at

_STATUSES = (200, 400, 401, 403, 404, 429, 500)
_PERSON = re.compile(r"\+?[0-9]{10,15}(?![0-9])|[\w.+-]+@[\w.-]+\.\w+|" + canaries.TEXT)
"""What in a call is about a person: a number, a mail address, the kit's own text."""
_BAD_TEXTS = tuple(text % canaries.SECRET for text in ("\r\n%s", "%s\r\nx", "%s\x00", "%sé", "%s x"))
"""Values that a setting of any kind may refuse; the refusal must not show them."""
_PROOF_LENGTH = 15
_PROSE = re.compile(r"message$|text$|desc|detail|title|reason|^error$", re.IGNORECASE)
"""Names of fields in which vendors write prose."""
_PERSONAL = ("the address", "the mail address", "the text")


def reprs_show_no_secret(context: ConformanceContext) -> Iterator[str]:
    """MC401."""
    for what, text in _reprs(context):
        if find_leaks(text, "the secret"):
            yield f"{what} shows the secret"


def reprs_show_no_address(context: ConformanceContext) -> Iterator[str]:
    """MC402."""
    for what, text in _reprs(context):
        for name in find_leaks(text, *_PERSONAL):
            yield f"{what} shows {name}"


def urls_hold_no_personal_data(context: ConformanceContext) -> Iterator[str]:
    """MC403."""
    context.require_http()
    for message in context.messages.values():
        for exchange in context.send(context.envelope(message)).exchanges:
            for name in find_leaks(cast("HttpRequest", exchange).url):
                yield f"the URL that a {type(message).__name__} is sent to holds {name}"


def detail_quotes_no_personal_data(context: ConformanceContext) -> Iterator[str]:
    """MC404."""
    last = context.require_http() - 1
    bodies = list(_echoing_bodies(context))
    for status, body in ((status, body) for status in _STATUSES for body in bodies):
        played = context.send(replies_at={last: HttpResponse(status, {}, body)})
        for name in (name for one in played.results for name in find_leaks(one.detail)):
            yield f"HTTP {status} that quotes {name}: `detail` quotes it too"
            return
    yield from _details_of_reports(context)


def _details_of_reports(context: ConformanceContext) -> Iterator[str]:
    """Put a person's data where the vendor's reports hold prose: `detail` and `reason` of the events are logged."""
    given, provider = context.fixtures, context.provider
    if not isinstance(provider, SupportsWebhooks) or given.sign_webhook is None:
        return
    words = f"Refused: {canaries.PHONE} or {canaries.MAIL}: {canaries.TEXT}"
    for number, webhook in enumerate(given.webhooks):
        for body in _with_prose(webhook.body, words):
            told = handle(provider, sign_at(given, body, canaries.SECRET, NOW))
            if names := _quoted(told):
                yield f"call {number} with {names[0]} in the vendor's words: `detail` or `reason` of the event quotes it"
                return


def _with_prose(body: bytes, words: str) -> Iterator[bytes]:
    """Return a call with these words in the place of each prose that it holds."""
    tree = parse_json(body)
    return (
        to_json(with_value(tree, path, words)) for path in leaf_paths(tree, (str,)) if _is_prose(tree, path)
    )


def _quoted(told: WebhookResult | str) -> list[str]:
    """Return which marks turn up in what operators read of events."""
    found = () if isinstance(told, str) else told.events
    shown = [f"{getattr(one, 'detail', '')} {getattr(one, 'reason', '')}" for one in found]
    return find_leaks(" ".join(shown), *_PERSONAL)


def logs_hold_no_personal_data(context: ConformanceContext) -> Iterator[str]:
    """MC405."""
    printed = StringIO()
    with (
        _captured_logs() as lines,
        redirect_stdout(printed),
        redirect_stderr(printed),
        warnings.catch_warnings(record=True) as warned,
    ):
        warnings.simplefilter("always")
        _exercise_all(context)
    lines += [str(one.message) for one in warned]
    for name in find_leaks(printed.getvalue()):
        yield f"{name} was printed"
    for name in sorted({name for line in lines for name in find_leaks(line)}):
        yield f"{name} was logged"


def exceptions_hold_no_personal_data(context: ConformanceContext) -> Iterator[str]:
    """MC406."""
    for fault in _raised_exceptions(context):
        for name in find_leaks(f"{fault} {fault!r}"):
            yield f"a {type(fault).__name__} tells {name}"
    yield from _addresses_in_exceptions(context)
    for fault, call in _refusals(context):
        if words := _told_by_refusal(f"{fault} {fault!r}", call):
            yield f"the refusal of a call tells {words}"
            return


def _addresses_in_exceptions(context: ConformanceContext) -> Iterator[str]:
    """Send to addresses of every kind, and look at what is raised for those that are refused."""
    for message in context.messages.values():
        for to in example_addresses(context, message):
            fault = context.send(replace(context.envelope(message), to=to)).exception
            if fault is not None and to.plain in f"{fault} {fault!r}":
                yield f"a {type(fault).__name__} tells the address of a {type(to).__name__}"
                return


def _told_by_refusal(shown: str, call: WebhookRequest) -> str:
    """Say what a refusal tells that nobody should read: the secret, the proof that was given, or a person in the call."""
    if find_leaks(shown, "the secret"):
        return "the secret"
    for name, value in call.headers.items():
        if (
            len(value) > _PROOF_LENGTH
            and value.rpartition(" ")[2] in shown
            and name.lower() != "content-type"
        ):
            return f"the value of {name!r}"
    body = call.body.decode("latin-1").replace("%2B", "+").replace("%40", "@")
    told = next((one for one in sorted(set(_PERSON.findall(body))) if one in shown), "")
    return f"{told[:3]}…, which stands in the call" if told else ""


def _reprs(context: ConformanceContext) -> Iterator[tuple[str, str]]:
    yield "the provider", f"{context.provider!r} {context.provider}"
    yield "its settings", repr(_settings(context))
    for message in context.messages.values():
        played = context.send(context.envelope(message))
        for exchange in played.exchanges:
            yield f"a {type(exchange).__name__}", repr(exchange)
        yield "an outcome", repr(played.result)
    if isinstance(context.provider, SupportsWebhooks) and context.fixtures.sign_webhook:
        for webhook in context.fixtures.webhooks:
            call = sign_at(context.fixtures, webhook.body, canaries.SECRET, NOW)
            yield "an event", repr(handle(context.provider, call))


def _settings(context: ConformanceContext) -> Any:  # noqa: ANN401  the plugin's own model
    return context.spec.settings.model_validate(
        context.fixtures.settings("http://127.0.0.1:9", canaries.SECRET)
    )


def _echoing_bodies(context: ConformanceContext) -> Iterator[bytes]:
    """Return answers that quote the request: as plain words, and wherever a documented answer holds prose."""
    words = f"Not authorized: {canaries.SECRET} to {canaries.PHONE} or {canaries.MAIL}: {canaries.TEXT}"
    yield words.encode()
    for key in ("error", "message", "description", "detail", "errorMessage", "title"):
        yield to_json({key: words})
        yield to_json({"error": {key: words}})
    seen: set[tuple[bool, str, Path]] = set()
    successes = context.successful_send.replies
    for number, answer in enumerate((*successes, *(reply for reply, _ in context.documented_responses))):
        tree: Any = parse_json(answer.body) if isinstance(answer, HttpResponse) else None
        for path in leaf_paths(tree, (str,)):
            place = (number < len(successes), type(tree).__name__, path)
            if place not in seen and _is_prose(tree, path):
                seen.add(place)
                yield to_json(with_value(tree, path, words))


def _is_prose(tree: Any, path: Path) -> bool:  # noqa: ANN401  a tree of JSON
    return " " in value_at(tree, path) or bool(path and _PROSE.search(str(path[-1])))


def _exercise_all(context: ConformanceContext) -> None:
    """Go through sends that go well and badly, and the samples of webhooks."""
    context.build()
    for message in context.messages.values():
        context.send(context.envelope(message))
    bodies = list(_echoing_bodies(context))
    for index, reply in enumerate(context.successful_send.replies):
        for status in _STATUSES if isinstance(reply, HttpResponse) else ():
            for body in bodies:
                context.send(replies_at={index: HttpResponse(status, {}, body)})
    for _ in _reprs(context):
        pass
    for body in _with_received_text(context):
        told_by(context, body)


def _with_received_text(context: ConformanceContext) -> Iterator[bytes]:
    """Return the vendor's calls with the kit's text in the place of what a person wrote."""
    if not isinstance(context.provider, SupportsWebhooks) or context.fixtures.sign_webhook is None:
        return
    for webhook in context.fixtures.webhooks:
        texts, tree = _received_texts(told_by(context, webhook.body)), tree_of(webhook.body)
        for path in leaf_paths(tree, (str,)):
            if value_at(tree, path) in texts:
                yield body_of(webhook.body, with_value(tree, path, canaries.TEXT))


def _received_texts(told: WebhookResult | str) -> set[str]:
    found = told.events if isinstance(told, WebhookResult) else ()
    return {one.text for one in found if isinstance(one, events.MessageReceived) and one.text}


@contextmanager
def _captured_logs() -> Generator[list[str]]:
    """Hear everything that is logged meanwhile, at every level."""
    lines: list[str] = []
    root, handler = logging.getLogger(), logging.Handler(logging.DEBUG)
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        root.setLevel(level)
        root.removeHandler(handler)


def _raised_exceptions(context: ConformanceContext) -> Iterator[BaseException]:
    """Return what is raised for settings and messages that cannot be used."""
    yield from _settings_errors(context)
    yield from _errors_without_a_setting(context)
    for message in context.messages.values():
        for field in fields(cast("Any", message)):
            played = _spoilt(context, message, field.name)
            if played is not None and played.exception is not None:
                yield played.exception


def _refusals(context: ConformanceContext) -> Iterator[tuple[Exception, WebhookRequest]]:
    """Return what is raised for calls that are not proved, with the calls."""
    given, provider = context.fixtures, context.provider
    if not isinstance(provider, SupportsWebhooks) or given.sign_webhook is None:
        return
    bodies = [webhook.body for webhook in given.webhooks]
    if given.inbound_body is not None:
        bodies.append(given.inbound_body(canaries.PHONE, "447700900000", canaries.TEXT))
    for body in bodies:
        call = sign_at(given, body, canaries.SECRET, NOW)
        wrong = sign_at(given, body, canaries.OTHER_SECRET, NOW)
        for each in (
            wrong,
            replace(call, headers={}),
            replace(call, headers=dict.fromkeys(call.headers, "0")),
        ):
            try:
                provider.handle_webhook(each)
            except Exception as fault:  # noqa: BLE001  whatever the plugin raises
                yield fault, each


def _settings_errors(context: ConformanceContext) -> Iterator[BaseException]:
    given = dict(context.fixtures.settings("http://127.0.0.1:9", canaries.SECRET))
    known = context.spec.settings.model_fields
    for name in (*given, "unheard_of"):
        is_path = name in known and "Path" in str(known[name].annotation)
        texts = () if is_path else ("", *_BAD_TEXTS)  # any text is a path, and may be made
        for value in (object(), None, *texts):
            try:
                context.spec.build(context.spec.settings.model_validate({**given, name: value}))
            except ValidationError as fault:
                yield fault
            except Exception as fault:  # noqa: BLE001  whatever the plugin raises
                yield fault


def _errors_without_a_setting(context: ConformanceContext) -> Iterator[BaseException]:
    """Leave out each setting that need not be there, and return what is raised for messages then."""
    for provider in _providers_without_a_setting(context):
        for message in context.messages.values():
            played = context.send(context.envelope(message), provider=provider)
            if played.exception is not None:
                yield played.exception


def _providers_without_a_setting(context: ConformanceContext) -> Iterator[Provider]:
    given = dict(context.fixtures.settings(context.url, canaries.SECRET))
    for name in given:
        left = {key: value for key, value in given.items() if key != name}
        try:
            provider = context.spec.build(context.spec.settings.model_validate(left))
        except Exception:  # noqa: BLE001, S112  it is needed; what was raised is looked at elsewhere
            continue
        if name != "base_url" or "base_url" not in context.spec.settings.model_fields:
            yield provider


def _spoilt(case: ConformanceContext, message: Message, name: str) -> FlowTrace | None:
    if name != "sender" and not isinstance(getattr(message, name), str):
        return None
    try:
        changed = replace(cast("Any", message), **{name: f"{canaries.TEXT}\x00{canaries.PHONE}"})
    except (BadInput, MessagingError):
        return None
    return case.send(case.envelope(changed))
