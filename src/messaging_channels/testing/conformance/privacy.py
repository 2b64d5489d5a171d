"""Rules on what must not be shown (MC4xx)."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from typing import Any, cast

from pydantic import ValidationError

from messaging_channels._model.errors import BadInput, MessagingError
from messaging_channels.messages import Message
from messaging_channels.plugins.exchange import HttpRequest, HttpResponse
from messaging_channels.plugins.provider import SupportsWebhooks
from messaging_channels.testing import canaries
from messaging_channels.testing.canaries import leaks
from messaging_channels.testing.conformance.context import Case
from messaging_channels.testing.conformance.flow_runner import Played
from messaging_channels.testing.conformance.malformed import at, leaves, parsed, replaced, written
from messaging_channels.testing.conformance.webhooks import heard

_STATUSES = (200, 400, 401, 403, 404, 429, 500)
_PERSONAL = ("the address", "the mail address", "the text")


def secrets_in_reprs(case: Case) -> Iterator[str]:
    """MC401."""
    for what, text in _reprs(case):
        if leaks(text, "the secret"):
            yield f"{what} shows the secret"


def addresses_in_reprs(case: Case) -> Iterator[str]:
    """MC402."""
    for what, text in _reprs(case):
        for name in leaks(text, *_PERSONAL):
            yield f"{what} shows {name}"


def urls(case: Case) -> Iterator[str]:
    """MC403."""
    case.http_only()
    for message in case.messages.values():
        for exchange in case.sent(case.envelope(message)).asked:
            for name in leaks(cast("HttpRequest", exchange).url):
                yield f"the URL that a {type(message).__name__} is sent to holds {name}"


def echoes(case: Case) -> Iterator[str]:
    """MC404."""
    last = case.http_only() - 1
    for status in _STATUSES:
        for body in _echoing(case):
            played = case.sent(at={last: HttpResponse(status, {}, body)})
            for one in played.outcomes:
                for name in leaks(one.detail):
                    yield f"HTTP {status} that quotes {name}: `detail` quotes it too"
                    return


def logs(case: Case) -> Iterator[str]:
    """MC405."""
    with _listening() as lines:
        _everything(case)
    for name in sorted({name for line in lines for name in leaks(line)}):
        yield f"{name} was logged"


def exceptions(case: Case) -> Iterator[str]:
    """MC406."""
    for fault in _faults(case):
        for name in leaks(f"{fault} {fault!r}"):
            yield f"a {type(fault).__name__} tells {name}"


def _reprs(case: Case) -> Iterator[tuple[str, str]]:
    yield "the provider", f"{case.provider!r} {case.provider}"
    yield "its settings", repr(_settings(case))
    for message in case.messages.values():
        played = case.sent(case.envelope(message))
        for exchange in played.asked:
            yield f"a {type(exchange).__name__}", repr(exchange)
        yield "an outcome", repr(played.result)
    if isinstance(case.provider, SupportsWebhooks) and case.vectors.sign_webhook:
        for webhook in case.vectors.webhooks:
            call = case.vectors.sign_webhook(webhook.body, canaries.SECRET)
            yield "an event", repr(heard(case.provider, call))


def _settings(case: Case) -> Any:  # noqa: ANN401  the plugin's own model
    return case.spec.settings.model_validate(case.vectors.settings("http://127.0.0.1:9", canaries.SECRET))


def _echoing(case: Case) -> Iterator[bytes]:
    """Return answers that quote the request: as plain words, and wherever a documented answer holds prose."""
    words = f"Not authorised: {canaries.SECRET} to {canaries.PHONE} or {canaries.MAIL}: {canaries.TEXT}"
    yield words.encode()
    for key in ("error", "message", "description", "detail", "errorMessage", "title"):
        yield written({key: words})
        yield written({"error": {key: words}})
    for answer in (*case.good.replies, *(reply for reply, _ in case.documented)):
        tree = parsed(answer.body) if isinstance(answer, HttpResponse) else None
        for path in [one for one in leaves(tree, (str,)) if _is_prose(tree, one)]:
            yield written(replaced(tree, path, words))


def _is_prose(tree: Any, path: Any) -> bool:  # noqa: ANN401  a tree of JSON
    return " " in at(tree, path)


def _everything(case: Case) -> None:
    """Go through sends that go well and badly, and the samples of webhooks."""
    case.build()
    for message in case.messages.values():
        case.sent(case.envelope(message))
    for index, reply in enumerate(case.good.replies):
        if isinstance(reply, HttpResponse):
            for status in _STATUSES:
                for body in _echoing(case):
                    case.sent(at={index: HttpResponse(status, {}, body)})
    for _ in _reprs(case):
        pass


@contextmanager
def _listening() -> Generator[list[str]]:
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


def _faults(case: Case) -> Iterator[BaseException]:
    """Return what is raised for settings and messages that cannot be used."""
    yield from _bad_settings(case)
    for message in case.messages.values():
        for field in fields(cast("Any", message)):
            played = _spoilt(case, message, field.name)
            if played is not None and played.raised is not None:
                yield played.raised


def _bad_settings(case: Case) -> Iterator[BaseException]:
    given = dict(case.vectors.settings("http://127.0.0.1:9", canaries.SECRET))
    known = case.spec.settings.model_fields
    for name in (*given, "unheard_of"):
        is_path = name in known and "Path" in str(known[name].annotation)
        texts = () if is_path else ("", f"\r\n{canaries.SECRET}")  # any text is a path, and may be made
        for value in (object(), None, *texts):
            try:
                case.spec.build(case.spec.settings.model_validate({**given, name: value}))
            except ValidationError as fault:
                yield fault
            except Exception as fault:  # noqa: BLE001  whatever the plugin raises
                yield fault


def _spoilt(case: Case, message: Message, name: str) -> Played | None:
    if name != "sender" and not isinstance(getattr(message, name), str):
        return None
    try:
        changed = replace(cast("Any", message), **{name: f"{canaries.TEXT}\x00{canaries.PHONE}"})
    except (BadInput, MessagingError):
        return None
    return case.sent(case.envelope(changed))
