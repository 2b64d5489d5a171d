"""Run the emulator: `python -m messaging_channels_postmark.emulator`."""

from __future__ import annotations

from messaging_channels.testing import serve
from messaging_channels_postmark.emulator.server import PostmarkEmulator

if __name__ == "__main__":
    serve(
        lambda options: PostmarkEmulator(
            server_token=options.server_token,
            webhook_username=options.webhook_username,
            webhook_password=options.webhook_password,
            webhook_url=options.webhook_url,
            port=options.port,
        ),
        add_arguments=lambda parser: (
            parser.add_argument("--server-token", default="made-up"),
            parser.add_argument("--webhook-username", default="postmark"),
            parser.add_argument("--webhook-password", default="made-up"),
        ),
    )
