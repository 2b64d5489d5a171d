"""Ten thousand sends with faults on all sides: each message is taken at most once, and none is lost.

Processes are forked and killed, clocks are set, the ledger is away for moments and the server fails.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from crash.chaos_server import ChaosServer, kept_in, parts
from crash.test_killed_process import ClockADayAhead
from trials import scaled

from messaging_channels import Dispatcher, Outcome, Sms, errors
from messaging_channels.plugins.ledger import Ledger
from messaging_channels.plugins.webhooks import WebhookRequest

SENDS = scaled(10_000, least=200)
SEED = int(os.environ.get("MESSAGING_CHANNELS_STORM_SEED", "20261125"))
SLOTS = ("sync", "async", "sync", "async")
"""The modes, sync or async, of the processes that run at once."""
CALLS = 4
"""How often each message is asked for, at least: by every process once to the end, besides a first time until it is killed."""
CHUNKS = 8 if SENDS >= 4000 else 3
"""Into how many parts the messages are cut: all processes work on one at the same time. Each costs two processes a slot, so a small run has fewer."""
BULK = 20
"""Recipients of one call with many."""
DEATHS = [
    ("after", "ReserveMessage"),
    ("before", "FinishAttempt"),
    ("during", "ReserveMessage"),
    ("after", "FinishAttempt"),
    ("during", "FinishAttempt"),
    ("before", "ReserveMessage"),
    ("after", "Transaction"),
    ("after", "StartAttempt"),
    ("during", "GetMessage"),
]
DELIVERED, ENROUTE, UNDELIVERABLE = (3, 5), (1, 7), (2, 9)
TESTS = Path(__file__).parents[1]


class ChaosRun:
    """One run: its messages, its processes, and what they were told."""

    def __init__(self, folder: Path, ledger: str, server: ChaosServer, seed: int) -> None:
        self.folder, self.ledger, self.server = folder, ledger, server
        self.random = random.Random(seed)
        self.jobs = _jobs(SENDS // CALLS)
        self.kills = 0
        self.over = threading.Event()

    def send_all(self) -> None:
        """Run all processes to their end, starting each again that was killed."""
        reports = threading.Thread(target=self._report)
        reports.start()
        with ThreadPoolExecutor(len(SLOTS)) as pool:
            seeds = [self.random.randrange(2**32) for _ in SLOTS]
            for done in [pool.submit(self._slot, index, seed) for index, seed in enumerate(seeds)]:
                done.result()
        self.over.set()
        reports.join()

    def _slot(self, index: int, seed: int) -> None:
        chance = random.Random(seed)
        size = max(1, len(self.jobs) // CHUNKS)
        chunks = [self.jobs[start : start + size] for start in range(0, len(self.jobs), size)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])}
        command = [sys.executable, "-m", "crash.chaos_server"]
        with subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as forker:
            for number, chunk in enumerate(chunks):
                # the first to work on it is killed, and the second goes over all of it again
                for death in (number + 2 * index, None):
                    jobs = chance.sample(chunk, len(chunk))
                    plan = self._plan(f"{index}-{number}-{death}", SLOTS[index], jobs, death, chance)
                    self._process(forker, plan)

    def _plan(self, name: str, mode: str, jobs: list[Any], death: int | None, chance: random.Random) -> Path:
        dies = (
            ["", "", 0]
            if death is None
            else [*DEATHS[death % len(DEATHS)], chance.randrange(1, 2 + len(jobs) // 3)]
        )
        told = {
            "mode": mode,
            "url": self.server.url,
            "ledger": self.ledger,
            "journal": str(self.folder / f"{name}.journal"),
            "jobs": jobs,
            "dies": dies,
            "seed": chance.randrange(2**32),
            "only": chance.choice(["", "", "acme-sms"]),
        }
        plan = self.folder / f"{name}.json"
        plan.write_text(json.dumps(told), "utf-8")
        return plan

    def _process(self, forker: Any, plan: Path) -> None:
        print(plan, file=forker.stdin, flush=True)
        code = int(forker.stdout.readline())
        assert code in (0, -signal.SIGKILL), f"a process ended with {code}"
        self.kills += code != 0

    def _report(self) -> None:
        """Tell what became of two thirds of the messages, late, repeatedly and out of order."""
        chance, told = random.Random(self.random.random()), 0
        with Dispatcher(**parts(kept_in(self.ledger), self.server.url)) as dispatcher:
            while not self.over.wait(0.2):
                taken = [one for each in list(self.server.taken.values()) for one in each]
                new, told = taken[told:], len(taken)
                events = [event for one in new if chance.random() < 2 / 3 for event in _news(*one, chance)]
                chance.shuffle(events)
                for provider in ("acme-sms", "acme-bulk"):
                    call = [event for name, event in events if name == provider]
                    for start in range(0, len(call), 50):
                        body = json.dumps(call[start : start + 50]).encode()
                        dispatcher.handle_webhook(provider, WebhookRequest(body))

    def answers(self) -> dict[str, set[str]]:
        """Return what callers were told of each message."""
        told: dict[str, set[str]] = {}
        for journal in self.folder.glob("*.journal"):
            for line in journal.read_text("utf-8").splitlines():
                _, to, text, said = json.loads(line)
                told.setdefault(f"{to} {text}", set()).add(said)
                self.said[said] += 1
        return told

    said: Counter[str]


def _jobs(count: int) -> list[Any]:
    """Return what is to be sent: single messages, and calls with many; some that no provider takes."""
    single = count * 4 // 5
    jobs: list[Any] = [
        [
            f"key {number}",
            f"4477009{number % 1000:05}",
            f"message {number}{' bad' if number % 40 == 7 else ''}",
        ]
        for number in range(single)
    ]
    many = [f"4477008{place:05}" for place in range(BULK)]
    return jobs + [
        [f"bulk {number}", many, f"bulk {number}"] for number in range(-(-(count - single) // BULK))
    ]


def _news(provider: str, message_id: str, own: str, chance: random.Random) -> list[tuple[str, Any]]:
    """Return the reports on a message: some name it by our id, some by the provider's alone."""
    end = chance.choice([DELIVERED, DELIVERED, UNDELIVERABLE])
    names = {"message_id": message_id, "provider_id": own} if chance.random() < 0.8 else {"provider_id": own}
    reports = [
        (provider, [*status, {**names, "occurred_at": at}]) for at, status in enumerate([ENROUTE, end], 1)
    ]
    return reports * chance.choice([1, 2])


