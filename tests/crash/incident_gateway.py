"""Incidents at the gateway: a burst of reports and calls, and a webhook endpoint that hangs."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

import httpx
from crash.incident_site import BEARER, TO, Report, Site, metric_of
from gateway_nodes import Node, Receiver
from trials import scaled

from messaging_channels import PhoneNumber, Sms

SENDERS = 40
"""Connections over which the vendor brings its reports."""
DIRECT = 3
SEND_TIMEOUT = 10.0


@contextmanager
def _gateway(site: Site, **variables: str) -> Iterator[Node]:
    node = Node(site.folder / "home", site.ledger_url, **{**site.environment, **variables})
    node.start()
    try:
        node.wait()
        yield node
    finally:
        node.kill()


def replace_gateway(site: Site, report: Report, numbers: range) -> None:
    """Send messages through two gateways, of which one is stopped and replaced meanwhile; a call that was cut off is repeated at the other with its key."""
    with _gateway(site) as old, _gateway(site) as other:
        key = old.command("keys", "create", "--name", "trial")
        stopping = threading.Thread(target=old.stop)
        repeated = 0
        with httpx.Client(headers={"x-api-key": key}, timeout=60) as client:
            for place, number in enumerate(numbers):
                if place == len(numbers) // 2:
                    stopping.start()
                body = {"to": TO[1:], "content": {"text": f"m{number}"}}
                for node in (old, other) if place % 2 else (other, old):
                    with suppress(httpx.TransportError):
                        answer = client.post(
                            f"{node.url}/v1/apps/message/sms",
                            json=body,
                            headers={"idempotency-key": f"call-{number}"},
                        )
                        if answer.status_code == 200:
                            break
                    repeated += 1
        stopping.join()
    report.figures["calls repeated at the other gateway"] = repeated


def burst(site: Site) -> Report:
    """All reports come at once, each twice, while somebody calls the gateway directly; it is killed when the last one is answered, and replaced."""
    count = scaled(20_000, least=300)
    report = Report("burst of reports", late_after=SEND_TIMEOUT, mended_by="nothing")
    site.write_settings(sms="infobip")
    with site.dispatcher() as dispatcher:
        to = [PhoneNumber.parse(TO)] * count
        for start in range(0, count, 500):
            messages = [Sms(f"m{number}") for number in range(start, min(start + 500, count))]
            for message, one in zip(messages, to, strict=False):
                dispatcher.enqueue(message, to=one)
    site.command("worker", "--drain")
    ids = [one.id for one in site.infobip.account.messages]
    with _gateway(site) as node:
        key = node.command("keys", "create", "--name", "trial")
        begun = time.monotonic()
        with ThreadPoolExecutor(SENDERS + 1) as pool:
            direct = pool.submit(_call_directly, node, key)
            answers = Counter(pool.map(lambda one: _report(node, one), [*ids, *ids]))
            seconds = time.monotonic() - begun
            slowest = direct.result()
        told = httpx.get(f"{node.url}/metrics", timeout=10).text
    recorded = _delivered(site)
    with _gateway(site):
        site.until(lambda: _delivered(site) == count, 300)
    seconds_to_record = time.monotonic() - begun
    for name, labels in (("webhooks_total", {"result": "taken"}), ("reports_waiting", {})):
        value = metric_of(told, f"messaging_channels_{name}", **labels)
        report.see(f"messaging_channels_{name} {value:.0f}" if value is not None else "")
    report.late = int(slowest > SEND_TIMEOUT) + sum(n for status, n in answers.items() if status >= 500)
    report.figures |= {
        "answers": dict(answers),
        "reports answered a second": round(2 * count / seconds),
        "recorded when the gateway was killed": recorded,
        "all recorded after": f"{seconds_to_record:.0f} s",
        f"slowest of {DIRECT} direct calls": f"{slowest:.1f} s",
        "never delivered": count - _delivered(site),
    }
    report = site.counted(report, range(count))
    report.lost += report.figures["never delivered"]
    return report


def report_body(provider_id: str) -> dict[str, Any]:
    """Return what Infobip posts of a message that was delivered."""
    status = {
        "groupId": 3,
        "groupName": "DELIVERED",
        "id": 5,
        "name": "DELIVERED_TO_HANDSET",
        "description": "x",
    }
    error = {
        "groupId": 0,
        "groupName": "OK",
        "id": 0,
        "name": "NO_ERROR",
        "description": "x",
        "permanent": False,
    }
    times = {"sentAt": "2026-11-30T12:00:00.000+0000", "doneAt": "2026-11-30T12:00:01.000+0000"}
    return {"results": [{"messageId": provider_id, "status": status, "error": error, **times}]}


def _report(node: Node, provider_id: str) -> int:
    if not hasattr(_clients, "client"):
        _clients.client = httpx.Client(timeout=60, headers={"authorization": f"Bearer {BEARER}"})
    client: httpx.Client = _clients.client
    return client.post(f"{node.url}/v1/webhooks/infobip", json=report_body(provider_id)).status_code


_clients = threading.local()


def _call_directly(node: Node, key: str) -> float:
    """Send some messages one after another; return how many seconds the slowest took."""
    took: list[float] = []
    with httpx.Client(headers={"x-api-key": key}, timeout=60) as client:
        for number in range(DIRECT):
            begun = time.monotonic()
            body = {"to": TO[1:], "content": {"text": f"direct {number}"}}
            answer = client.post(f"{node.url}/v1/apps/message/sms", json=body)
            assert answer.status_code == 200, answer.text
            took.append(time.monotonic() - begun)
            time.sleep(0.2)
    return max(took)


def _delivered(site: Site) -> int:
    """Return how many of the enqueued messages are recorded as delivered."""
    found, before = 0, None
    with site.dispatcher() as dispatcher:
        while page := dispatcher.list_messages(
            scope="", before=before, limit=200, status=None, group_id="DELIVERED"
        ):
            found, before = found + len(page), page[-1].id
    return found


def hanging_endpoint(site: Site) -> Report:
    """One tenant's webhook endpoint takes calls and never answers; another tenant is told all the same."""
    count = scaled(100, least=10)
    report = Report("hanging webhook endpoint", late_after=5, mended_by="POST /v1/webhook-endpoints/ID/retry")
    release, came = threading.Event(), list[tuple[str, float]]()

    def answer(path: str) -> int:
        if path == "/slow":
            release.wait(120)
        came.append((path, time.monotonic()))
        return 204

    with Receiver(answer) as hooks:
        allowed = {"MESSAGING_CHANNELS_GATEWAY_ALLOWED_CALLBACK_HOSTS": hooks.host}
        with _gateway(site, **allowed) as node:
            slow, quick = (_tenant(node, hooks, name) for name in ("slow", "quick"))
            _send(slow, node, [f"m{number}" for number in range(count)])
            begun = time.monotonic()
            _send(quick, node, [f"m{number}" for number in range(count, 2 * count)])
            told = hooks.until(lambda: sum(path == "/quick" for path, _, _ in hooks.calls) >= count, 60)
            late = [at - begun for path, at in came if path == "/quick"]
            report.late = sum(one > report.late_after + count * 0.1 for one in late) + (not told)
            report.figures["the other tenant's last call after"] = f"{max(late, default=0):.1f} s"
            text = httpx.get(f"{node.url}/metrics", timeout=10).text
            waiting = metric_of(text, "messaging_channels_deliveries", state="waiting")
            report.see(f"messaging_channels_deliveries{{waiting}} {waiting:.0f}" if waiting else "")
            release.set()
            endpoint = slow.get(f"{node.url}/v1/webhook-endpoints").json()["endpoints"][0]["id"]
            slow.post(f"{node.url}/v1/webhook-endpoints/{endpoint}/retry")
            caught_up = hooks.until(
                lambda: len({key for path, key, _ in hooks.calls if path == "/slow"}) >= count, 120
            )
            report.figures["caught up"] = caught_up
            for client in (slow, quick):
                client.close()
    report.lost = 0 if caught_up else 1
    return site.counted(report, range(2 * count))


def _tenant(node: Node, hooks: Receiver, name: str) -> httpx.Client:
    key = node.command("keys", "create", "--name", name, "--tenant", name)
    client = httpx.Client(headers={"x-api-key": key}, timeout=60)
    url = hooks.url.replace("/hook", f"/{name}")
    made: Any = client.post(
        f"{node.url}/v1/webhook-endpoints", json={"url": url, "events": ["sms.message.sent"]}
    )
    assert made.is_success, made.text
    return client


def _send(client: httpx.Client, node: Node, texts: list[str]) -> None:
    for text in texts:
        answer = client.post(
            f"{node.url}/v1/apps/message/sms", json={"to": TO[1:], "content": {"text": text}}
        )
        assert answer.status_code == 200, json.dumps(answer.json())
