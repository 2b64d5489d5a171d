"""Run the emulator: `python -m messaging_channels_telnyx.emulator`."""

from __future__ import annotations

from messaging_channels.testing import serve
from messaging_channels_telnyx.emulator.server import TelnyxEmulator

if __name__ == "__main__":
    serve(
        lambda options: TelnyxEmulator(
            api_key=options.api_key,
            signing_secret=options.signing_secret,
            webhook_url=options.webhook_url,
            port=options.port,
        ),
        add_arguments=lambda parser: (
            parser.add_argument("--api-key", default=None),
            parser.add_argument("--signing-secret", default="made-up"),
        ),
    )
