"""Run the emulator: `python -m messaging_channels_whatsapp_cloud.emulator`."""

from __future__ import annotations

from messaging_channels.testing import serve
from messaging_channels_whatsapp_cloud.emulator.server import add_arguments, build

if __name__ == "__main__":
    serve(build, add_arguments=add_arguments)
