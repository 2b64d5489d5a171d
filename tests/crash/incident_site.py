"""What the incidents share: vendors' emulators that write down when a message came, a ledger, a configuration file, and workers as processes of their own."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import httpx
from prometheus_client.parser import text_string_to_metric_families

from messaging_channels import Configuration, Dispatcher, Email, LedgerOptions, Sms, Worker
from messaging_channels._cli.worker_port import WorkerPort
from messaging_channels.errors import MessagingError
from messaging_channels.plugins import HttpResponse
from messaging_channels.testing import Clock, Request
from messaging_channels_infobip.emulator import InfobipEmulator, WebhookSecurity
from messaging_channels_twilio.emulator import ACCOUNT_SID, AUTH_TOKEN, OUR_NUMBER, TwilioEmulator

if TYPE_CHECKING:
    from postgres import Postgres

TO, MAIL_TO = "+447700900123", "ann@example.com"
BEARER = "a made-up secret of forty-one characters.."
CLI = (sys.executable, "-m", "messaging_channels._cli.main")


@dataclass
class Report:
    """What one incident cost, by which sign it was seen, and what mended it."""

    name: str
    messages: int = 0
    lost: int = 0
    doubled: int = 0
    late: int = 0
    late_after: float = 0.0
    """Seconds from which on a message counts as late."""
    seen_by: list[str] = field(default_factory=list[str])
    mended_by: str = ""
    figures: dict[str, Any] = field(default_factory=dict[str, Any])

    def see(self, sign: str) -> None:
        """Keep a sign by which the incident was seen, if there is one."""
        if sign:
            self.seen_by.append(sign)

    @property
    def is_harmless(self) -> bool:
        """Whether nothing was lost, doubled or late, and somebody could see it."""
        return not (self.lost or self.doubled or self.late) and bool(self.seen_by)

    def __str__(self) -> str:
        figures = "".join(f"; {name} {value}" for name, value in self.figures.items())
        return (
            f"{self.name}: {self.messages} messages, lost {self.lost}, doubled {self.doubled},"
            f" late {self.late} (after {self.late_after:g} s){figures}\n"
            f"    seen by {' | '.join(self.seen_by) or 'NOTHING'}\n    mended by {self.mended_by}"
        )


class Texts:
    """The texts of the messages that a vendor took, and when each came."""

    def __init__(self) -> None:
        self.came: list[tuple[str, float]] = []

    def note(self, texts: Sequence[str]) -> None:
        self.came += [(text, time.time()) for text in texts]


class Twilio(TwilioEmulator):
    """A vendor that recognizes no repetition: what it is given twice, it sends twice."""

    def __init__(self) -> None:
        super().__init__()
        self.texts = Texts()

    def handle(self, request: Request) -> HttpResponse:
        before = len(self.messages)
        answer = super().handle(request)
        self.texts.note([one["body"] for one in list(self.messages.values())[before:]])
        return answer


class Infobip(InfobipEmulator):
    """A vendor that takes many messages in one request."""

    def __init__(self) -> None:
        super().__init__(strict=False, security=WebhookSecurity(bearer=BEARER))
        self.texts = Texts()

    def handle(self, request: Request) -> HttpResponse:
        before = len(self.account.messages)
        answer = super().handle(request)
        self.texts.note(
            [str(one.content.get("text") or one.content) for one in self.account.messages[before:]]
        )
        return answer


class WorkerProcess:
    """`messaging-channels worker`, with its port and what it logged."""

    def __init__(self, command: Sequence[str], environment: dict[str, str]) -> None:
        self.log: list[str] = []
        self.url = ""
        self._started = threading.Event()
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()
        assert self._started.wait(60), self.log

    def _read(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as lines:
            for line in lines:
                self.log.append(line.rstrip())
                if "metrics at " in line:
                    self.url = line.partition("metrics at ")[2].strip().removesuffix("/metrics")
                    self._started.set()
        self._started.set()

    def health(self) -> tuple[int, str]:
        answer = httpx.get(f"{self.url}/health", timeout=10)
        return answer.status_code, answer.text.strip()

    def metric(self, name: str, **labels: str) -> float | None:
        """Return a number of the port, as Prometheus' own client reads it; None if there is none."""
        return metric_of(httpx.get(f"{self.url}/metrics", timeout=10).text, name, **labels)

    def logged(self, words: str) -> str:
        """Return the first line with these words; an empty text if there is none."""
        return next((line for line in self.log if words in line), "")

    def tell(self, number: int) -> None:
        self.process.send_signal(number)

    def stop(self, number: int = signal.SIGTERM) -> float:
        """End it; return how many seconds that took."""
        begun = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(number)
        self.process.wait(90)
        self._reading.join(5)
        return time.monotonic() - begun


def metric_of(text: str, name: str, **labels: str) -> float | None:
    samples = [one for family in text_string_to_metric_families(text) for one in family.samples]
    found = [one.value for one in samples if one.name == name and labels.items() <= one.labels.items()]
    return sum(found) if found else None


