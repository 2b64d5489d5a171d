"""What stands around a dispatcher: plugins of others, the company's certificates, rules about money."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from faults.harness import CLIENTS, MODES
from regression_server import (
    TO,
    Asked,
    program,
    reply,
    sent,
    told,
    twilio,
    twilio_takes,
    vendor,
    vonage,
    vonage_takes,
)

from messaging_channels import ConfigurationError, Dispatcher, Route, Sandbox, Sms
from messaging_channels._config import plugin_manager as plugins
from messaging_channels._ledger.sqlite import SqliteLedger
from messaging_channels._transport.settings import HttpSettings
from messaging_channels.plugins import hookimpl
from messaging_channels.policies.checks import SpendLimit
from messaging_channels.policies.routing import RetryPolicy

SENDS_BY_THE_SANDBOX = """
from messaging_channels import Dispatcher, Sms
with Dispatcher.from_config({"routes": {"sms": ["sandbox"]}}) as dispatcher:
    print(dispatcher.send(Sms("hello"), to="+447700900123").provider)
"""
SENDS_BY_THE_BROKEN_ONE = """
from messaging_channels import ConfigurationError, Dispatcher
try:
    Dispatcher.from_config({"providers": {"acme": {"token": "t"}}, "routes": {"sms": ["acme"]}})
except ConfigurationError as refused:
    print(type(refused).__name__)
"""
EXITS = "import sys\nsys.exit('acme: no licence')\n"
RAISES = "class Own(BaseException): pass\nraise Own('acme')\n"


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The folder of an installed distribution, whose module is still to be written."""
    folder = tmp_path / "acme"
    facts = folder / "acme_plug-1.0.dist-info"
    facts.mkdir(parents=True)
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-plug\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text("[messaging_channels]\nacme = acme_plug\n")
    return folder


@pytest.mark.parametrize("code", [EXITS, RAISES], ids=["exit", "exception"])
def test_a_plugin_that_leaves_when_it_is_imported_harms_no_other(code: str, installed: Path) -> None:
    (installed / "acme_plug.py").write_text(code)

    ran = program(SENDS_BY_THE_SANDBOX, path=[installed])

    assert (ran.returncode, ran.stdout.strip()) == (0, "sandbox"), ran.stderr


def test_a_plugin_that_left_is_a_configuration_error_to_who_asks_for_it(installed: Path) -> None:
    (installed / "acme_plug.py").write_text(EXITS)

    ran = program(SENDS_BY_THE_BROKEN_ONE, path=[installed])

    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip() in ("PluginLoadError", "UnknownProvider")


class Hears:
    """A plugin that hears of attempts."""

    def __init__(self, heard: list[str], name: str) -> None:
        self._heard, self._name = heard, name

    @hookimpl
    def attempt_finished(self, attempt: Any) -> None:
        if self._name == "bug":
            raise KeyError(self._name)
        self._heard.append(f"{self._name} {attempt.number}")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("order", list(permutations(("audit", "bug", "count"))), ids=" ".join)
def test_what_one_plugin_raises_keeps_no_other_from_hearing(order: Sequence[str], mode: str) -> None:
    heard: list[str] = []
    hook = plugins.load_plugins(entries=(), extra=[Hears(heard, name) for name in order])

    sent(mode, [Sandbox()], observer=hook)

    assert sorted(heard) == ["audit 1", "count 1"]


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("content", [None, "no certificate"], ids=["missing", "unreadable"])
def test_a_bad_file_of_certificates_is_a_mistake_of_the_settings_and_the_key_stays_free(
    client: str, content: str | None, tmp_path: Path
) -> None:
    authorities = tmp_path / "company.pem"
    if content:
        authorities.write_text(content)

    def send(url: str, **settings: Any) -> Any:
        ledger = SqliteLedger(tmp_path / "ledger.sqlite3", owned=True)
        http = HttpSettings(client=client, **settings)  # type: ignore[arg-type]
        with Dispatcher([twilio(url)], http=http, ledger=ledger) as dispatcher:
            return dispatcher.send(Sms("hello"), to=TO, idempotency_key="order-81")

    with vendor(twilio_takes) as server:
        try:
            first = str(send(server.url, ca_file=authorities).outcome)
        except ConfigurationError:
            first = "refused"
        second = str(send(server.url).outcome)

    assert (first, second) == ("refused", "accepted")
    assert len([one for one in server.requests if one.startswith(b"POST")]) == 1


def test_what_the_vendor_refused_has_not_been_spent() -> None:
    refused = {"message-count": "1", "messages": [{"status": "3", "error-text": "Invalid to address"}]}
    answers = [reply(200, refused), reply(200, refused)]

    def answer(request: Asked) -> bytes:
        return answers.pop() if answers else vonage_takes(request)

    with (
        vendor(answer) as server,
        Dispatcher(
            [vonage(server.url)],
            routes={"sms": Route("vonage", retry=RetryPolicy(max_attempts=1))},
            checks=[SpendLimit(lambda _: 1.0, per_day=2.0)],
        ) as dispatcher,
    ):
        ends = [told(lambda: dispatcher.send(Sms("hello"), to=TO)) for _ in range(3)]

    assert ends == ["Rejected", "Rejected", "accepted"]
