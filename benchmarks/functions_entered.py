"""Which functions of ours one message enters: what a newcomer has to follow, and what every message pays for.

Counted are functions by name, from making the message to the receipt, with those of the sandbox that takes it. Comprehensions and lambdas are a part of the function that holds
them (from Python 3.12 a comprehension has no frame of its own).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from messaging_channels import Dispatcher, Sandbox, Sms, SqliteLedger


def functions_entered(send: Callable[[], object]) -> dict[tuple[str, str], int]:
    """Return how often `send` enters or goes on with each function, in the order of the first time."""
    entered: dict[tuple[str, str], int] = {}

    def profile(frame, event, _) -> None:
        code = frame.f_code
        if event == "call" and "messaging_channels" in code.co_filename and not code.co_name.startswith("<"):
            key = code.co_filename.rpartition("messaging_channels/")[2], code.co_qualname
            entered[key] = entered.get(key, 0) + 1

    sys.setprofile(profile)
    try:
        send()
    finally:
        sys.setprofile(None)
    return entered


def count(title: str, *, verbose: bool, folder: Path | None = None) -> None:
    key = {} if folder is None else {"idempotency_key": "login-4821"}
    ledger = None if folder is None else SqliteLedger(folder / "ledger.sqlite3", owned=True)
    with Dispatcher([Sandbox()], ledger=ledger) as dispatcher:
        dispatcher.send(
            Sms("Your code is 1234"), to="+447700900123", **{name: "first" for name in key}
        )  # what the first message alone needs
        entered = functions_entered(
            lambda: dispatcher.send(Sms("Your code is 4821"), to="+447700900123", **key)
        )
    print(f"{title}: {len(entered)} functions in {len({module for module, _ in entered})} modules")
    if verbose:
        for (module, name), times in entered.items():
            print(f"    {module:40} {name} {times}")


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("-v", "--verbose", action="store_true", help="name them")
    verbose = options.parse_args().verbose
    count("a plain send", verbose=verbose)
    with tempfile.TemporaryDirectory() as made:
        count("with a ledger and an idempotency key", verbose=verbose, folder=Path(made))
