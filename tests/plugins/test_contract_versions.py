from __future__ import annotations

import pytest
from providers.old_plugin import OldPlugin

from messaging_channels import Dispatcher, Outcome, Sms, errors
from messaging_channels._config import plugin_manager as plugins
from messaging_channels._config.plugin_manager import PluginManager
from messaging_channels._config.settings import Configuration
from messaging_channels.plugins.provider import PROVIDER_API_VERSION

OTHERS = pytest.mark.parametrize("contract", [PROVIDER_API_VERSION - 1, PROVIDER_API_VERSION + 1])


def _configuration(loaded: PluginManager, *route: str) -> Configuration:
    code = {"routes": {"sms": list(route)}}
    return Configuration(code, {}, {}, "none", loaded, use_sandbox_defaults=True)


@OTHERS
def test_a_plugin_for_another_contract_is_refused_with_both_numbers_when_asked_for(contract: int) -> None:
    loaded = plugins.load_plugins(only=(), extra=[OldPlugin(contract)])
    with pytest.raises(errors.PluginLoadError) as refused:
        _configuration(loaded, "other-sms").provider("other-sms")

    assert f"built for contract {contract}, this is contract {PROVIDER_API_VERSION}" in str(refused.value)


@OTHERS
def test_a_plugin_for_another_contract_disturbs_nobody_who_does_not_ask_for_it(contract: int) -> None:
    loaded = plugins.load_plugins(only=(), extra=[OldPlugin(contract)])
    with Dispatcher(**_configuration(loaded, "sandbox").dispatcher_arguments()) as dispatcher:
        assert dispatcher.send(Sms("hello"), to="+447700900123").outcome is Outcome.ACCEPTED


def test_a_route_over_a_plugin_for_another_contract_is_refused_before_anything_is_sent() -> None:
    loaded = plugins.load_plugins(only=(), extra=[OldPlugin(PROVIDER_API_VERSION - 1)])

    with pytest.raises(errors.PluginLoadError):
        _configuration(loaded, "sandbox", "other-sms").dispatcher_arguments()
