"""Does a STOP that was stored before a send began always hold? Processes race over one PostgreSQL database.

python -m crash.consent_race postgresql://… [messages] [processes]
"""

from __future__ import annotations

import json
import multiprocessing
import sys
import time
from typing import Any

from messaging_channels import Dispatcher, PostgresLedger, Sandbox, Sms
from messaging_channels.errors import MessageBlocked


def person(number: int) -> str:
    return f"+4479110{number:05}"


def send(conninfo: str, stopped: Any, count: int, late: Any, blocked: Any, sent: Any) -> None:
    with Dispatcher(
        [Sandbox()], ledger=PostgresLedger(conninfo, keys=[b"secret"], pool_size=2)
    ) as dispatcher:
        for number in range(count):
            known = number >= count - stopped.value  # stored before this send begins
            try:
                dispatcher.send(Sms("News"), to=person(number))
            except MessageBlocked:
                with blocked.get_lock():
                    blocked.value += 1
                continue
            with sent.get_lock():
                sent.value += 1
            if known:
                with late.get_lock():
                    late.value += 1


def stop(conninfo: str, stopped: Any, count: int) -> None:
    with Dispatcher(
        [Sandbox()], ledger=PostgresLedger(conninfo, keys=[b"secret"], pool_size=2)
    ) as dispatcher:
        for number in range(count):
            dispatcher.consent.add(
                "sms", person(count - 1 - number), source="recipient", reason="keyword STOP"
            )
            stopped.value = number + 1


def main() -> None:
    conninfo, *numbers = sys.argv[1:]
    messages, processes = (*map(int, numbers), *(10_000, 8)[len(numbers) :])
    with Dispatcher([Sandbox()], ledger=PostgresLedger(conninfo, keys=[b"secret"])) as dispatcher:
        dispatcher.send(Sms("the schema is there"), to="+447911199999")
    count = messages // (processes - 1)
    stopped, late, blocked, sent = (multiprocessing.Value("q", 0) for _ in range(4))
    started = time.perf_counter()
    workers = [multiprocessing.Process(target=stop, args=(conninfo, stopped, count))]
    workers += [
        multiprocessing.Process(target=send, args=(conninfo, stopped, count, late, blocked, sent))
        for _ in range(processes - 1)
    ]
    for one in workers:
        one.start()
    for one in workers:
        one.join()
    seconds = time.perf_counter() - started
    counts = {"sent": sent.value, "blocked": blocked.value, "late": late.value, "processes": processes}
    print(json.dumps({**counts, "seconds": round(seconds, 1)}))  # noqa: T201  the counts are the result


if __name__ == "__main__":
    main()
