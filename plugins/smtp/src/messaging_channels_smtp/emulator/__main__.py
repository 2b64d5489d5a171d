"""Run the emulator: `python -m messaging_channels_smtp.emulator`."""

from __future__ import annotations

from messaging_channels_smtp.emulator.server import main

if __name__ == "__main__":
    main()
