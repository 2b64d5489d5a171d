"""A gateway on loopback, for every test its own: real HTTP, real files, the sandbox or a provider of the tests behind it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from secrets import token_hex
from time import sleep
from typing import Any

import httpx
import pytest

from messaging_channels import Configuration
from messaging_channels._config import plugin_manager as plugins
from messaging_channels.testing import Clock
from messaging_channels_gateway import GatewaySettings
from messaging_channels_gateway.gateway import Gateway, open_gateway
from messaging_channels_gateway.server import Server


class MovableClock(Clock):
    """The machine's clock, and what a test adds to it."""

    ahead = 0.0

    def now(self) -> float:
        return super().now() + self.ahead


class Served:
    """A gateway that runs, and a client with a key of all rights in a tenant of the test's own."""

    def __init__(self, gateway: Gateway, url: str, tenant: str = "default", running: Any = None) -> None:
        self._running = running
        self.gateway = gateway
        self.url = url
        self.tenant = tenant
        self.key = gateway.api_keys.create("test", tenant=tenant)
        self._clients: list[httpx.Client] = []
        self.client = self.with_key(self.key)

    def with_key(self, key: str) -> httpx.Client:
        client = httpx.Client(base_url=self.url, headers={"x-api-key": key}, timeout=20)
        self._clients.append(client)
        return client

    def log_in(self, key: str = "") -> httpx.Client:
        """Return a client with a session of the operator's page, and without an API key."""
        client = httpx.Client(base_url=self.url, timeout=20)
        self._clients.append(client)
        assert client.post("/operator/login", data={"key": key or self.key}).status_code == 303
        return client

    def of_tenant(self, tenant: str | None = None, **options: Any) -> httpx.Client:
        return self.with_key(self.gateway.api_keys.create("test", tenant=tenant or token_hex(4), **options))

    def sms(self, to: Any = "38598123456", text: str = "My text message", **more: Any) -> httpx.Response:
        headers = more.pop("headers", {})
        body = {"to": to, "content": {"text": text}, **more}
        return self.client.post("/v1/apps/message/sms", json=body, headers=headers)

    def until(self, message_id: str, status: str) -> dict[str, Any]:
        """Wait until a message stands so, by the name of its status or of its group."""
        for _ in range(500):
            shown: dict[str, Any] = self.client.get(f"/v1/messages/{message_id}").json()
            if status in (shown["status"]["name"], shown["status"]["groupName"]):
                return shown
            sleep(0.02)
        raise AssertionError(shown)

    def told(self, message_id: str, *words: str) -> list[str]:
        """Wait until these things were told of a message; return all that was."""
        for _ in range(500):
            notices = [one for _, one in self.gateway.event_log.events_after(self.tenant, 0, 1000)]
            names = [one.name for one in notices if one.data.get("messageId") == message_id]
            if {name.rpartition(".")[2] for name in names} >= set(words):
                return names
            sleep(0.02)
        raise AssertionError(names)

    def shown(self) -> list[dict[str, Any]]:
        """What the page of the development shows of this tenant."""
        messages = self.client.get("/preview/messages").json()["messages"]
        return [one for one in messages if one["tenant"] == self.tenant]

    def close(self) -> None:
        for client in self._clients:
            client.close()

    def stop(self) -> None:
        """End the gateway too, once."""
        self.close()
        running, self._running = self._running, None
        if running is not None:
            running.__exit__(None, None, None)


@contextmanager
def serving(gateway: Gateway) -> Iterator[str]:
    server = Server(gateway, "127.0.0.1", 0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.005)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        gateway.stopping.set()
        server.should_exit = True
        thread.join(20)


Serve = Callable[..., Served]


@contextmanager
def _starting() -> Iterator[Serve]:
    stack: list[Served] = []

    def start(*, settings: dict[str, Any] | None = None, plugin: object = None, **gateway: Any) -> Served:
        configuration = Configuration.read(settings, use_sandbox_defaults=True, check=plugin is None)
        if plugin is not None:
            configuration = replace(configuration, plugins=plugins.load_plugins(only=(), extra=[plugin]))
        clock = gateway.pop("clock", None)
        made = open_gateway(configuration, GatewaySettings.read(configuration, **gateway), clock=clock)
        running = serving(made)
        served = Served(made, running.__enter__(), running=running)
        stack.append(served)
        return served

    yield start
    for served in reversed(stack):
        served.stop()


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start a gateway with these settings; more keywords are the sections of the configuration, `plugin` an object with hooks."""
    with _starting() as start:
        yield start


@pytest.fixture(scope="module")
def serve_once() -> Iterator[Serve]:
    """Start a gateway for all tests of a module, with a `home` of its own."""
    with _starting() as start:
        yield start


@pytest.fixture
def clock() -> MovableClock:
    """A clock that a test moves."""
    return MovableClock()


@pytest.fixture(scope="session")
def _shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gateway, str]]:
    home = tmp_path_factory.mktemp("home")
    environment = {"MESSAGING_CHANNELS_HOME": str(home), "MESSAGING_CHANNELS_SANDBOX_HANG": "0.01"}
    configuration = Configuration.read(environment=environment, use_sandbox_defaults=True)
    gateway = open_gateway(
        configuration,
        GatewaySettings.read(
            configuration,
            poll_interval=0.05,
            body_timeout=1.0,
            key_rate_limit=1e6,
            tenant_rate_limit=1e6,
            rate_limit_burst=10**6,
        ),
    )
    with serving(gateway) as url:
        yield gateway, url


@pytest.fixture
def served(_shared: tuple[Gateway, str]) -> Iterator[Served]:
    """The gateway of the whole run, on the embedded defaults, and a tenant of the test's own."""
    made = Served(*_shared, tenant=token_hex(4))
    yield made
    made.close()


@pytest.fixture(scope="session")
def _viewer() -> None:
    """Put Swagger UI where the build does, in a checkout that was never built."""
    path = Path(__file__).parents[1] / "hatch_build.py"
    spec = importlib.util.spec_from_file_location("hatch_build", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if not all((module.VENDOR / name).exists() for name in module.FILES):
        module.vendor()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A real browser without a window."""
    chromium, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or chromedriver is None:
        pytest.skip("chromium and chromedriver are not installed")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
    ):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(chromedriver))
    yield driver
    driver.quit()


AXE = "4.14.1"


@pytest.fixture(scope="session")
def axe() -> str:
    """Return the script of axe-core; install it once a machine, where npm can."""
    home = Path(tempfile.gettempdir()) / f"messaging-channels-axe-{AXE}-{os.getuid()}"
    script = home / "node_modules" / "axe-core" / "axe.min.js"
    if not script.exists():
        if shutil.which("npm") is None:
            pytest.skip("npm is not on this machine")
        home.mkdir(mode=0o700, exist_ok=True)
        options = [
            "--no-save",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--prefer-offline",
            "--fetch-retries=0",
        ]
        install = ["npm", "install", *options, "--prefix", str(home), f"axe-core@{AXE}"]
        try:
            subprocess.run(install, capture_output=True, timeout=100, check=True)
        except (subprocess.TimeoutExpired, subprocess.CalledProcessError):
            pytest.skip("npm could not install axe-core: no network, or no copy of it")
    return script.read_text("utf-8")
