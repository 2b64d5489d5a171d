"""`messages unknown` and `messages resolve`."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from messaging_channels import Dispatcher, Sandbox, Sms, Worker
from messaging_channels._cli.main import main
from messaging_channels._config.settings import Configuration
from messaging_channels._providers.sandbox import BEHAVIOURS

UNKNOWN = next(one.phone for one in BEHAVIOURS if one.reason.value.startswith("unknown."))


def _shown(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [one["messageId"] for one in json.loads(capsys.readouterr().out)["messages"]]


def test_an_unknown_message_is_listed_and_resolved_once(capsys: pytest.CaptureFixture[str]) -> None:
    configured = Configuration.read(use_sandbox_defaults=True).build()
    quick = replace(configured, providers=[Sandbox(hang=0.01)])
    with Dispatcher.from_parts(quick) as dispatcher:
        key = dispatcher.enqueue(Sms("hello"), to=f"+{UNKNOWN}").id
        Worker(dispatcher).drain()
    assert main(["messages", "unknown", "--limit", "1"]) == 0
    told = capsys.readouterr()
    assert ([one["messageId"] for one in json.loads(told.out)["messages"]], key in told.err) == ([key], True)
    resolve = ["messages", "resolve", key, "--as", "not-sent", "--why", "not in the console", "--by", "anna"]
    assert main(resolve) == 0
    shown = json.loads(capsys.readouterr().out)

    assert (shown["outcome"], shown["events"][0]["detail"]) == (
        "not_sent",
        "resolved as not sent by anna: not in the console",
    )
    assert main(resolve) == 2
    assert "cannot_resolve" in capsys.readouterr().err
    assert main(["messages", "unknown"]) == 0
    assert _shown(capsys) == []


@pytest.mark.parametrize("given", [("--as", "sent"), ("--why", "x"), ("--as", "maybe", "--why", "x")])
def test_a_decision_says_which_and_why(given: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["messages", "resolve", "x", *given])

    assert ended.value.code == 2
    assert capsys.readouterr().err


def test_an_id_that_nobody_has_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["messages", "resolve", "nobody", "--as", "sent", "--why", "x"]) == 2
    assert "there is no such message" in capsys.readouterr().err