def _in_threads(work: Callable[[Any], None], items: list[Any]) -> None:
    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(work, item) for item in items]:
            done.result()


def _final(ledger: Ledger, run: ChaosRun) -> dict[str, Outcome]:
    """When faults are off: settle, then have two threads at once ask for each message again. Return how each stands."""
    ends: dict[str, Outcome] = {}
    with Dispatcher(**parts(ledger, run.server.url), clock=ClockADayAhead()) as dispatcher:
        while dispatcher.reconcile(limit=500):
            pass

        def again(job: Any) -> None:
            key, to, text = job
            if isinstance(to, list):
                for each in dispatcher.send_each(Sms(text), to=to, idempotency_key=key):
                    note(each.to, text, each.error or each.receipt)
                return
            try:
                note(to, text, dispatcher.send(Sms(text), to=to, idempotency_key=key, in_progress_timeout=10))
            except errors.MessagingError as error:
                note(to, text, error)

        def note(to: str, text: str, end: Any) -> None:
            if isinstance(end, errors.IdempotencyKeyInUse):
                return  # the other thread has it
            receipt = end.receipt if isinstance(end, errors.SendFailed) else end
            ends[f"{to} {text}"] = receipt.outcome

        _in_threads(again, [job for job in run.jobs for _ in range(2)])
        _in_threads(again, run.jobs)
    return ends


