"""Plugins that fail, in every way that a module can fail, and what is said of them."""

from __future__ import annotations

import asyncio
import unittest
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from messaging_channels import Dispatcher, Sandbox, Sms, errors
from messaging_channels._config import plugin_manager as plugins
from messaging_channels.plugins import CompositeObserver, Observer, hookimpl

TO = "+447700900123"
WAYS = {
    "exits": "import sys\nsys.exit('no licence')",
    "exits at once": "raise SystemExit",
    "raises": "raise ValueError('no licence')",
    "raises its own kind": "class Own(BaseException): pass\nraise Own('no licence')",
    "is skipped by unittest": "import unittest\nraise unittest.SkipTest('no licence')",
    "is skipped by pytest": "import pytest\npytest.skip('no licence', allow_module_level=True)",
    "is cancelled": "import asyncio\nraise asyncio.CancelledError",
    "closes a generator": "raise GeneratorExit",
    "is no Python": "def def",
    "lacks a module": "import no_such_module_at_all",
    "asserts": "assert False, 'no licence'",
    "recurses": "def f(): f()\nf()",
}


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Any:
    """Install a distribution whose module is the code given."""
    module = f"acme_{abs(hash(request.node.name))}"

    def write(code: str) -> str:
        facts = tmp_path / f"{module}-1.0.dist-info"
        facts.mkdir()
        (facts / "METADATA").write_text(
            "Metadata-Version: 2.1\nName: messaging-channels-acme\nVersion: 1.0\n"
        )
        (facts / "entry_points.txt").write_text(f"[messaging_channels]\nacme-plugin = {module}\n")
        (tmp_path / f"{module}.py").write_text(code)
        monkeypatch.syspath_prepend(tmp_path)
        return module

    return write


@pytest.mark.parametrize("way", WAYS)
def test_one_that_fails_harms_no_other_and_is_named_with_its_reason(way: str, install: Any) -> None:
    module = install(WAYS[way])
    loaded = plugins.load_plugins()

    assert "sandbox" in loaded.providers
    assert {"acme-plugin"} == set(loaded.failed)
    for asked in ("acme-plugin", "acme", "acme-sms", "ACME_SMS", module):
        with pytest.raises(errors.PluginLoadError, match=r"messaging-channels-acme 1\.0") as refused:
            loaded.provider(asked)
        assert refused.value.__cause__ is loaded.failed["acme-plugin"].error
        assert type(refused.value.__cause__).__name__ in str(refused.value)
    with pytest.raises(errors.UnknownProvider, match=r"messaging-channels-acme 1\.0"):
        loaded.provider("pigeon")


@pytest.mark.parametrize("code", ["raise SystemExit", "raise RuntimeError('x')", "return 5", "return ('x',)"])
def test_one_whose_registration_fails_harms_no_other(code: str, install: Any) -> None:
    install(
        f"from messaging_channels.plugins import hookimpl\n@hookimpl\ndef register_providers():\n    {code}\n"
    )
    loaded = plugins.load_plugins()

    assert "sandbox" in loaded.providers
    with pytest.raises(errors.PluginLoadError, match="messaging-channels-acme"):
        loaded.provider("acme")


def test_a_plugin_that_registers_nothing_is_none_that_failed(install: Any) -> None:
    install(
        "from messaging_channels.plugins import hookimpl\n@hookimpl\ndef register_providers():\n    pass\n"
    )
    loaded = plugins.load_plugins()

    assert "sandbox" in loaded.providers
    assert loaded.failed == {}


RAISED = [KeyError("x"), asyncio.CancelledError(), unittest.SkipTest("x"), BaseException("x")]


def _hears(name: str, heard: list[str], fault: BaseException | None) -> Any:
    def hear(attempt: Any) -> None:
        heard.append(f"{name} {attempt.number}")
        if fault is not None:
            raise fault

    return hear


@pytest.mark.parametrize("fault", RAISED, ids=lambda fault: type(fault).__name__)
def test_what_an_observer_raises_silences_no_other(fault: BaseException) -> None:
    heard: list[str] = []
    observers: Sequence[Any] = [
        SimpleNamespace(attempt_finished=_hears(name, heard, fault if name == "b" else None))
        for name in "abc"
    ]
    with Dispatcher([Sandbox()], observer=CompositeObserver(*observers, Observer())) as dispatcher:
        receipt = dispatcher.send(Sms("hello"), to=TO)

    assert str(receipt.outcome) == "accepted"
    assert heard == ["a 1", "b 1", "c 1"]


def test_a_hook_that_takes_no_argument_is_called_too() -> None:
    heard: list[str] = []

    class Bell:
        @hookimpl
        def attempt_finished(self) -> None:
            heard.append("rang")

    with Dispatcher([Sandbox()], observer=plugins.load_plugins(entries=(), extra=[Bell()])) as dispatcher:
        dispatcher.send(Sms("hello"), to=TO)

    assert heard == ["rang"]
