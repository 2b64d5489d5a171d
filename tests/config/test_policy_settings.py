from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from messaging_channels import Dispatcher, NotSent, Outcome, Sms
from messaging_channels._config.settings import Configuration
from messaging_channels._ledger.postgres import PostgresLedger
from messaging_channels._ledger.sqlite import SqliteLedger
from messaging_channels._model.errors import InvalidSetting, MessageBlocked
from messaging_channels._model.rate_limit import RateLimit
from messaging_channels.policies.routing import CircuitBreaker, RetryPolicy, Route, RouteMatch, RouteTarget

ROUTED = {"routes": {"sms": "sandbox"}}


def _configured(code: dict[str, Any], environment: dict[str, str] | None = None) -> Configuration:
    return Configuration.read(code, environment=environment or {})


def test_a_route_may_be_names_a_list_or_a_table_with_policies() -> None:
    routes = _configured(
        {
            "routes": {
                "sms": "one, two",
                "email": ["three"],
                "whatsapp": {
                    "providers": [
                        {"provider": "a", "weight": 9, "prefixes": ["44"], "accounts": ["acme"]},
                        "b",
                    ],
                    "retry": {"max_attempts": 5},
                    "circuit_breaker": {"failure_threshold": 3},
                },
            },
            "retry": {"max_elapsed": 60},
        },
        {"MESSAGING_CHANNELS_RETRY_MAX_ATTEMPTS": "1"},
    ).routes()
    assert routes["sms"] == Route("one", "two", retry=RetryPolicy(max_attempts=1, max_elapsed=60))
    assert routes["email"].providers == ("three",)
    via = RouteTarget("a", 9, RouteMatch(prefixes=("44",), accounts=("acme",)))

    assert routes["whatsapp"] == Route(
        via, "b", retry=RetryPolicy(max_attempts=5), circuit_breaker=CircuitBreaker(failure_threshold=3)
    )


@pytest.mark.parametrize(
    ("code", "setting"),
    [
        ({"routes": {"sms": ""}}, "routes.sms"),
        ({"routes": {"sms": ["a", "a"]}}, "routes.sms"),
        ({"routes": {"sms": {"providers": ["a"], "retries": 3}}}, "routes.sms.retries"),
        ({"retry": {"max_attempts": "many"}}, "retry.max_attempts"),
        ({**ROUTED, "rate_limits": {"sandbox": "fast"}}, "rate_limits.sandbox.limit"),
        ({**ROUTED, "checks": {"velocity_limit": {"per_planet": 1}}}, "checks.velocity_limit.per_planet"),
        ({**ROUTED, "ledger": {"addresses": "plain"}}, "ledger.url"),
        ({**ROUTED, "ledger": {"url": "mysql://root:hush@localhost"}}, "ledger.url"),
        ({**ROUTED, "ledger": {"url": "sqlite:", "addresses": "hashed"}}, "ledger.pepper"),
    ],
)
def test_a_wrong_policy_is_named_and_never_shown(code: dict[str, Any], setting: str) -> None:
    with pytest.raises(InvalidSetting) as wrong:
        _configured(code).dispatcher_arguments()

    assert wrong.value.setting == setting
    assert "hush" not in str(wrong.value)


def test_rates_rules_and_a_ledger_come_from_the_configuration(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    code = {
        **ROUTED,
        "rate_limits": {"sandbox": 10, "infobip": {"limit": 50, "per": 60, "burst": 5}},
        "checks": {
            "allowed_prefixes": ["+44"],
            "suppression_list": True,
            "velocity_limit": {"per_number": {"limit": 1, "per": 60, "burst": 2}},
        },
        "ledger": {"url": f"sqlite:{path}", "addresses": "plain"},
    }
    configuration = _configured(code, {"MESSAGING_CHANNELS_HOME": str(tmp_path)})
    assert configuration.dispatcher_arguments()["rate_limits"] == {
        "sandbox": RateLimit(10),
        "infobip": RateLimit(50, 60, 5),
    }
    with Dispatcher(**configuration.dispatcher_arguments()) as dispatcher:
        receipt = dispatcher.send(Sms("hello"), to="+447700900123")
        with pytest.raises(MessageBlocked, match="allowed prefixes"):
            dispatcher.send(Sms("hello"), to="38598123456")
        dispatcher.send(Sms("hello"), to="+447700900123")
        with pytest.raises(MessageBlocked, match="velocity"):
            dispatcher.send(Sms("hello"), to="+447700900123")
    kept = SqliteLedger(path, owned=True)
    with Dispatcher([], ledger=kept) as reader:
        record = reader.get_message(receipt.id)

    assert record is not None
    assert (record.outcome, record.address) == (Outcome.ACCEPTED, "447700900123")


def test_the_environment_names_the_ledger() -> None:
    environment = {"MESSAGING_CHANNELS_LEDGER_URL": "postgresql://user:hush@127.0.0.1/shop"}
    ledger = _configured(ROUTED, environment).ledger()

    assert isinstance(ledger, PostgresLedger)
    assert "hush" not in repr(ledger)


def test_a_budget_of_one_attempt_from_the_environment_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESSAGING_CHANNELS_RETRY_MAX_ATTEMPTS", "1")
    with Dispatcher.from_config(ROUTED) as dispatcher, pytest.raises(NotSent) as failed:
        dispatcher.send(Sms("hello"), to="447700900002")

    assert len(failed.value.receipt.attempts) == 1