class Site:
    """One ledger, two vendors, and the file that configures whoever uses them."""

    def __init__(self, folder: Path, ledger_url: str, server: Postgres | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.ledger_url, self.server = folder, ledger_url, server
        self.twilio, self.infobip = Twilio(), Infobip()
        self.enqueued: dict[str, float] = {}
        """When each text was enqueued."""
        self.file = folder / "messaging-channels.toml"
        self.write_settings()
        clean = {
            name: value for name, value in os.environ.items() if not name.startswith("MESSAGING_CHANNELS_")
        }
        self.environment = {
            **clean,
            "MESSAGING_CHANNELS_CONFIG": str(self.file),
            "MESSAGING_CHANNELS_HOME": str(folder / "home"),
            "MESSAGING_CHANNELS_LEDGER_KEYS": "a key of these incidents alone",
        }

    def write_settings(self, *, auth_token: str = AUTH_TOKEN, sms: str = "twilio") -> None:
        self.file.write_text(
            f'[routes]\nsms = "{sms}"\nemail = "infobip"\n[retry]\nmax_attempts = 1\n'
            f'[providers.twilio]\naccount_sid = "{ACCOUNT_SID}"\nauth_token = "{auth_token}"\n'
            f'sender = "{OUR_NUMBER}"\nbase_url = "{self.twilio.url}"\n'
            f'[providers.infobip]\nbase_url = "{self.infobip.url}"\napi_key = "emulated-key"\nsms_sender = "Shop"\n'
            f'email_sender = "shop@example.com"\nwebhook_bearer = "{BEARER}"\n'
            f'[ledger]\nurl = "{self.ledger_url}"\n'
        )

    def __enter__(self) -> Self:
        self.twilio.__enter__()
        self.infobip.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.twilio.__exit__()
        self.infobip.__exit__()

    @contextmanager
    def dispatcher(self) -> Iterator[Dispatcher]:
        configuration = Configuration.read(environment=self.environment)
        with Dispatcher(**configuration.dispatcher_arguments()) as dispatcher:
            yield dispatcher

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command as an operator does."""
        return subprocess.run(
            [*CLI, *arguments], env=self.environment, capture_output=True, text=True, check=False, timeout=120
        )

    @contextmanager
    def worker(self, *options: str) -> Iterator[WorkerProcess]:
        command = [*CLI, "worker", "--metrics-port", "0", "--poll-interval", "0.1", *options]
        running = WorkerProcess(command, self.environment)
        try:
            yield running
        finally:
            if running.process.poll() is None:
                running.stop(signal.SIGKILL)

    def enqueue(self, numbers: Sequence[int], *, mails: bool = False, keys: bool = False) -> None:
        """Have messages wait whose texts are their numbers; by a provider of batches if they are mails."""
        with self.dispatcher() as dispatcher:
            for number in numbers:
                message = Email(subject=f"m{number}", text=f"m{number}") if mails else Sms(f"m{number}")
                key = f"key-{number}" if keys else None
                self.enqueued[f"m{number}"] = time.time()
                dispatcher.enqueue(message, to=MAIL_TO if mails else TO, idempotency_key=key)

    def drain(self) -> None:
        """Send what is due, in this process."""
        with self.dispatcher() as dispatcher:
            Worker(dispatcher).drain()

    def waiting(self) -> int:
        """Return how many messages something is still to be done with; -1 while the ledger is away."""
        try:
            with self.dispatcher() as dispatcher:
                return sum(dispatcher.queue.stats().by_state.values())
        except MessagingError:
            return -1

    def until(self, holds: Callable[[], object], seconds: float = 60) -> bool:
        """Wait until something holds; return whether it does."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            with suppress(httpx.HTTPError, MessagingError):
                if holds():
                    return True
            time.sleep(0.05)
        return False

    def taken(self) -> int:
        return len(self.twilio.texts.came) + len(self.infobip.texts.came)

    def counted(self, report: Report, numbers: Sequence[int], timed: Sequence[int] | None = None) -> Report:
        """Count at the emulators what came of these messages, and how many of `timed` (None for all) came late."""
        came = [*self.twilio.texts.came, *self.infobip.texts.came]
        if report.late_after:
            limit = report.late_after
            texts = None if timed is None else {f"m{number}" for number in timed}
            report.late += sum(
                at - self.enqueued.get(text, at) > limit
                for text, at in came
                if texts is None or text in texts
            )
        took = Counter(text for text, _ in came)
        took = Counter({text.removeprefix("m"): count for text, count in took.items()})
        report.messages = len(numbers)
        report.lost = sum(not took[str(number)] for number in numbers)
        report.doubled = sum(count > 1 for count in took.values())
        return report


class SkewedWorker:
    """A worker whose clock differs from the machine's, or whose lease is short; with the port of the command line."""

    @staticmethod
    @contextmanager
    def running(site: Site, *, ahead: float = 0.0, lease: float = 120.0) -> Iterator[WorkerProcess]:
        command = [sys.executable, "-m", "crash.incident_site", str(ahead), str(lease)]
        path = os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])
        running = WorkerProcess(command, {**site.environment, "PYTHONPATH": path})
        try:
            yield running
        finally:
            if running.process.poll() is None:
                running.stop(signal.SIGKILL)

    @staticmethod
    def main(ahead: float, lease: float) -> None:
        class Skewed(Clock):
            def now(self) -> float:
                return time.time() + ahead

        arguments = Configuration.read().dispatcher_arguments()
        options = LedgerOptions(arguments.pop("ledger"), lease=lease)
        port = WorkerPort()
        with Dispatcher(**arguments, ledger=options, clock=Skewed()) as dispatcher:
            port.dispatcher = dispatcher
            port.worker = worker = Worker(dispatcher, poll_interval=0.1, reconcile_interval=1.0)
            given = argparse.Namespace(metrics_port=0, metrics_host="127.0.0.1")
            with port.serving(given) as number:
                print(f"metrics at http://127.0.0.1:{number}/metrics", file=sys.stderr, flush=True)  # noqa: T201  a program
                worker.run()


if __name__ == "__main__":
    SkewedWorker.main(*map(float, sys.argv[1:]))
