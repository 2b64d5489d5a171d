"""The commands that the gateway adds: `serve`, and `keys`."""

from __future__ import annotations

import argparse
import json
import logging
import signal
import sys
from contextlib import closing
from typing import TYPE_CHECKING

from messaging_channels import Configuration
from messaging_channels.errors import ConfigurationError
from messaging_channels.testing import Clock
from messaging_channels_gateway.auth.api_keys import OPERATE, SCOPES, ApiKeys
from messaging_channels_gateway.settings import DEFAULT_TENANT, GatewaySettings
from messaging_channels_gateway.store.opening import open_store

if TYPE_CHECKING:
    from messaging_channels_gateway.gateway import Gateway
    from messaging_channels_gateway.server import Server

_LOG = logging.getLogger("messaging_channels.gateway")


def serve(parser: argparse.ArgumentParser) -> None:
    """Describe `messaging-channels serve`."""
    parser.description = (
        "Run the HTTP gateway. Without configuration, the gateway uses the sandbox and SQLite files in MESSAGING_CHANNELS_HOME. "
        "SIGHUP reads the configuration again."
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000, help="port; 0 for any free port")
    parser.set_defaults(run=_serve)


def keys(parser: argparse.ArgumentParser) -> None:
    """Describe `messaging-channels keys`."""
    parser.description = "Manage the API keys of the gateway."
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    create = commands.add_parser("create", help="create a key and print it once")
    create.add_argument("--name", required=True, help="program or team that uses the key")
    create.add_argument("--tenant", default=DEFAULT_TENANT, help="the tenant (default: %(default)s)")
    create.add_argument(
        "--scope",
        action="append",
        choices=(*SCOPES, OPERATE),
        help="scope; may be repeated (default: all but operate)",
    )
    create.add_argument("--days", type=float, help="days until the key expires (default: never)")
    create.set_defaults(run=_create)
    rotate = commands.add_parser("rotate", help="replace a key; the old one works for --grace-hours more")
    rotate.add_argument("id", help="id of the key, as `keys list` shows it")
    rotate.add_argument("--grace-hours", type=float, default=24.0)
    rotate.set_defaults(run=_rotate)
    revoke = commands.add_parser("revoke", help="revoke a key")
    revoke.add_argument("id")
    revoke.set_defaults(run=_revoke)
    listing = commands.add_parser("list", help="list the keys")
    listing.add_argument("--json", action="store_true", help="print JSON, as this command always does")
    listing.set_defaults(run=_list)


def _serve(options: argparse.Namespace) -> int:
    from messaging_channels_gateway.gateway import open_gateway  # noqa: PLC0415  only the server needs it
    from messaging_channels_gateway.server import Server, prepare_process  # noqa: PLC0415

    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s", stream=sys.stderr
    )
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs whole URLs
    configuration = Configuration.read(use_sandbox_defaults=True)
    gateway = open_gateway(configuration, GatewaySettings.read(configuration))
    print(_startup_message(gateway, options), file=sys.stderr)  # noqa: T201  a command prints
    server = Server(gateway, options.host, options.port)
    prepare_process()
    reloading = _Reloading(configuration)
    with closing(server.config.bind_socket()) as listener:
        reloading.listen()
        while True:
            reloading.server = server
            server.run(
                sockets=[listener.dup()]
            )  # uvicorn closes what it is given: calls wait in the other one
            if not reloading.is_asked:
                return 0
            reloading.is_asked = False
            configuration = reloading.configuration
            gateway = open_gateway(configuration, GatewaySettings.read(configuration))
            server = Server(gateway, options.host, options.port)
            _LOG.warning("configuration reloaded")


class _Reloading:
    """Reads the configuration again at SIGHUP. One that is wrong changes nothing."""

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self.is_asked = False
        self.server: Server | None = None

    def listen(self) -> None:
        """Hear of SIGHUP; there is none on Windows."""
        if hasattr(signal, "SIGHUP"):
            signal.signal(signal.SIGHUP, self._reload)

    def _reload(self, number: int, frame: object) -> None:  # noqa: ARG002  what a handler is called with
        try:
            read = Configuration.read(use_sandbox_defaults=True)
            GatewaySettings.read(read)
            read.build()
        except ConfigurationError as error:
            _LOG.error("configuration not reloaded: %s", error)
            return
        self.configuration, self.is_asked = read, True
        if self.server is not None:
            self.server.begin_reload()


def _startup_message(gateway: Gateway, options: argparse.Namespace) -> str:
    where = f"http://{options.host}:{options.port}"
    lines = [f"serving on {where}; the calls are described at {where}/docs"]
    if gateway.settings.operator_page:
        lines.append(f"the operator's page is {where}/operator; log in with an API key")
    if not gateway.api_keys.list_keys():
        lines.append("there is no API key yet: messaging-channels keys create --name NAME")
    if gateway.preview_store is not None:
        lines.append(f"preview: sent messages are shown at {where}/preview")
    return "\n".join(lines)


def _create(options: argparse.Namespace) -> int:
    with _OpenApiKeys() as opened:
        try:
            made = opened.create(
                options.name, tenant=options.tenant, scopes=options.scope or SCOPES, days=options.days
            )
        except ValueError as error:
            print(error, file=sys.stderr)  # noqa: T201
            return 2
    print(made)  # noqa: T201
    return 0


def _rotate(options: argparse.Namespace) -> int:
    with _OpenApiKeys() as opened:
        try:
            made = opened.rotate(options.id, grace_hours=options.grace_hours)
        except LookupError:
            return _unknown_key()
    print(made)  # noqa: T201
    return 0


def _revoke(options: argparse.Namespace) -> int:
    with _OpenApiKeys() as opened:
        try:
            opened.expire(options.id, 0.0)
        except LookupError:
            return _unknown_key()
    return 0


def _list(_: argparse.Namespace) -> int:
    with _OpenApiKeys() as opened:
        print(json.dumps({"keys": opened.list_keys()}))  # noqa: T201
    return 0


def _unknown_key() -> int:
    print("there is no key with that id; see `messaging-channels keys list`", file=sys.stderr)  # noqa: T201
    return 2


class _OpenApiKeys:
    """The keys of the configured home, for the length of a command."""

    def __enter__(self) -> ApiKeys:
        configuration = Configuration.read(use_sandbox_defaults=True)
        settings = GatewaySettings.read(configuration)
        self._store = open_store(settings, configuration.ledger())
        return ApiKeys(self._store, Clock().now)

    def __exit__(self, *_: object) -> None:
        self._store.close()
