"""Incidents as operators have them, on real processes, vendors' emulators and real databases: what each costs, which sign tells of it, what mends it.

Run as a program: `python -m crash.incidents [NAME…]`; three lines for each. `MESSAGING_CHANNELS_TRIALS_SHARE=1` for the full size.
"""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import postgres
from crash.incident_gateway import burst, hanging_endpoint, replace_gateway
from crash.incident_site import Report, Site, SkewedWorker, WorkerProcess
from gateway_nodes import url_of
from psycopg.conninfo import conninfo_to_dict
from trials import scaled

from messaging_channels.testing import Fault, FaultKind

MANY = 100_000
"""More requests than any incident makes."""


def restored_postgres(site: Site) -> Report:
    """An old copy is restored by `pg_restore` after what waited in it was sent."""
    dump = site.folder / "dump"
    return _restored(
        site,
        lambda: _pg_tool(site, "pg_dump", "--format=custom", f"--file={dump}"),
        lambda: _pg_tool(site, "pg_restore", "--clean", "--if-exists", str(dump)),
    )


def restored_sqlite(site: Site) -> Report:
    """An old copy of the file is put in its place after what waited in it was sent."""
    path, kept = Path(site.ledger_url.removeprefix("sqlite:")), site.folder / "copy"

    def restore() -> None:
        for beside in ("-wal", "-shm"):
            path.with_name(path.name + beside).unlink(missing_ok=True)
        shutil.copyfile(kept, path)

    return _restored(site, lambda: shutil.copyfile(path, kept), restore)


def _restored(site: Site, copy: Callable[[], object], restore: Callable[[], object]) -> Report:
    numbers = range(scaled(300, least=20))
    report = Report(
        "restored old copy", mended_by="ledger restored --decide hold; messages resolve ID --as sent"
    )
    site.enqueue(numbers)
    copy()
    site.drain()
    before = len(site.twilio.texts.came)
    restore()
    drained = site.command("worker", "--drain")
    report.figures["sent by a worker before anybody decided"] = len(site.twilio.texts.came) - before
    report.see(next((line for line in drained.stderr.splitlines() if "restored" in line), ""))
    shown = site.command("ledger", "restored")
    report.see(f"`ledger restored` ends with {shown.returncode}" if shown.returncode else "")
    site.command("ledger", "restored", "--decide", "hold")
    site.drain()
    with site.dispatcher() as dispatcher:
        held = dispatcher.list_unknown(limit=1000)
        for one in held:
            dispatcher.resolve(one.id, "sent", by="operator", why="the vendor's console lists it")
    site.drain()
    report.figures |= {"held": len(held), "waiting in the end": site.waiting()}
    return site.counted(report, numbers)


def _pg_tool(site: Site, name: str, *options: str) -> None:
    where: dict[str, Any] = conninfo_to_dict(site.ledger_url)
    programs = postgres.binaries()
    assert programs is not None
    at = ["-h", where["host"], "-p", str(where["port"]), "-U", where["user"], "-d", where["dbname"]]
    subprocess.run([programs / name, *at, *options], check=True, capture_output=True)


