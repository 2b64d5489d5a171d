"""Providers in tests: the installed plugin itself, its vendor played by its fixtures; where there is no plugin, the fake."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar
from urllib.parse import urlsplit

from messaging_channels._config import plugin_manager as plugins
from messaging_channels._model.outcomes import AttemptResult
from messaging_channels.plugins.exchange import Exchange, ExecutorPair, Flow, HttpRequest
from messaging_channels.plugins.provider import Capabilities, Envelope, Provider, ProviderSpec
from messaging_channels.testing import canaries, fake
from messaging_channels.testing.fixtures import ConformanceFixtures
from messaging_channels.testing.provider_script import ProviderScript
from messaging_channels.testing.vendor_webhooks import VendorWebhooks, fixtures_of

_FIRST_PORT = 61_000


class ProviderDouble:
    """One provider of a test with the script of its vendor."""

    def __init__(self, spec: ProviderSpec, fixtures: ConformanceFixtures, number: int) -> None:
        """Build the provider. Its URL, at a port where nobody listens, tells it from the others."""
        self.netloc = f"127.0.0.1:{_FIRST_PORT + number}"
        given = fixtures.settings(f"http://{self.netloc}", canaries.SECRET)
        self.provider: Provider = spec.build(spec.settings.model_validate(given))
        self.script = ProviderScript(
            fixtures, provider=spec.name, has_own_protocol=bool(self.provider.executors)
        )
        self.webhooks = VendorWebhooks(fixtures)


def provider_double(name: str | tuple[ProviderSpec, ConformanceFixtures], number: int) -> ProviderDouble:
    """Return the stand-in of a provider: by the installed plugin if it names fixtures, or else the fake."""
    if isinstance(name, tuple):
        return ProviderDouble(*name, number)
    fixtures = fixtures_of(name)
    if fixtures is None or name == "sandbox":
        return ProviderDouble(fake.fake_spec(name), fake.FIXTURES, number)
    return ProviderDouble(plugins.load_plugins(only={name}).provider(name), fixtures, number)


class ScriptedExecutors:
    """Has the exchanges of all stand-ins of a dispatcher performed by their scripts. It is a provider that carries nothing, and stands last."""

    name: ClassVar[str] = "(the vendors of this test)"
    capabilities: ClassVar[Capabilities] = Capabilities({})

    def __init__(self, doubles: Iterable[ProviderDouble]) -> None:
        """Take over their exchanges."""
        scripts = {one.netloc: one.script for one in doubles}
        own = {kind: one.script for one in doubles for kind in one.provider.executors}
        made = ExecutorPair(lambda: _ScriptExecutor(scripts, own), lambda: _AsyncScriptExecutor(scripts, own))
        self.executors: Mapping[type[Exchange[Any]], ExecutorPair] = dict.fromkeys((HttpRequest, *own), made)

    def send(self, batch: Iterable[Envelope]) -> Flow[list[AttemptResult]]:
        """Never called: it carries nothing."""
        raise NotImplementedError


class _ScriptExecutor:
    """Answers exchanges from scripts. See Executor."""

    def __init__(
        self, scripts: Mapping[str, ProviderScript], own: Mapping[type[Exchange[Any]], ProviderScript]
    ) -> None:
        self._scripts = scripts
        self._own = own

    def perform(self, exchange: Exchange[Any]) -> Any:  # noqa: ANN401  the exchange's own type decides
        """Ask the vendor that the exchange is for."""
        if not isinstance(exchange, HttpRequest):
            return self._own[type(exchange)].reply(exchange)
        place = urlsplit(exchange.url).netloc
        if place not in self._scripts:
            message = "a provider in this test does not send to its `base_url`, so its fixtures cannot answer for the vendor"
            raise LookupError(message)
        return self._scripts[place].reply(exchange)

    def close(self) -> None:
        """Nothing is held."""


class _AsyncScriptExecutor:
    """The same for event loops. See AsyncExecutor."""

    def __init__(
        self, scripts: Mapping[str, ProviderScript], own: Mapping[type[Exchange[Any]], ProviderScript]
    ) -> None:
        self._executor = _ScriptExecutor(scripts, own)

    async def perform(self, exchange: Exchange[Any]) -> Any:  # noqa: ANN401  the exchange's own type decides
        """Ask the vendor that the exchange is for."""
        return self._executor.perform(exchange)

    async def close(self) -> None:
        """Nothing is held."""
