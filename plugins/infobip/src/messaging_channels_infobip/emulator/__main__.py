"""Start the emulator: `python -m messaging_channels_infobip.emulator`."""

from __future__ import annotations

import argparse

from messaging_channels.testing import serve
from messaging_channels_infobip.emulator.server import InfobipEmulator, WebhookSecurity
from messaging_channels_infobip.webhook_auth import HASH_NAMES


def _describe(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--api-key", default="", help="the only key that is taken (default: any)")
    parser.add_argument(
        "--webhook-basic", metavar="USER:PASSWORD", default="", help="prove calls by Basic credentials"
    )
    parser.add_argument("--webhook-bearer", metavar="TOKEN", default="", help="prove calls by a Bearer token")
    parser.add_argument(
        "--webhook-header", metavar="NAME:VALUE", default="", help="prove calls by a fixed header"
    )
    parser.add_argument("--webhook-hmac-secret", default="", help="prove calls by a signature of the body")
    parser.add_argument("--webhook-hmac-header", default="X-Hub-Signature-256")
    parser.add_argument("--webhook-hmac-algorithm", default="HMAC_SHA_256", choices=sorted(HASH_NAMES))


def _build(options: argparse.Namespace) -> InfobipEmulator:
    username, _, password = options.webhook_basic.partition(":")
    name, _, value = options.webhook_header.partition(":")
    security = WebhookSecurity(
        username=username,
        password=password,
        bearer=options.webhook_bearer,
        headers={name: value} if name else {},
        hmac_secret=options.webhook_hmac_secret,
        hmac_header=options.webhook_hmac_header,
        hmac_algorithm=options.webhook_hmac_algorithm,
    )
    return InfobipEmulator(
        port=options.port, api_key=options.api_key, webhook_url=options.webhook_url, security=security
    )


if __name__ == "__main__":
    serve(_build, add_arguments=_describe)
