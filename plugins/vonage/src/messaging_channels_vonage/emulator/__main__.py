"""Run the emulator: `python -m messaging_channels_vonage.emulator`."""

from __future__ import annotations

from messaging_channels.testing import serve
from messaging_channels_vonage.emulator.server import VonageEmulator

if __name__ == "__main__":
    serve(
        lambda options: VonageEmulator(
            api_secret=options.api_secret, webhook_url=options.webhook_url, port=options.port
        ),
        add_arguments=lambda parser: parser.add_argument("--api-secret", default="made-up"),
    )
