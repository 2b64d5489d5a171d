"""The live check: a provider against its vendor's sandbox, or against the recording of an earlier check.

Each message type is sent once, and one message with wrong credentials. The check says where the vendor acts otherwise than the fixtures say.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast
from uuid import uuid4

from pydantic import SecretStr

from messaging_channels._model.errors import BadInput
from messaging_channels._model.outcomes import AttemptResult, Outcome, Reason
from messaging_channels._transport.drivers import Transport
from messaging_channels.messages import Message
from messaging_channels.plugins.exchange import CurrentTime, Exchange, Flow, HttpRequest, HttpResponse, Sleep
from messaging_channels.plugins.provider import Envelope, Provider
from messaging_channels.testing import canaries
from messaging_channels.testing.conformance.checks import RuleResult
from messaging_channels.testing.conformance.comparison import parts_of
from messaging_channels.testing.conformance.context import ConformanceContext
from messaging_channels.testing.conformance.flow_runner import FlowTrace, run_flow
from messaging_channels.testing.conformance.malformed import all_paths, parse_json, value_at
from messaging_channels.testing.conformance.recording import (
    LiveRecord,
    RecordedExchange,
    Redactor,
    player,
)
from messaging_channels.testing.conformance.rules import Finding, Rule

LIVE_RULES: dict[str, Rule] = {
    rule.id: rule
    for rule in (
        Rule(
            "MC701",
            "The vendor accepts each message type",
            "Only the vendor knows whether a request is right.",
            "Correct the request; where the sandbox cannot take a type, check the others with `--type`.",
        ),
        Rule(
            "MC702",
            "Responses have the form of the fixtures",
            "The kit tests the provider with the responses of the fixtures.",
            "Correct `success_response` of the fixtures, and what the provider reads.",
        ),
        Rule(
            "MC703",
            "Wrong credentials are told as such",
            "Otherwise a wrong key looks like a refused message.",
            "Map the vendor's response to Reason.CREDENTIALS.",
        ),
        Rule(
            "MC704",
            "The request is that of the recording",
            "A recording that no longer matches the provider proves nothing.",
            "Record again with `--live URL --record FILE`.",
        ),
    )
}
"""The rules of the live check, by id."""
_WRONG_CREDENTIALS = "wrong credentials"


@dataclass(slots=True)
class LiveCheck:
    """One provider, and how its exchanges are answered: by a vendor at `url`, or out of a recording."""

    context: ConformanceContext
    url: str
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Settings of a real account, over those of the fixtures."""
    to: str = ""
    """Who gets the messages; by default the number and the address of the kit, which nobody has."""
    types: Sequence[str] = ()
    """Names of the message types to send; all that the provider declares without any."""
    recorded: LiveRecord | None = None
    """What to play instead of asking a vendor."""
    _people: dict[str, str] = field(default_factory=dict[str, str])
    _steps: dict[str, list[RecordedExchange]] = field(default_factory=dict[str, "list[RecordedExchange]"])

    def run(self) -> list[RuleResult]:
        """Send each message type and one message with wrong credentials; return what came of each rule."""
        found: dict[str, list[Finding]] = {name: [] for name in LIVE_RULES}
        for rule, words, trace in self._all_problems():
            details = "" if trace is None else self._redactor(None).redact(trace.description)
            found[rule].append(Finding(LIVE_RULES[rule], words, details))
        replayed = self.recorded is not None
        why = {"MC704": "" if replayed else "nothing is replayed: give `--replay FILE`"}
        return [
            RuleResult(rule, tuple(found[name]), "" if found[name] else why.get(name, ""))
            for name, rule in LIVE_RULES.items()
        ]

    @property
    def recording(self) -> LiveRecord:
        """What passed, without secrets and addresses."""
        redactor, secret = self._redactor(None), self._secrets()
        texts = {name: value for name, value in self.settings.items() if isinstance(value, str)}
        told = {name: redactor.redact(value) for name, value in texts.items() if name not in secret}
        return LiveRecord(self.context.spec.name, self._steps, told)

    def _all_problems(self) -> Iterator[tuple[str, str, FlowTrace | None]]:
        provider = self._build(self.settings)
        for kind, message in self.context.messages.items():
            if kind.__name__ in self._chosen_types:
                yield from self._problems_of_type(provider, kind.__name__, message)
        yield from self._problems_of_credentials()

    @property
    def _chosen_types(self) -> Collection[str]:
        """The types to send: those that were named, or those of the recording, or all."""
        if self.types or self.recorded is None:
            return self.types or {kind.__name__ for kind in self.context.messages}
        return self.recorded.steps.keys()

    def _problems_of_type(
        self, provider: Provider, name: str, message: Message
    ) -> Iterator[tuple[str, str, FlowTrace | None]]:
        played, envelope = self._send(provider, name, message)
        results = cast("Sequence[AttemptResult]", played.result or ())
        if played.exception is not None:
            shown = str(played.exception) if isinstance(played.exception, BadInput) else ""
            yield "MC701", f"a {name} ended with {type(played.exception).__name__} {shown}".rstrip(), played
        elif not results or results[0].outcome is not Outcome.ACCEPTED:
            told = results[0].reason if results else "nothing"
            yield "MC701", f"a {name} is not accepted: {told}", played
        else:
            yield from (("MC702", words, played) for words in self._problems_of_form(name, envelope, played))
        yield from (("MC704", words, played) for words in self._problems_of_recording(name))

    def _problems_of_form(self, name: str, envelope: Envelope, played: FlowTrace) -> Iterator[str]:
        """Say which fields of the fixtures' answer the vendor's has not."""
        expected = self.context.send(envelope, provider=self.context.build())
        for usual, got in zip(expected.replies, played.replies, strict=False):
            if not isinstance(usual, HttpResponse) or not isinstance(got, HttpResponse):
                continue
            if usual.status != got.status:
                yield f"the vendor takes a {name} with HTTP {got.status}, the fixtures with HTTP {usual.status}"
            missing = _places(parse_json(usual.body)) - _places(parse_json(got.body))
            if missing:
                yield f"the vendor's answer to a {name} has no {', '.join(sorted(missing))}, as the fixtures' has"

    def _problems_of_credentials(self) -> Iterator[tuple[str, str, FlowTrace | None]]:
        given = dict(self.context.fixtures.settings(self.url, canaries.OTHER_SECRET))
        secret = {
            name: value for name, value in self._given(self.settings).items() if name not in self._secrets()
        }
        played, _ = self._send(self._build(given | secret), _WRONG_CREDENTIALS, self.context.message)
        results = cast("Sequence[AttemptResult]", played.result or ())
        if played.exception is not None or not results or results[0].reason is not Reason.CREDENTIALS:
            told = played.problem or (results[0].reason if results else "nothing")
            yield "MC703", f"a message with wrong credentials ends as {told}", played
        yield from (("MC704", words, played) for words in self._problems_of_recording(_WRONG_CREDENTIALS))

    def _problems_of_recording(self, step: str) -> Iterator[str]:
        if self.recorded is None:
            return
        before, now = self.recorded.steps.get(step, ()), self._steps.get(step, [])
        if len(before) != len(now):
            yield f"`{step}` makes {len(now)} requests, and the recording holds {len(before)}"
        for one, other in zip(before, now, strict=False):
            changed = [name for name in ("method", "path", "headers", "body") if _differ(one, other, name)]
            if changed:
                yield f"`{step}` makes a request whose {', '.join(changed)} differ from the recording"

    def _send(self, provider: Provider, step: str, message: Message) -> tuple[FlowTrace, Envelope]:
        usual = self.context.envelope(message)
        channel = self.context.channel_of(message)
        to = channel.parse(self.to) if channel is not None and self.to else usual.to
        made = f"{len(self._steps) + 1:032x}" if self.recorded is not None else uuid4().hex
        envelope = Envelope(made, usual.channel, message, to)
        flow = provider.send((envelope,))
        redactor = self._redactor(envelope)
        recorded = None if self.recorded is None else self.recorded.steps.get(step, ())
        played = _performed(flow, provider) if recorded is None else run_flow(flow, player(recorded))
        self._steps[step] = [
            redactor.exchange(exchange, reply)
            for exchange, reply in zip(played.exchanges, played.replies, strict=False)
            if isinstance(exchange, HttpRequest)
        ]
        return played, envelope

    def _redactor(self, envelope: Envelope | None) -> Redactor:
        given = self._given(self.settings)
        secrets = [_plain(given[name]) for name in self._secrets()]
        known = {} if envelope is None else {envelope.id: "MESSAGE-ID", envelope.to.plain: canaries.PHONE}
        if envelope is not None and "@" in envelope.to.plain:
            known[envelope.to.plain] = canaries.MAIL
        return Redactor([*secrets, canaries.SECRET, canaries.OTHER_SECRET], known, self._people)

    def _secrets(self) -> list[str]:
        """Return the settings that hold secrets: declared as such, or made of the kit's secret."""
        fields = self.context.spec.settings.model_fields
        of_kit, other = (
            self.context.fixtures.settings(self.url, one) for one in (canaries.SECRET, canaries.OTHER_SECRET)
        )
        made = {name for name, value in of_kit.items() if repr(value) != repr(other.get(name))}
        declared = {name for name, one in fields.items() if SecretStr.__name__ in str(one.annotation)}
        return sorted((made | declared) & self._given(self.settings).keys())

    def _given(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        return {**self.context.fixtures.settings(self.url, canaries.SECRET), **settings}

    def _build(self, settings: Mapping[str, Any]) -> Provider:
        return self.context.spec.build(self.context.spec.settings.model_validate(self._given(settings)))


def _performed(flow: Flow[Sequence[AttemptResult]], provider: Provider) -> FlowTrace:
    """Run a flow with real exchanges, and note them."""
    trace = FlowTrace()
    with Transport(executors=provider.executors) as transport:
        try:
            trace.result = transport.run(_noted(flow, trace))
        except Exception as fault:  # noqa: BLE001  what ended it is what the check tells
            trace.exception = fault
    return trace


def _noted(flow: Flow[Any], trace: FlowTrace) -> Flow[Any]:
    """Pass on what a flow asks for, and note it with the replies."""
    advance: Callable[[Any], Exchange[Any]] = flow.send
    reply: Any = None
    while True:
        try:
            exchange = advance(reply)
        except StopIteration as end:
            return end.value
        try:
            reply, advance = (yield exchange), flow.send
        except Exception as fault:  # noqa: BLE001  whatever is thrown goes on into the flow
            reply, advance = fault, flow.throw
        if not isinstance(exchange, (CurrentTime, Sleep)):
            trace.exchanges.append(exchange)
            trace.replies.append(reply)


def _places(tree: Any) -> set[str]:  # noqa: ANN401  a tree of JSON
    """Return the names of all fields with a value in a tree, by their places; elements of lists count as one place."""
    return {
        ".".join("0" if isinstance(step, int) else step for step in path)
        for path in all_paths(tree)
        if path and not isinstance(path[-1], int) and value_at(tree, path) not in (None, [], {}, "")
    }


def _differ(one: RecordedExchange, other: RecordedExchange, name: str) -> bool:
    if name != "body":
        return bool(getattr(one, name) != getattr(other, name))
    left, right = (
        parts_of(HttpRequest("POST", "http://127.0.0.1/", each.headers, each.body.encode()))
        for each in (one, other)
    )
    return left != right


def _plain(value: Any) -> str:  # noqa: ANN401  any setting
    return str(value.get_secret_value() if isinstance(value, SecretStr) else value)
