"""Run the emulator: `python -m messaging_channels_twilio.emulator`."""

from __future__ import annotations

from messaging_channels.testing import serve
from messaging_channels_twilio.emulator.server import add_arguments, build

if __name__ == "__main__":
    serve(build, add_arguments=add_arguments)
