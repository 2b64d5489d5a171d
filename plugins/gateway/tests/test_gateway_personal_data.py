"""What the gateway itself keeps of a person is told and forgotten with what the ledger keeps, by its call and by the command line."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest
from psycopg.conninfo import conninfo_to_dict
from pydantic import BaseModel
from stored_text import stored_text

from messaging_channels import PhoneNumber, Sms, WebhookRequest, WebhookResult
from messaging_channels._cli.main import main
from messaging_channels.events import EngagementReceived, EngagementType, Event, MessageReceived, OptedOut
from messaging_channels.plugins import (
    AttemptResult,
    Capabilities,
    Envelope,
    Exchange,
    ExecutorPair,
    Flow,
    ProviderSpec,
    Reason,
    hookimpl,
)

TO, DIGITS, WORDS = "+447700900731", "447700900731", "xyzzy"
OTHER = "447700900842"


class Acme:
    """A provider that takes everything, and tells what people write and open, without a proof."""

    name: ClassVar[str] = "acme-sms"
    capabilities: ClassVar[Capabilities] = Capabilities({Sms: frozenset({"sender"})}, max_batch_size=100)
    executors: ClassVar[Mapping[type[Exchange[Any]], ExecutorPair]] = {}

    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        yield from ()
        return [AttemptResult.of(Reason.ACCEPTED, provider_id=f"acme-{one.id}") for one in batch]

    def handle_webhook(self, call: WebhookRequest) -> WebhookResult:
        return WebhookResult([_event(*one, at=call.received_at) for one in json.loads(call.body)])


def _event(kind: str, who: str, key: str, text: str, *, at: float) -> Event:
    common: dict[str, Any] = {"provider": "acme-sms", "occurred_at": at, "event_id": key}
    if kind == "opened":
        return EngagementReceived(
            provider_id=f"acme-{who}", engagement_type=EngagementType.CLICKED, url=text, **common
        )
    person = PhoneNumber.parse(who)
    if kind == "stop":
        return OptedOut(channel="sms", address=person, reason=text, **common)
    return MessageReceived(
        channel="sms", provider_id=key, sender=person, to="447700900999", text=text, name=text, **common
    )


class AcmeSettings(BaseModel):
    region: str = "west"


class AcmePlugin:
    @hookimpl
    def register_providers(self) -> list[ProviderSpec]:
        return [ProviderSpec("acme-sms", AcmeSettings, lambda _: Acme())]


class Place:
    """A gateway, and all that a thief of its files or of a dump would read."""

    def __init__(self, served: Any, conninfo: str) -> None:
        self.served = served
        self._conninfo = conninfo
        self.operator = served.with_key(
            served.gateway.api_keys.create("operator", tenant="default", scopes=["operate"])
        )

    def hear(self, *told: tuple[str, str, str, str]) -> None:
        httpx.post(f"{self.served.url}/v1/webhooks/acme-sms", content=json.dumps(told)).raise_for_status()

    def ask(self, call: str, address: str = TO) -> dict[str, Any]:
        answer = self.operator.post(f"/v1/recipients/{call}", json={"address": address})
        told: dict[str, Any] = answer.raise_for_status().json()
        return told

    def text(self) -> str:
        return stored_text(self.served.gateway.settings.home, self._conninfo)


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, serve: Any, tmp_path: Path) -> Place:
    settings: dict[str, Any] = {"providers": {"acme-sms": {"region": "east"}}}
    conninfo = ""
    if request.param == "postgres":
        conninfo = request.getfixturevalue("postgres")
        where = conninfo_to_dict(conninfo)
        url = f"postgresql://{where['user']}@{where['host']}:{where['port']}/{where['dbname']}"
        settings["ledger"] = {"url": url, "keys": "a key of these tests alone", "pepper": "a pepper of these"}
    served = serve(
        settings=settings,
        plugin=AcmePlugin(),
        home=tmp_path / "home",
        poll_interval=60,
        keep_content=True,
        allowed_callback_hosts=["127.0.0.1:9"],
        inbound_tenant="default",
    )
    return Place(served, conninfo)


def _plant(place: Place, to: str, words: str) -> str:
    """Have words of a person, and its address, kept in every way there is at a gateway."""
    served = place.served
    url = f"http://127.0.0.1:9/hook?to={to}"
    sent = served.sms(to=to, text=f"sent {words}", callbackUrl=url).json()["messages"][0]["messageId"]
    user = {"username": f"name {words}", "channel": {"sms": f"+{to[:2]} {to[2:6]} {to[6:]}"}}
    served.client.put(f"/v1/users/{to[-3:]}-{words}", json=user).raise_for_status()
    place.hear(
        ("said", to, f"said-{to[-3:]}", f"said {words}"),
        ("opened", sent, f"opened-{to[-3:]}", f"https://example.com/?who={to}&word={words}"),
        ("stop", to, f"stop-{to[-3:]}", f"asked from {to}"),
    )
    return str(sent)


def test_nothing_of_a_person_is_left_at_the_gateway_after_an_erasure(place: Place) -> None:
    hooks = {"url": "http://127.0.0.1:9/hooks"}
    place.operator.post("/v1/webhook-endpoints", json=hooks)
    _plant(place, DIGITS, WORDS)
    _plant(place, OTHER, "plugh")
    before = place.ask("export")
    erased = place.ask("erase")
    place.hear(("said", DIGITS, "said-731", f"said {WORDS}"))  # it comes again
    left = place.text()
    shown = json.dumps(place.operator.get("/preview/messages").text) + place.operator.get("/operator").text

    own = json.dumps(before["gateway"])
    assert [
        one for one in (f"said {WORDS}", f"word={WORDS}", f"name {WORDS}", f"to={DIGITS}") if one not in own
    ] == []
    assert (erased["messages"], erased["directory"], erased["calls"]) == (1, 1, 1)
    assert erased["notices"] >= 3
    assert [one for one in (WORDS, DIGITS) if one in left] == []
    assert WORDS not in shown
    assert place.ask("erase") == {"messages": 0, "notices": 0, "directory": 0, "calls": 0}
    other = json.dumps(place.ask("export", OTHER)["gateway"])
    assert [
        one for one in ("said plugh", "word=plugh", "name plugh", f"to={OTHER}") if one not in other
    ] == []


def test_the_command_line_reaches_what_a_gateway_left_in_its_file(
    serve: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MESSAGING_CHANNELS_HOME", str(tmp_path))
    assert main(["ledger", "export", TO]) == 0
    assert "gateway" not in json.loads(capsys.readouterr().out)
    assert not (tmp_path / "gateway.sqlite3").exists()
    served = serve(plugin=AcmePlugin(), home=tmp_path)
    user = {"channel": {"sms": DIGITS}, "data": {"word": WORDS}}
    served.client.put("/v1/users/u1", json=user).raise_for_status()
    served.stop()

    assert main(["ledger", "export", TO]) == 0
    exported = json.loads(capsys.readouterr().out)["gateway"]
    assert main(["ledger", "erase", TO]) == 0
    told = capsys.readouterr().err
    left = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()).decode("latin-1")

    assert exported["directory"][0]["document"]["data"] == {"word": WORDS}
    assert "gateway: 0 of notices, 1 of directory, 0 of calls" in told
    assert (DIGITS in left, WORDS in left) == (False, False)
