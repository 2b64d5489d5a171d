"""Reports that a gateway has answered and not recorded when it is killed: any gateway records them, and applications hear of each once."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import httpx
import postgres
import pytest
from crash.incident_gateway import report_body
from crash.incident_site import BEARER, TO, Site
from gateway_nodes import Node, Receiver, url_of
from trials import scaled

COUNT = scaled(400, least=40)


@contextmanager
def _site(folder: Path) -> Iterator[Site]:
    if postgres.binaries() is None:
        pytest.skip("PostgreSQL is not installed")
    with postgres.running() as server, Site(folder, url_of(server.empty()), server) as site:
        site.write_settings(sms="infobip")
        yield site


def _post(node: Node, provider_id: str) -> int:
    """Bring a report as a vendor does: again and again until it is answered."""
    headers = {"authorization": f"Bearer {BEARER}"}
    for _ in range(100):
        with suppress(httpx.TransportError):
            url = f"{node.url}/v1/webhooks/infobip"
            return httpx.post(url, json=report_body(provider_id), headers=headers, timeout=30).status_code
        if node.process is None or node.process.poll() is not None:
            return 0
    raise AssertionError(provider_id)


@pytest.mark.trial
@pytest.mark.timeout(300)
@pytest.mark.full_size
def test_reports_that_a_killed_gateway_had_answered_are_recorded_and_told_once(tmp_path: Path) -> None:
    with ExitStack() as stack:
        site = stack.enter_context(_site(tmp_path))
        hooks = stack.enter_context(Receiver())
        variables = {
            **site.environment,
            "MESSAGING_CHANNELS_GATEWAY_ALLOWED_CALLBACK_HOSTS": hooks.host,
            "MESSAGING_CHANNELS_GATEWAY_REPORT_WAIT": "0.001",
            "MESSAGING_CHANNELS_GATEWAY_LEASE": "2",
        }
        first, other = (Node(tmp_path / "home", site.ledger_url, **variables) for _ in range(2))
        for node in (first, other):
            stack.callback(node.kill)
            node.start()
        for node in (first, other):
            node.wait()
        key = first.command("keys", "create", "--name", "trial", "--tenant", "shop")
        with httpx.Client(headers={"x-api-key": key}, timeout=30) as client:
            wanted = {"url": hooks.url, "events": ["sms.message.delivered"]}
            assert client.post(f"{first.url}/v1/webhook-endpoints", json=wanted).is_success
            for number in range(COUNT):
                body = {"to": TO[1:], "content": {"text": f"m{number}"}}
                assert client.post(f"{first.url}/v1/apps/message/sms", json=body).status_code == 200
            ids = [one.id for one in site.infobip.account.messages]
            answered = [_post(first, one) for one in ids[: COUNT // 2]]
            answers = Counter(answered)
            killing = threading.Timer(0.05, first.kill)
            killing.start()
            for one in ids[COUNT // 2 :]:  # what is cut off is brought to the other one, as by a vendor
                if _post(first, one) != 200:
                    assert _post(other, one) == 200
            killing.join()
            heard = hooks.until(lambda: len({_message(one) for one in hooks.calls}) >= COUNT, 60)

    assert answers == {200: COUNT // 2}
    assert heard, len(hooks.calls)
    events = {
        (_message(one), one[1]) for one in hooks.calls
    }  # a call that was cut off comes again, with its id
    assert Counter(message for message, _ in events) == dict.fromkeys({one for one, _ in events}, 1)


def _message(call: tuple[str, str, dict[str, object]]) -> str:
    return str(json.loads(json.dumps(call[2]))["data"]["messageId"])