def rolling_upgrade(site: Site) -> Report:
    """Two workers and a gateway are replaced one after the other while messages come in, and the tables are upgraded meanwhile."""
    numbers, seen = range(scaled(400, least=40)), list[float]()
    report = Report("rolling upgrade", late_after=60, mended_by="nothing: what was not begun is given back")
    with ExitStack() as stack:
        old = [stack.enter_context(site.worker()) for _ in range(2)]
        quarter = len(numbers) // 4
        for turn in range(4):
            site.enqueue(numbers[turn * quarter : (turn + 1) * quarter])
            if turn < len(old):
                new = stack.enter_context(site.worker())
                report.figures[f"worker {turn + 1} ended in"] = f"{old[turn].stop():.1f} s"
                seen.append(new.metric("messaging_channels_workers") or 0)
            else:
                report.figures["ledger upgrade"] = site.command("ledger", "upgrade").returncode
        calls = range(len(numbers), len(numbers) + len(numbers) // 4)
        replace_gateway(site, report, calls)
        site.until(lambda: site.waiting() == 0)
    report.see(f"messaging_channels_workers never below {min(seen):.0f}" if min(seen) else "")
    return site.counted(report, range(len(numbers) + len(calls)))


def slow_vendor(site: Site) -> Report:
    """A vendor needs 5 s for an answer, another is quick; then the worker is told to stop."""
    seconds = 5.0 if scaled(10) == 10 else 1.0
    slow, quick = range(scaled(120, least=12)), range(1000, 1000 + scaled(300, least=30))
    report = Report(
        "slow vendor",
        late_after=max(10.0, 2 * seconds),
        mended_by="nothing: it costs its own share of the lanes",
    )
    site.twilio.faults.add(Fault(FaultKind.SLOW, seconds=seconds, times=MANY))
    site.enqueue(slow)
    with site.worker("--stop-timeout", "10") as worker:
        site.until(lambda: len(site.twilio.requests) >= 4)
        begun = time.time()
        site.enqueue(quick, mails=True)
        site.until(lambda: len(site.infobip.texts.came) >= len(quick), 30)
        late = [at - begun for _, at in site.infobip.texts.came]
        report.figures["the last quick one after"] = f"{max(late, default=0):.1f} s"
        report.figures["slow at the same time"] = worker.metric(
            "messaging_channels_worker_lanes", state="busy"
        )
        site.until(lambda: worker.metric("messaging_channels_attempt_seconds_count", provider="twilio"), 30)
        count = worker.metric("messaging_channels_attempt_seconds_count", provider="twilio") or 0
        total = worker.metric("messaging_channels_attempt_seconds_sum", provider="twilio") or 0
        report.see(
            f"messaging_channels_attempt_seconds{{twilio}} mean {total / count:.1f} s" if count else ""
        )
        report.figures["SIGTERM ended it in"] = f"{worker.stop():.1f} s of at most 10 s"
    site.twilio.faults.clear()
    given_back = time.time()
    with site.worker():
        site.until(lambda: site.waiting() == 0)
    report.figures["what was given back was sent in"] = f"{time.time() - given_back:.1f} s"
    return site.counted(report, [*slow, *quick], timed=quick)


def stopped_database(site: Site) -> Report:
    """The database is stopped under a worker and an enqueuer, and started again."""
    numbers = range(scaled(200, least=20))
    report = Report("stopped database", late_after=30, mended_by="pg_ctl start; the worker goes on by itself")
    assert site.server is not None
    with site.worker() as worker:
        site.enqueue(numbers[: len(numbers) // 2])
        site.server.stop("immediate")
        site.until(lambda: worker.health()[0] == 503)
        report.see(f"/health {worker.health()}")
        report.see(f"messaging_channels_ledger_up {worker.metric('messaging_channels_ledger_up')}")
        refused = site.command("enqueue", "sms", "--to", "+447700900123", "--text", "refused")
        report.figures["enqueue meanwhile ends with"] = refused.returncode
        site.server.start()
        begun = time.time()
        site.until(lambda: worker.health()[0] == 200)
        report.figures["healthy again after"] = f"{time.time() - begun:.1f} s"
        site.enqueue(numbers[len(numbers) // 2 :])
        # what was in progress when the database went away is unknown after its lease, and not sent again
        site.until(lambda: len(site.twilio.texts.came) >= len(numbers), 30)
        report.see(worker.logged("processing failed"))
    return site.counted(report, numbers)


def full_disk(site: Site) -> Report:
    """The disk of a SQLite ledger is full for a while: nothing can be written down, so nothing is sent."""
    numbers = range(scaled(100, least=10))
    report = Report("full disk", late_after=30, mended_by="room on the disk; the worker goes on by itself")
    with site.worker() as worker:
        no_room = (1, resource.RLIM_INFINITY)  # no file of the process may be written beyond its first byte
        resource.prlimit(worker.process.pid, resource.RLIMIT_FSIZE, no_room)
        site.enqueue(numbers)
        site.until(lambda: worker.health()[0] == 503)
        report.see(f"/health {worker.health()}")
        report.see(worker.logged("processing failed"))
        report.figures["sent meanwhile"] = len(site.twilio.texts.came)
        resource.prlimit(
            worker.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        )
        site.until(lambda: worker.health()[0] == 200 and site.waiting() == 0)
    return site.counted(report, numbers)


def skewed_clocks(site: Site) -> Report:
    """One worker's clock is a day ahead, another's an hour behind."""
    numbers = range(scaled(300, least=30))
    report = Report("skewed clocks", late_after=30, mended_by="NTP on that machine")
    with (
        SkewedWorker.running(site, ahead=86400) as ahead,
        SkewedWorker.running(site, ahead=-3600) as behind,
    ):
        site.enqueue(numbers)
        site.until(lambda: site.waiting() == 0)
        for worker in (ahead, behind):
            skew = worker.metric("messaging_channels_clock_ahead_seconds")
            report.see(f"messaging_channels_clock_ahead_seconds {skew:.0f}" if skew else "")
    return site.counted(report, numbers)


def killed_worker(site: Site) -> Report:
    """A worker is killed with requests under way; its lease is 3 s."""
    numbers = range(scaled(200, least=30))
    report = Report(
        "SIGKILL",
        late_after=30,
        mended_by="another worker, after the lease; messages resolve for what is unknown",
    )
    site.twilio.faults.add(Fault(FaultKind.SLOW, seconds=0.3, times=MANY))
    site.enqueue(numbers)
    with SkewedWorker.running(site, lease=3) as worker:
        site.until(lambda: len(site.twilio.texts.came) >= 8)
        worker.stop(signal.SIGKILL)
    site.twilio.faults.clear()
    with SkewedWorker.running(site, lease=3) as other:
        site.until(lambda: len(site.twilio.texts.came) >= len(numbers) and site.waiting() <= 8)
        site.until(lambda: site.waiting() == 0, 15)
        report.see(f"messaging_channels_workers {other.metric('messaging_channels_workers'):.0f}")
        unknown = other.metric("messaging_channels_queue_events_total", event="unknown")
        report.see(f"messaging_channels_queue_events_total{{unknown}} {unknown or 0:.0f}")
    with site.dispatcher() as dispatcher:
        left = dispatcher.list_unknown(limit=1000)
        report.figures["left unknown"] = len(left)
        for one in left:
            dispatcher.resolve(one.id, "sent", by="operator", why="the vendor's console lists it")
    return site.counted(report, numbers)


def wrong_credentials(site: Site) -> Report:
    """The vendor's key is wrong: every message waits, until the file is right and the worker is told to read it."""
    numbers = range(scaled(50, least=5))
    report = Report("wrong credentials", late_after=60, mended_by="the right key in the file; SIGHUP")
    site.write_settings(auth_token="0" * 32)
    with site.worker() as worker:
        site.enqueue(numbers)
        labels = {"provider": "twilio", "reason": "not_sent.credentials"}
        site.until(lambda: worker.metric("messaging_channels_queue_paused", **labels))
        report.see(
            f"messaging_channels_queue_paused {worker.metric('messaging_channels_queue_paused', **labels)}"
        )
        report.see(worker.logged("reason=not_sent.credentials"))
        found = site.command("doctor")
        report.see(f"doctor ends with {found.returncode}" if found.returncode else "")
        site.write_settings()
        worker.tell(signal.SIGHUP)
        mended = time.time()
        site.until(lambda: site.waiting() == 0, 90)
        report.figures["sent after the reload within"] = f"{time.time() - mended:.0f} s"
    return site.counted(report, numbers)


INCIDENTS: dict[str, tuple[str, Callable[[Site], Report]]] = {
    "restored-postgres": ("postgres", restored_postgres),
    "restored-sqlite": ("sqlite", restored_sqlite),
    "rolling-upgrade": ("postgres", rolling_upgrade),
    "slow-vendor": ("postgres", slow_vendor),
    "burst": ("postgres", burst),
    "hanging-endpoint": ("postgres", hanging_endpoint),
    "stopped-database": ("postgres", stopped_database),
    "full-disk": ("sqlite", full_disk),
    "skewed-clocks": ("postgres", skewed_clocks),
    "sigkill": ("postgres", killed_worker),
    "wrong-credentials": ("sqlite", wrong_credentials),
}


@contextmanager
def _site(kind: str, folder: Path) -> Iterator[Site]:
    if kind == "sqlite":
        with Site(folder, f"sqlite:{folder / 'ledger.sqlite3'}") as site:
            yield site
        return
    with postgres.running() as server, Site(folder, url_of(server.empty()), server) as site:
        yield site


def run(name: str, folder: Path) -> Report:
    """Let one incident happen; return what it cost."""
    kind, incident = INCIDENTS[name]
    with _site(kind, folder) as site:
        report = incident(site)
    report.name = f"{report.name} ({kind})"
    return report


def main(names: list[str]) -> int:
    failed = 0
    for name in names or INCIDENTS:
        with tempfile.TemporaryDirectory(prefix="mc-incident-") as folder:
            report = run(name, Path(folder))
        os.write(sys.stdout.fileno(), f"{report}\n".encode())
        failed += not report.is_harmless
    return min(failed, 1)


__all__ = ["INCIDENTS", "WorkerProcess", "run"]
if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
