from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from loopback import Peer, Server

from messaging_channels import AsyncDispatcher, Dispatcher, Email, Sms
from messaging_channels._transport.settings import HttpSettings
from messaging_channels.testing import network_guard as guard
from messaging_channels.testing.network_guard import RealProviderReached
from messaging_channels_smtp import Smtp
from messaging_channels_vonage import Vonage

NUMBER = "+447700900123"
PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:schemathesis")
REAL = Vonage(api_key="abcd1234", api_secret="made-up", sender="Shop")


def _send(client: Any) -> None:
    with Dispatcher([REAL], http=HttpSettings(client=client)) as dispatcher:
        dispatcher.send(Sms("hello"), to=NUMBER)


def _send_async(client: Any) -> None:
    async def send() -> None:
        async with AsyncDispatcher([REAL], http=HttpSettings(client=client)) as dispatcher:
            await dispatcher.send(Sms("hello"), to=NUMBER)

    asyncio.run(send())


@pytest.mark.parametrize("send", [_send, _send_async])
@pytest.mark.parametrize("client", ["httpx", "pyreqwest"])
def test_a_real_provider_is_not_reached_and_the_sentence_says_what_to_do(
    send: Callable[[str], None], client: str
) -> None:
    pytest.importorskip(client)
    with pytest.raises(RealProviderReached) as stopped:
        send(client)

    assert guard.pop_violations() == [str(stopped.value)]
    assert "tried to reach rest.nexmo.com: give the application `outbox.dispatcher`" in str(stopped.value)


@pytest.mark.parametrize("host", ["smtp.vendor.com", "203.0.113.7"])
def test_a_protocol_other_than_http_is_guarded_too(host: str) -> None:
    smtp = Smtp(host=host, tls="none", sender="shop@example.com")
    with Dispatcher([smtp]) as dispatcher, pytest.raises(RealProviderReached):
        dispatcher.send(Email("Hello", text="hello"), to="zoe@example.com")

    assert len(guard.pop_violations()) == 1


def test_this_machine_and_names_that_nobody_has_are_not_guarded() -> None:
    with Server(Peer.serve) as server:
        local = Vonage(api_key="abcd1234", api_secret="made-up", sender="Shop", base_url=server.url)
        with Dispatcher([local]) as dispatcher:
            dispatcher.send(Sms("hello"), to=NUMBER)
    for host in ("api.example.com", "nowhere.invalid", "vendor.test", "localhost"):
        guard._check_host(host)  # noqa: SLF001  the decision alone: nobody is to be asked for real

    assert guard.pop_violations() == []


def test_what_another_thread_swallowed_is_remembered() -> None:
    def swallow() -> None:
        with suppress(BaseException):
            _send("httpx")

    thread = threading.Thread(target=swallow)
    thread.start()
    thread.join()

    assert len(guard.pop_violations()) == 1


def _run(directory: Path, *command: str) -> str:
    ran = subprocess.run(
        [sys.executable, *command],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": str(directory)},
        capture_output=True,
        text=True,
        check=False,
    )
    return ran.stdout + ran.stderr


def _written(directory: Path, name: str, text: str) -> None:
    (directory / name).write_text(dedent(text))


APPLICATION = """
    from messaging_channels import Dispatcher, Sms
    from messaging_channels_vonage import Vonage

    def sign_up(dispatcher):
        dispatcher.send(Sms("Your code"), to="+447700900123")

    def careless():
        try:
            sign_up(Dispatcher([Vonage(api_key="k", api_secret="s", sender="Shop", base_url="https://unused.vendor.com")]))
        except BaseException:
            pass
"""


def test_the_pytest_plugin_gives_an_outbox_and_fails_who_reaches_out(tmp_path: Path) -> None:
    _written(tmp_path, "application.py", APPLICATION)
    _written(
        tmp_path,
        "conftest.py",
        """
        import pytest
        @pytest.fixture
        def messaging_options():
            return {"providers": ("vonage",)}
        """,
    )
    _written(
        tmp_path,
        "test_application.py",
        """
        import anyio, asyncio, pytest
        from application import careless, sign_up
        from messaging_channels import Sms
        from messaging_channels.testing import network_guard as guard

        def test_it_texts_a_code(outbox):
            sign_up(outbox.dispatcher)
            assert outbox.only(Sms, provider="vonage").text == "Your code"

        @pytest.mark.asyncio
        async def test_under_pytest_asyncio(outbox):
            await outbox.async_dispatcher.send(Sms("Your code"), to="+447700900123")
            assert outbox.only(Sms).text == "Your code"

        @pytest.mark.anyio
        @pytest.mark.parametrize("anyio_backend", ["asyncio"])
        async def test_under_anyio(outbox, anyio_backend):
            await outbox.async_dispatcher.send(Sms("Your code"), to="+447700900123")
            assert outbox.only(Sms).text == "Your code"

        def test_that_is_careless():
            careless()

        @pytest.mark.real_provider
        def test_that_is_meant_to_reach_out():
            guard._check_host("") if guard._GUARD.enabled else None
        """,
    )
    told = _run(tmp_path, *PYTEST, "-W", "error", "-o", "asyncio_default_fixture_loop_scope=function")

    assert "1 failed, 4 passed" in told, told
    assert "FAILED test_application.py::test_that_is_careless" in told
    assert "this test tried to reach unused.vendor.com" in told


def test_the_guard_can_be_turned_off(tmp_path: Path) -> None:
    _written(tmp_path, "pytest.ini", "[pytest]\nmessaging_channels_guard = false\n")
    _written(
        tmp_path,
        "test_off.py",
        """
        from messaging_channels._transport import drivers
        def test_nothing_watches():
            assert drivers.exchange_hook is None
        """,
    )

    assert "1 passed" in _run(tmp_path, *PYTEST)


def test_unittest_and_djangos_runner_have_the_same(tmp_path: Path) -> None:
    _written(tmp_path, "application.py", APPLICATION)
    tests = """
        from unittest import IsolatedAsyncioTestCase
        from {case} import {name}
        from application import careless, sign_up
        from messaging_channels import Sms
        from messaging_channels.testing.unittest import OutboxMixin

        class SignUp(OutboxMixin, {name}):
            providers = ("vonage",)

            def test_it_texts_a_code(self):
                sign_up(self.outbox.dispatcher)
                self.assertEqual(self.outbox.only(Sms).text, "Your code")

            def test_that_is_careless(self):
                careless()

        class Asynchronous(OutboxMixin, IsolatedAsyncioTestCase):
            async def test_it_texts_a_code(self):
                await self.outbox.async_dispatcher.send(Sms("Your code"), to="+447700900123")
                self.assertEqual(len(self.outbox), 1)
        """
    _written(tmp_path, "test_plain.py", tests.format(case="unittest", name="TestCase"))
    _written(tmp_path, "test_django.py", tests.format(case="django.test", name="SimpleTestCase"))
    _written(
        tmp_path,
        "settings.py",
        'SECRET_KEY = "made-up"\nTEST_RUNNER = "messaging_channels.testing.django.Runner"\n',
    )
    plain = _run(tmp_path, "-W", "error", "-m", "unittest", "test_plain")
    django = _run(tmp_path, "-m", "django", "test", "--settings=settings", "--pattern=test_django.py")
    for told in (plain, django):
        assert "Ran 3 tests" in told, told
        assert "FAILED (failures=1)" in told, told
        assert "this test tried to reach unused.vendor.com" in told