def _late_reports(ledger: Ledger, run: ChaosRun, held: list[str]) -> dict[str, Outcome]:
    """Have the providers report on what is still unknown, then see how it stands."""
    ends: dict[str, Outcome] = {}
    with Dispatcher(**parts(ledger, run.server.url), clock=ClockADayAhead()) as dispatcher:
        for name in held:
            for provider, message_id, own in run.server.taken.get(name, []):
                report = [*DELIVERED, {"message_id": message_id, "provider_id": own, "occurred_at": 3}]
                dispatcher.handle_webhook(provider, WebhookRequest(json.dumps([report]).encode()))
                record = dispatcher.get_message(message_id)
                assert record is not None
                ends[name] = record.outcome
    return ends


@pytest.mark.trial
@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_under_chaos_each_message_is_taken_at_most_once_and_none_is_lost(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = request.getfixturevalue("postgres") if kind == "postgres" else str(tmp_path / "ledger.sqlite3")
    began = time.monotonic()
    with ChaosServer(SEED) as server:
        run = ChaosRun(tmp_path, told, server, SEED)
        run.said = Counter()
        run.send_all()
        sending_seconds = time.monotonic() - began
        before = sum(map(len, server.taken.values()))
        server.faults_off = True
        ledger = kept_in(told)
        ends = _final(ledger, run)
        held = [name for name, end in ends.items() if end is Outcome.UNKNOWN]
        reported = _late_reports(ledger, run, held)
        if kind == "sqlite":
            ledger.close()  # type: ignore[attr-defined]
    answers = run.answers()
    counts: dict[str, Any] = {
        "calls": sum(run.said.values()),
        "messages": len(ends),
        "kills": run.kills,
        "requests": sum(server.did.values()),
        "taken": sum(map(len, server.taken.values())),
        "taken after the run": sum(map(len, server.taken.values())) - before,
        "ended": dict(Counter(ends.values())),
        "of the held, settled by a late report": len(reported),
        **{name: len(found) for name, found in _faults(run, server, ends, answers).items()},
        "seconds": round(time.monotonic() - began, 1),
        "of which run": round(sending_seconds, 1),
    }
    with capsys.disabled():
        print(  # noqa: T201  the counts are what one wants to see
            f"\nstorm on {kind}, seed {SEED}: {counts}\n  told: {dict(run.said)}\n  server: {dict(server.did)}"
        )
    _check(run, server, ends, answers, reported)

    assert counts["calls"] >= SENDS


def _check(
    run: ChaosRun,
    server: ChaosServer,
    ends: dict[str, Outcome],
    answers: dict[str, set[str]],
    reported: dict[str, Outcome],
) -> None:
    why = f"seed {SEED}"
    assert _faults(run, server, ends, answers) == {"doubled": [], "lost": [], "told wrongly": []}, why
    assert set(reported.values()) <= {Outcome.ACCEPTED}, why
    assert run.said.keys() <= {
        "accepted",
        "unknown",
        "NotSent",
        "AccountError",
        "Rejected",
        "IdempotencyKeyInUse",
        "LedgerUnavailable",
    }, why


def _faults(
    run: ChaosRun, server: ChaosServer, ends: dict[str, Outcome], answers: dict[str, set[str]]
) -> dict[str, list[str]]:
    """Return the messages of which a promise was broken, counted at the other end."""
    wanted = {f"{one} {text}" for _, to, text in run.jobs for one in (to if isinstance(to, list) else [to])}
    taken = {name: len(server.taken.get(name, [])) for name in wanted | server.taken.keys()}
    return {
        "doubled": [name for name, count in taken.items() if count > 1],
        "lost": [name for name in wanted if not _is_kept(name, ends.get(name))],
        "told wrongly": [
            name
            for name in wanted
            if taken[name] not in _COUNTS.get(ends.get(name), {0})
            or ("accepted" in answers.get(name, ()) and not taken[name])
        ],
    }


def _is_kept(name: str, end: Outcome | None) -> bool:
    """Whether the end is one that a message may come to: a bad one is refused, or was lost at the provider that nobody can ask."""
    return end in (
        (Outcome.REJECTED, Outcome.UNKNOWN) if name.endswith("bad") else (Outcome.ACCEPTED, Outcome.UNKNOWN)
    )


_COUNTS: dict[Outcome | None, set[int]] = {Outcome.ACCEPTED: {1}, Outcome.UNKNOWN: {0, 1}}
"""How often a message was taken that ended so; any other was not."""
