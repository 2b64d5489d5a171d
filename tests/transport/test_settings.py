"""Settings with which no request could be made are refused where they are given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trustme

from messaging_channels import AsyncDispatcher, ConfigurationError, Dispatcher, Sandbox
from messaging_channels._transport.settings import ClientCertificate, HttpSettings
from messaging_channels.plugins.exchange import Timeouts

MISTAKES: dict[str, dict[str, Any]] = {
    "http.ca_file": {"ca_file": Path("nowhere.pem")},
    "http.client_certificate": {"client_certificate": ClientCertificate(Path("nowhere.pem"))},
    "http.proxy": {"proxy": "proxy.example.com:8080"},
    "http.connect_timeout": {"timeouts": Timeouts(connect=0)},
    "http.read_timeout": {"timeouts": Timeouts(read=float("nan"))},
    "http.total_timeout": {"timeouts": Timeouts(total=-1)},
    "http.client": {"client": "curl"},
}


@pytest.mark.parametrize("made", [Dispatcher, AsyncDispatcher])
@pytest.mark.parametrize("setting", MISTAKES)
def test_a_mistake_is_named_where_the_dispatcher_is_made(made: Any, setting: str) -> None:
    with pytest.raises(ConfigurationError, match=setting):
        made([Sandbox()], http=HttpSettings(**MISTAKES[setting]))


def test_a_certificate_with_the_key_of_another_one_is_refused(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.issue_cert("one.example.com").cert_chain_pems[0].write_to_path(tmp_path / "one.pem")
    authority.issue_cert("two.example.com").private_key_pem.write_to_path(tmp_path / "two.key")
    certificate = ClientCertificate(tmp_path / "one.pem", tmp_path / "two.key")

    with pytest.raises(ConfigurationError, match="certificate"):
        Dispatcher([Sandbox()], http=HttpSettings(client_certificate=certificate))


@pytest.mark.parametrize("content", ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_a_file_without_certificates_is_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text(content)

    with pytest.raises(ConfigurationError, match="ca_file"):
        Dispatcher([Sandbox()], http=HttpSettings(ca_file=tmp_path / "ca.pem"))


@pytest.mark.parametrize(
    "proxy", ["http://", "ftp://proxy.example.com", "http://proxy.example.com:99999", "://x"]
)
def test_what_is_no_proxy_is_refused_without_repeating_it(proxy: str) -> None:
    with pytest.raises(ConfigurationError, match="proxy") as refused:
        Dispatcher([Sandbox()], http=HttpSettings(proxy=proxy))

    assert "example.com:99999" not in str(refused.value)
