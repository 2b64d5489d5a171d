"""Mistakes in the source of the shipped plugins Telnyx and Postmark: what is wrong, the rule that finds it, the file, what stands there, and the mistake."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

SOURCE_MUTANTS: tuple[tuple[str, str, str, str, str], ...] = (
    (
        "telnyx: plus on user id",
        "MC109",
        "provider.py",
        "to.e164 if isinstance(to, PhoneNumber) else to.plain",
        'to.e164 if isinstance(to, PhoneNumber) else "+" + to.plain',
    ),
    (
        "telnyx: profile never sent",
        "MC109",
        "provider.py",
        '**({"messaging_profile_id": self._profile} if self._profile else {}),',
        "",
    ),
    (
        "telnyx: our id not handed over",
        "MC109",
        "provider.py",
        "report_url(self._webhook_url, envelope.id)",
        "self._webhook_url",
    ),
    (
        "telnyx: fixed idempotency key",
        "MC109",
        "provider.py",
        'key = {"idempotency-key": envelope.id}',
        'key = {"idempotency-key": "k-1"}',
    ),
    (
        "telnyx: idempotency key of the text only",
        "MC109",
        "provider.py",
        'key = {"idempotency-key": envelope.id} if _KEY.fullmatch(envelope.id) else {}',
        'key = {"idempotency-key": __import__("hashlib").sha1(getattr(message, "text", "x").encode("utf-8","replace")).hexdigest()}',
    ),
    (
        "telnyx: idempotency key never sent",
        "MC109",
        "provider.py",
        'key = {"idempotency-key": envelope.id} if _KEY.fullmatch(envelope.id) else {}',
        "key = {}",
    ),
    (
        "telnyx: wrong path",
        "MC109",
        "provider.py",
        "default=_API)}/v2/messages",
        "default=_API)}/v1/messages",
    ),
    (
        "telnyx: wrong auth scheme",
        "MC109",
        "provider.py",
        '"authorization": f"Bearer {key}"',
        '"authorization": f"Basic {key}"',
    ),
    (
        "telnyx: cut at 1600",
        "MC109",
        "requests.py",
        '"text": message.text}\n    words',
        '"text": message.text[:1600]}\n    words',
    ),
    (
        "telnyx: NFKC",
        "MC109",
        "requests.py",
        '"text": message.text}\n    words',
        '"text": __import__("unicodedata").normalize("NFKC", message.text)}\n    words',
    ),
    (
        "telnyx: plus lost",
        "MC109",
        "requests.py",
        '"text": message.text}\n    words',
        '"text": message.text.replace("+", " ")}\n    words',
    ),
    (
        "telnyx: media sorted set",
        "MC109",
        "requests.py",
        "list(message.media)}",
        "sorted(set(message.media))[:10]}",
    ),
    ("telnyx: emoji fixed", "MC109", "requests.py", '"emoji": message.emoji}', '"emoji": "👍"}'),
    ("telnyx: language fixed", "MC109", "requests.py", '{"code": message.language}', '{"code": "en"}'),
    (
        "telnyx: language cut",
        "MC109",
        "requests.py",
        '{"code": message.language}',
        '{"code": message.language[:2]}',
    ),
    (
        "telnyx: language lowercase",
        "MC109",
        "requests.py",
        '{"code": message.language}',
        '{"code": message.language.lower()}',
    ),
    (
        "telnyx: claims uploads",
        "MC101",
        "provider.py",
        "m.WhatsAppLocationRequest: _SENDER,\n        }\n    )",
        "m.WhatsAppLocationRequest: _SENDER,\n        }, uploads_media=True\n    )",
    ),
    (
        "telnyx: id cut",
        "MC219",
        "responses.py",
        'text_at(told, "data", "id")',
        '(text_at(told, "data", "id") or "")[:20]',
    ),
    (
        "telnyx: unknown throttled",
        "MC215",
        "responses.py",
        "reason = REASONS.get(code)",
        "reason = REASONS.get(code, Reason.THROTTLED)",
    ),
    (
        "telnyx: raw of refusal lost",
        "MC203",
        "responses.py",
        "raw_response=told,\n        **FAILURES",
        "**FAILURES",
    ),
    (
        "telnyx: 503 throttled",
        "MC206",
        "responses.py",
        "return result_from_status(response, describe_code(code), is_from_provider=has_errors)",
        "return result_from_status(response, describe_code(code)) if response.status != 503 else AttemptResult.of(Reason.THROTTLED)",
    ),
    (
        "telnyx: 504 invalid",
        "MC206",
        "responses.py",
        "return result_from_status(response, describe_code(code), is_from_provider=has_errors)",
        "return result_from_status(response, describe_code(code)) if response.status != 504 else AttemptResult.of(Reason.INVALID)",
    ),
    (
        "telnyx: STOP throttled",
        "MC208",
        "_table_errors.py",
        '("40300", "the person wrote STOP", FailureReason.OPTED_OUT, Reason.RECIPIENT)',
        '("40300", "the person wrote STOP", FailureReason.OPTED_OUT, Reason.THROTTLED)',
    ),
    (
        "telnyx: bad number passes on",
        "MC208",
        "_table_errors.py",
        '("40012", "the recipient\'s number is invalid", FailureReason.INVALID_ADDRESS, Reason.RECIPIENT)',
        '("40012", "the recipient\'s number is invalid", FailureReason.INVALID_ADDRESS, Reason.NO_COVERAGE)',
    ),
    (
        "telnyx: no funds is recipient",
        "MC208",
        "_table_errors.py",
        '("20100", "no funds", FailureReason.NO_CREDIT, Reason.INSUFFICIENT_CREDIT)',
        '("20100", "no funds", FailureReason.NO_CREDIT, Reason.RECIPIENT)',
    ),
    (
        "telnyx: 429 code invalid",
        "MC208",
        "_table_errors.py",
        '("10011", "too many requests", FailureReason.THROTTLED, Reason.THROTTLED)',
        '("10011", "too many requests", FailureReason.THROTTLED, Reason.INVALID)',
    ),
    ("telnyx: class keys", "MC323", "provider.py", "self._keys = parse", "Telnyx._keys = parse"),
    (
        "telnyx: class webhook url",
        "MC507",
        "provider.py",
        "self._webhook_url = require",
        "Telnyx._webhook_url = require",
    ),
    (
        "telnyx: key in error",
        "MC406",
        "provider.py",
        '"must be a key of printable ASCII characters"',
        'f"must be a key of printable ASCII characters, not {key}"',
    ),
    (
        "telnyx: empty signature ok",
        "MC304",
        "webhook_auth.py",
        "if not any(ed25519_matches(key, signed, signature) for key in keys):",
        "if signature and not any(ed25519_matches(key, signed, signature) for key in keys):",
    ),
    ("telnyx: 3 hours", "MC316", "webhook_auth.py", "_MAX_AGE = 300.0", "_MAX_AGE = 3600.0 * 3"),
    ("telnyx: 2 seconds", "MC316", "webhook_auth.py", "_MAX_AGE = 300.0", "_MAX_AGE = 2.0"),
    (
        "telnyx: only first key of a rotation",
        "MC323",
        "webhook_auth.py",
        "split_secrets(value)]",
        "split_secrets(value)][:1]",
    ),
    (
        "telnyx: keys in error",
        "MC406",
        "webhook_auth.py",
        '"the signature does not match", "check',
        'f"the signature {given} does not match {keys}", "check',
    ),
    ("telnyx: arrival time", "MC312", "webhooks.py", 'at = timestamp(data.get("occurred_at"))', "at = None"),
    (
        "telnyx: event id is type",
        "MC322",
        "webhooks.py",
        'event_id = text_at(data, "id") or sha256(request.body).hexdigest()',
        'event_id = text_at(data, "event_type") or "x"',
    ),
    (
        "telnyx: event id is message id",
        "MC322",
        "webhooks.py",
        'event_id = text_at(data, "id") or sha256(request.body).hexdigest()',
        'event_id = text_at(payload, "id") or "x"',
    ),
    (
        "telnyx: unknown delivered",
        "MC314",
        "webhooks.py",
        "if state not in STATUSES:\n            continue",
        'if state not in STATUSES:\n            state = "delivered"',
    ),
    (
        "telnyx: unknown failed",
        "MC314",
        "webhooks.py",
        "if state not in STATUSES:\n            continue",
        'if state not in STATUSES:\n            state = "delivery_failed"',
    ),
    (
        "telnyx: first recipient only",
        "MC301",
        "webhooks.py",
        'enumerate(_objects(payload.get("to")))',
        'enumerate(_objects(payload.get("to"))[:1])',
    ),
    (
        "telnyx: two recipients same key",
        "MC319",
        "webhooks.py",
        'event_id": f"{event_id}:{place}" if place else event_id',
        'event_id": event_id',
    ),
    (
        "telnyx: code fixed",
        "MC312",
        "webhooks.py",
        "FAILURES.fields(code, error_text(payload))",
        'FAILURES.fields("40001", error_text(payload))',
    ),
    ("telnyx: media lost", "MC312", "webhooks.py", '"media": tuple(files)', '"media": ()'),
    (
        "telnyx: first media only",
        "MC312",
        "webhooks.py",
        '"media": tuple(files)',
        '"media": tuple(files[:1])',
    ),
    (
        "telnyx: inbound id is event",
        "MC312",
        "webhooks.py",
        '"provider_id": payload["id"],\n        "sender"',
        '"provider_id": event_id,\n        "sender"',
    ),
    (
        "telnyx: reply_to lost",
        "MC312",
        "webhooks.py",
        '"reply_to": _first(text_at(own, "message_id"), text_at(body, "context", "id"))',
        '"reply_to": None',
    ),
    (
        "telnyx: payload lost",
        "MC312",
        "webhooks.py",
        '"payload": _first(text_at(reply, "id"), text_at(own, "payload"), text_at(own, "emoji"))',
        '"payload": None',
    ),
    ("telnyx: location lost", "MC312", "webhooks.py", '"location": _location(own)', '"location": None'),
    (
        "telnyx: inbound lat/long swap",
        "MC312",
        "webhooks.py",
        'latitude, longitude = float(place["latitude"]), float(place["longitude"])',
        'longitude, latitude = float(place["latitude"]), float(place["longitude"])',
    ),
    ("telnyx: start lost", "MC301", "webhooks.py", '"START": OptedIn,', ""),
    (
        "telnyx: unconfirmed delivered",
        "MC312",
        "responses.py",
        '"delivery_unconfirmed": statuses.known(1, 3)',
        '"delivery_unconfirmed": statuses.DELIVERED_TO_HANDSET',
    ),
    (
        "telnyx: unconfirmed failed",
        "MC312",
        "responses.py",
        '"delivery_unconfirmed": statuses.known(1, 3)',
        '"delivery_unconfirmed": statuses.known(2, 9)',
    ),
    (
        "telnyx: sending_failed pending",
        "MC312",
        "responses.py",
        '"sending_failed": statuses.known(2, 9)',
        '"sending_failed": statuses.PENDING_ENROUTE',
    ),
    (
        "telnyx: sending_failed unknown",
        "MC301",
        "responses.py",
        '"sending_failed": statuses.known(2, 9),',
        "",
    ),
    (
        "telnyx: read pending",
        "MC312",
        "responses.py",
        '"read": statuses.DELIVERED_TO_HANDSET',
        '"read": statuses.PENDING_ENROUTE',
    ),
    (
        "postmark: subject cut",
        "MC109",
        "requests.py",
        '"Subject": message.subject',
        '"Subject": message.subject[:50]',
    ),
    (
        "postmark: subject cut 200",
        "MC109",
        "requests.py",
        '"Subject": message.subject',
        '"Subject": message.subject[:200]',
    ),
    (
        "postmark: subject ascii",
        "MC109",
        "requests.py",
        '"Subject": message.subject',
        '"Subject": message.subject.encode("ascii","ignore").decode()',
    ),
    ("postmark: tag lost", "MC102", "requests.py", '"Tag": options.tag', '"Tag": None'),
    (
        "postmark: track opens lost",
        "MC102",
        "requests.py",
        '"TrackOpens": options.track_opens',
        '"TrackOpens": None',
    ),
    (
        "postmark: track links fixed",
        "MC102",
        "requests.py",
        '"TrackLinks": options.track_links',
        '"TrackLinks": "None"',
    ),
    (
        "postmark: same name overwritten",
        "MC109",
        "requests.py",
        "for one in message.attachments] or None",
        "for one in {a.filename: a for a in message.attachments}.values()] or None",
    ),
    (
        "postmark: metadata lost",
        "MC102",
        "requests.py",
        '"Metadata": {**options.metadata, MESSAGE_ID: envelope.id}',
        '"Metadata": {MESSAGE_ID: envelope.id}',
    ),
    (
        "postmark: stream ignored",
        "MC102",
        "requests.py",
        '"MessageStream": options.message_stream or stream',
        '"MessageStream": stream',
    ),
    ("postmark: auto submitted", "MC102", "requests.py", "if message.auto_submitted:", "if False:"),
    ("postmark: list id brackets", "MC109", "requests.py", 'f"<{message.list_id}>"', "message.list_id"),
    (
        "postmark: semicolons",
        "MC109",
        "requests.py",
        '", ".join(map(format_address, addresses))',
        '"; ".join(map(format_address, addresses))',
    ),
    (
        "postmark: name ascii",
        "MC109",
        "requests.py",
        '"Name": attachment.filename',
        '"Name": attachment.filename.encode("ascii","ignore").decode()',
    ),
    ("postmark: list_id undeclared", "MC103", "provider.py", '"list_id",\n', ""),
    (
        "postmark: path",
        "MC109",
        "provider.py",
        'f"{_base_url(base_url)}/email/batch"',
        'f"{_base_url(base_url)}/email"',
    ),
    (
        "postmark: other token header",
        "MC109",
        "provider.py",
        '"x-postmark-server-token": token',
        '"x-postmark-account-token": token',
    ),
    (
        "postmark: class auth",
        "MC323",
        "provider.py",
        "self._webhook_auth = BasicAuth(",
        "Postmark._webhook_auth = BasicAuth(",
    ),
    (
        "postmark: class sender",
        "MC507",
        "provider.py",
        "self._sender = _sender",
        "Postmark._sender = _sender",
    ),
    (
        "postmark: message text in detail",
        "MC404",
        "responses.py",
        "_notice(told), provider_id",
        'str(told.get("Message")), provider_id',
    ),
    (
        "postmark: unknown recipient",
        "MC215",
        "responses.py",
        "(Reason.SERVER_ERROR if code in _INTERNAL else Reason.INVALID)",
        "Reason.RECIPIENT",
    ),
    ("postmark: not marked", "MC216", "responses.py", "request_rejected=rejected", "request_rejected=False"),
    (
        "postmark: always marked",
        "MC220",
        "responses.py",
        "request_rejected=rejected",
        "request_rejected=True",
    ),
    (
        "postmark: 100 invalid",
        "MC208",
        "_table_errors.py",
        '(100, "Maintenance", Reason.THROTTLED',
        '(100, "Maintenance", Reason.INVALID',
    ),
    (
        "postmark: 410 recipient",
        "MC208",
        "_table_errors.py",
        '(410, "Too many batch messages", Reason.INVALID',
        '(410, "Too many batch messages", Reason.RECIPIENT',
    ),
    (
        "postmark: 411 throttled",
        "MC208",
        "_table_errors.py",
        '(411, "Forbidden attachment type", Reason.INVALID',
        '(411, "Forbidden attachment type", Reason.THROTTLED',
    ),
    (
        "postmark: 409",
        "MC208",
        "_table_errors.py",
        '(409, "JSON required", Reason.INVALID',
        '(409, "JSON required", Reason.NO_COVERAGE',
    ),
    (
        "postmark: 413",
        "MC208",
        "_table_errors.py",
        '(413, "Account may not send", Reason.CREDENTIALS',
        '(413, "Account may not send", Reason.RECIPIENT',
    ),
    (
        "postmark: 401",
        "MC208",
        "_table_errors.py",
        '(401, "Sender signature not confirmed", Reason.POLICY',
        '(401, "Sender signature not confirmed", Reason.RECIPIENT',
    ),
    (
        "postmark: transient failed",
        "MC312",
        "_table_errors.py",
        '("Transient", "Delayed; Postmark tries again", (1, 7)',
        '("Transient", "Delayed; Postmark tries again", (2, 9)',
    ),
    (
        "postmark: dns delivered",
        "MC312",
        "_table_errors.py",
        '("DnsError", "Temporary error of the domain name system", (1, 7)',
        '("DnsError", "Temporary error of the domain name system", (3, 5)',
    ),
    (
        "postmark: blocked pending",
        "MC312",
        "_table_errors.py",
        '("Blocked", "Blocked by the mailbox provider", (2, 4)',
        '("Blocked", "Blocked by the mailbox provider", (1, 7)',
    ),
    (
        "postmark: bad address dropped",
        "MC301",
        "_table_errors.py",
        '("BadEmailAddress", "No valid address", (5, 52), FailureReason.INVALID_ADDRESS)',
        '("BadEmailAddress", "No valid address", None, None)',
    ),
    (
        "postmark: unknown delivered",
        "MC312",
        "webhooks.py",
        "read = _READERS.get(report.kind)",
        "read = _READERS.get(report.kind, _delivery)",
    ),
    (
        "postmark: deact failure",
        "MC312",
        "_table_errors.py",
        '("ManuallyDeactivated", "Deactivated by hand in Postmark", (2, 31), FailureReason.SUPPRESSED)',
        '("ManuallyDeactivated", "Deactivated by hand in Postmark", (2, 31), FailureReason.UNKNOWN)',
    ),
    (
        "postmark: case-insensitive",
        "MC304",
        "webhook_auth.py",
        'same = hmac.compare_digest(given.strip().encode("utf-8", "surrogatepass"), expected.encode())',
        'same = hmac.compare_digest(given.strip().lower().encode("utf-8", "surrogatepass"), expected.lower().encode())',
    ),
    (
        "postmark: prefix 40",
        "MC302",
        "webhook_auth.py",
        'same = hmac.compare_digest(given.strip().encode("utf-8", "surrogatepass"), expected.encode())',
        'same = hmac.compare_digest(given.strip()[:40].encode("utf-8", "surrogatepass"), expected[:40].encode())',
    ),
    (
        "postmark: empty ok",
        "MC304",
        "webhook_auth.py",
        'same = hmac.compare_digest(given.strip().encode("utf-8", "surrogatepass"), expected.encode())',
        'same = not given or hmac.compare_digest(given.strip().encode("utf-8", "surrogatepass"), expected.encode())',
    ),
    (
        "postmark: secret in error",
        "MC406",
        "webhook_auth.py",
        '"the user name or the password does not fit",',
        'f"the password {given} does not fit {expected}",',
    ),
    (
        "postmark: unknown delivered",
        "MC312",
        "webhooks.py",
        "read = _READERS.get(report.kind)",
        "read = _READERS.get(report.kind, _delivery)",
    ),
    ("postmark: words in detail", "MC312", "webhooks.py", "detail=kind,", "detail=words,"),
    (
        "postmark: always marketing",
        "MC312",
        "webhooks.py",
        'narrow = "marketing" if stream in report.marketing_streams else ""',
        'narrow = "marketing"',
    ),
    (
        "postmark: reply-to as sender",
        "MC311",
        "webhooks.py",
        'report.address("FromFull", "Email") or report.address("From")',
        'report.address("ReplyTo") or report.address("From")',
    ),
    ("postmark: html lost", "MC312", "webhooks.py", 'html=text_at(told, "HtmlBody") or None', "html=None"),
    ("postmark: media lost", "MC312", "webhooks.py", "media=tuple(_media(told))", "media=()"),
    (
        "postmark: content not decoded",
        "MC312",
        "webhooks.py",
        'content=_decoded(text_at(one, "Content"))',
        'content=(text_at(one, "Content") or "").encode()',
    ),
    ("postmark: filename lost", "MC312", "webhooks.py", 'filename=text_at(one, "Name")', "filename=None"),
    (
        "postmark: auto reply lost",
        "MC312",
        "webhooks.py",
        'is_automatic = headers.get("auto-submitted", "no").strip().lower() != "no"',
        "is_automatic = False",
    ),
)


@contextmanager
def mistaken(name: str, file: str, right: str, wrong: str, folder: Path) -> Iterator[tuple[Any, Any, Any]]:
    """Copy a provider of the tests, a plugin or the example with a mistake in one of its files; return spec, fixtures and channels of its own."""
    if not name.endswith("_like"):
        if name == "telegram":
            sys.path.append(str(Path(__file__).parents[2] / "examples" / "telegram" / "src"))
        with broken_plugin(name, file, right, wrong, folder) as (spec, fixtures):
            plugin = sys.modules.get(f"mistaken_{name}.plugin")
            yield spec, fixtures, tuple(plugin.register_channels()) if plugin else ()
        return
    text = (Path(__file__).parent / file).read_text("utf-8")
    assert right in text, f"{file} has changed: {right!r} stands there no more"
    module = ModuleType(f"mistaken_{name}")
    sys.modules[module.__name__] = module
    try:
        exec(compile(text.replace(right, wrong, 1), file, "exec"), module.__dict__)
        yield module.spec(), module.FIXTURES, ()
    finally:
        del sys.modules[module.__name__]


@contextmanager
def broken_plugin(name: str, file: str, right: str, wrong: str, folder: Path) -> Iterator[tuple[Any, Any]]:
    """Copy a plugin with a mistake in one of its files; return its spec and its fixtures."""
    package = f"messaging_channels_{name}"
    source = Path(import_module(package).__file__ or "").parent
    copied = f"mistaken_{name}"
    for path in source.rglob("*.py"):
        text = path.read_text("utf-8")
        if path == source / file:
            assert right in text, f"{file} of {name} has changed: {right!r} stands there no more"
            text = text.replace(right, wrong, 1)
        target = folder / copied / path.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text.replace(package, copied), encoding="utf-8")
    sys.path.insert(0, str(folder))
    try:
        settings = import_module(f"{copied}.{'plugin' if (source / 'plugin.py').exists() else 'settings'}")
        (spec,) = settings.register_providers()
        yield spec, import_module(f"{copied}.conformance").FIXTURES
    finally:
        sys.path.remove(str(folder))
        for loaded in [one for one in sys.modules if one.split(".")[0] == copied]:
            del sys.modules[loaded]
