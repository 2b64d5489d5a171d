"""What passed between a provider and a vendor's sandbox, with secrets, addresses and texts of persons taken out: written to a file, and played again."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from messaging_channels._model.errors import Phase, TransportError
from messaging_channels.plugins.exchange import HttpRequest, HttpResponse

_VERSION = 1
_KEPT = frozenset({"content-type", "accept", "retry-after", "idempotency-key", "date"})
"""Headers whose values are kept; of others only the names are."""
_MAIL = re.compile(r"[A-Za-z0-9.!#$&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_NUMBER = re.compile(r"(?<![0-9A-Za-z.-])\+?[1-9][0-9]{8,14}(?![0-9A-Za-z-]|\.[0-9])")
_SHORT_SECRET, _FICTION = 4, "447700900"


@dataclass(frozen=True, slots=True)
class RecordedExchange:
    """One request and what came of it, as texts without secrets and addresses."""

    method: str
    path: str
    """With the query, without the host."""
    headers: Mapping[str, str]
    body: str
    status: int
    """0 where no answer came."""
    answer_headers: Mapping[str, str]
    answer: str


@dataclass(frozen=True, slots=True)
class LiveRecord:
    """The exchanges of a live check, by the name of each step, in order."""

    provider: str
    steps: Mapping[str, Sequence[RecordedExchange]]
    settings: Mapping[str, str] = field(default_factory=dict[str, str])
    """Settings of the account that are texts and no secrets."""

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        held = {
            "version": _VERSION,
            "provider": self.provider,
            "settings": self.settings,
            "steps": self.steps,
        }
        path.write_text(json.dumps(held, indent=2, default=asdict) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> LiveRecord:
        """Read what `write` wrote.

        Raises:
            ValueError: it is no recording.
        """
        try:
            held: Any = json.loads(path.read_text(encoding="utf-8"))
            steps = {
                name: [RecordedExchange(**one) for one in exchanges]
                for name, exchanges in held["steps"].items()
            }
            return cls(held["provider"], steps, dict(held["settings"]))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            message = f"{path.name} is no recording of `plugin check --live`"
            raise ValueError(message) from error


_FORM_NUMBER = re.compile(r"%2B([1-9][0-9]{7,14})(?![0-9])")
_FORM_MAIL = re.compile(r"[\w.-]+%40[\w-]+(?:\.[\w-]+)+")
"""As forms and URLs hold them."""
_DIGEST = re.compile(r"(=|%3D)[0-9a-f]{32,128}(?![0-9a-f])")
"""A proof that a provider makes with the account's secret, such as one in the URL that reports go to: with another secret it is another."""


@dataclass(slots=True)
class Redactor:
    """Replaces secrets, ids of ours and addresses by words that are the same wherever the same thing stands."""

    secrets: Sequence[str]
    known: dict[str, str] = field(default_factory=dict[str, str])
    """Further texts and what stands for them, such as our ids and the recipient in all forms."""
    people: dict[str, str] = field(default_factory=dict[str, str])
    """The numbers and mail addresses that were seen, and what stands for each: shared by the exchanges of a check."""

    def redact(self, text: str) -> str:
        """Return the text without what nobody should read."""
        for secret in sorted(self.secrets, key=len, reverse=True):
            for form in _forms_of(secret):
                text = text.replace(form, "SECRET")
        for given in sorted(self.known, key=len, reverse=True):
            text = text.replace(given, self.known[given])
        text = _FORM_NUMBER.sub(lambda one: f"%2B{self._number(one[1])}", text)
        text = _FORM_MAIL.sub(lambda one: self._mail(one[0].replace("%40", "@")).replace("@", "%40"), text)
        text = _MAIL.sub(lambda one: self._mail(one[0]), text)
        return _NUMBER.sub(lambda one: self._number(one[0]), text)

    def exchange(self, request: HttpRequest, reply: object) -> RecordedExchange:
        """Return an exchange without what nobody should read."""
        parts = urlsplit(request.url)
        response = (
            reply if isinstance(reply, HttpResponse) else HttpResponse(0, {}, type(reply).__name__.encode())
        )
        return RecordedExchange(
            request.method,
            self.redact(f"{parts.path}{'?' if parts.query else ''}{parts.query}"),
            self._headers(request.headers),
            _DIGEST.sub(r"\1DIGEST", self._body(request.body)),
            response.status,
            self._headers(response.headers),
            self._body(response.body),
        )

    def _headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        return {
            name.lower(): self.redact(value) if name.lower() in _KEPT else "REMOVED"
            for name, value in sorted(headers.items())
        }

    def _body(self, body: bytes) -> str:
        return self.redact(body.decode("utf-8", "backslashreplace"))

    def _mail(self, given: str) -> str:
        if given.endswith(("@example.com", "@example.org", "@example.net")):
            return given  # nobody has it: the domains are reserved for examples
        return self.people.setdefault(given.lower(), f"person{len(self.people) + 1}@example.com")

    def _number(self, given: str) -> str:
        digits = given.removeprefix("+")
        if digits.startswith(_FICTION):
            return given  # nobody has it: the range is reserved for fiction
        told = self.people.setdefault(digits, f"{_FICTION}{len(self.people) + 500:03d}")
        return f"+{told}" if given.startswith("+") else told


def player(recorded: Sequence[RecordedExchange]) -> Callable[[HttpRequest], HttpResponse | TransportError]:
    """Return what answers requests as they were answered, in order; with an error for one that was not answered, or is not in the recording."""
    answers = iter(recorded)

    def answer(_: HttpRequest) -> HttpResponse | TransportError:
        one = next(answers, None)
        if one is None or not one.status:
            return TransportError("the recording holds no answer to this request", phase=Phase.CONNECT)
        headers = {name: value for name, value in one.answer_headers.items() if value != "REMOVED"}
        return HttpResponse(one.status, headers, one.answer.encode())

    return answer


def _forms_of(secret: str) -> list[str]:
    """Return a secret as it is, as JSON and URLs hold it, and within base64; nothing for what is too short to be one."""
    if len(secret) < _SHORT_SECRET:
        return []
    forms = [secret, json.dumps(secret)[1:-1], quote(secret, safe="")]
    for shift in range(3):
        encoded = b64encode(b"x" * shift + secret.encode()).decode().rstrip("=")
        inner = encoded[4 if shift else 0 : -2]
        forms += [inner] if len(inner) > _SHORT_SECRET else []
    return list(dict.fromkeys(forms))
