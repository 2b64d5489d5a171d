"""Rolling upgrade and downgrade between real releases, with messages in the queue: nothing is lost, and nothing is sent twice, counted at the vendor."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import postgres
import pytest
from crash.incident_gateway import report_body
from crash.incident_site import BEARER, TO, Site
from crash.older_release import REPOSITORY, SAME_SCHEMA, SCHEMA_4, OlderRelease
from gateway_nodes import Node, url_of
from psycopg.conninfo import conninfo_to_dict
from trials import SHARE

PAGE = (REPOSITORY / "docs/operations/upgrade.md").read_text("utf-8")
WAITING = 30


@contextmanager
def _site(kind: str, folder: Path) -> Iterator[Site]:
    if kind == "sqlite":
        with Site(folder, f"sqlite:{folder / 'ledger.sqlite3'}") as site:
            yield site
        return
    if postgres.binaries() is None:
        pytest.skip("PostgreSQL is not installed")
    with postgres.running() as server, Site(folder, url_of(server.empty()), server) as site:
        yield site


def _sent(site: Site) -> Counter[str]:
    return Counter(text for text, _ in (*site.twilio.texts.came, *site.infobip.texts.came))


def _each_once(numbers: range) -> Counter[str]:
    return Counter(f"m{number}" for number in numbers)


def _back_up(site: Site) -> None:
    """Run the page's command for this database."""
    if site.server is None:
        (command,) = re.findall(r"^ *messaging-channels (ledger backup \S+)$", PAGE, re.MULTILINE)
        ended = site.command(*command.replace("before", str(site.folder / "before")).split())
        assert ended.returncode == 0, ended.stderr
        return
    (command,) = re.findall(r"`(pg_dump [^`]+)`", PAGE)
    where: dict[str, Any] = conninfo_to_dict(site.ledger_url)
    names = {"FILE": str(site.folder / "dump"), "DATABASE": where["dbname"]}
    program, *options = re.sub("FILE|DATABASE", lambda found: names[found[0]], command).split()
    binaries = postgres.binaries()
    assert binaries is not None
    at = {"PGHOST": where["host"], "PGPORT": str(where["port"]), "PGUSER": where["user"]}
    subprocess.run([binaries / program, *options], check=True, env={**os.environ, **at})


@pytest.mark.trial
@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("kind", ["postgres", "sqlite"] if SHARE >= 1 else ["postgres"])
def test_a_release_with_an_older_schema_cannot_begin_any_more_and_its_queue_is_sent_once(
    kind: str, tmp_path: Path
) -> None:
    with _site(kind, tmp_path / "site") as site:
        older = OlderRelease(SCHEMA_4, tmp_path / "older")
        older.enqueue(site, range(WAITING))
        with older.worker(site):
            site.until(lambda: len(site.twilio.texts.came) >= WAITING)
        older.enqueue(site, range(WAITING, 2 * WAITING))  # waits when the schema is upgraded
        with older.worker(site) if kind == "postgres" else ExitStack():
            _back_up(site)
            assert site.command("ledger", "upgrade").returncode == 0
            site.enqueue(range(2 * WAITING, 3 * WAITING))
            again = older.command(site, "worker", "--drain")
            site.drain()
            site.until(lambda: len(site.twilio.texts.came) >= 3 * WAITING)
        sent = _sent(site)

    assert again.returncode != 0
    assert "Upgrade messaging-channels here too" in again.stderr
    assert sent == _each_once(range(3 * WAITING))


@pytest.mark.trial
@pytest.mark.full_size
@pytest.mark.timeout(240)
@pytest.mark.parametrize("kind", ["postgres", "sqlite"])
def test_releases_of_one_schema_work_beside_each_other_forth_and_back(kind: str, tmp_path: Path) -> None:
    with ExitStack() as stack:
        site = stack.enter_context(_site(kind, tmp_path / "site"))
        older = OlderRelease(SAME_SCHEMA, tmp_path / "older")
        with older.worker(site):
            older.enqueue(site, range(WAITING))
            new = stack.enter_context(site.worker())  # both at once
            site.enqueue(range(WAITING, 2 * WAITING))
        older.enqueue(site, range(2 * WAITING, 3 * WAITING))  # upgraded
        site.until(lambda: site.waiting() == 0)
        site.enqueue(range(3 * WAITING, 4 * WAITING))
        new.stop()
        with older.worker(site):  # and back
            site.until(lambda: site.waiting() == 0)
        sent = _sent(site)

    assert sent == _each_once(range(4 * WAITING))


@pytest.mark.trial
@pytest.mark.full_size
@pytest.mark.timeout(240)
def test_gateways_of_two_releases_on_one_database_send_each_call_once_and_keep_each_report(
    tmp_path: Path,
) -> None:
    with ExitStack() as stack:
        site = stack.enter_context(_site("postgres", tmp_path / "site"))
        site.write_settings(sms="infobip")
        older = OlderRelease(SAME_SCHEMA, tmp_path / "older")
        nodes = [
            Node(tmp_path / "home", site.ledger_url, **environment)
            for environment in (older.environment(site), site.environment)
        ]
        for node in nodes:
            stack.callback(node.kill)
            node.start()
        for node in nodes:
            node.wait()
        key = nodes[1].command("keys", "create", "--name", "trial")
        stack.enter_context(client := httpx.Client(headers={"x-api-key": key}, timeout=30))
        ids: list[str] = []
        for number in range(WAITING):
            body = {"to": TO[1:], "content": {"text": f"m{number}"}}
            headers = {"idempotency-key": f"call-{number}"}
            answers = [
                client.post(f"{node.url}/v1/apps/message/sms", json=body, headers=headers) for node in nodes
            ]
            assert [one.status_code for one in answers] == [200, 200]
            told = {one.json()["messages"][0]["messageId"] for one in answers}
            assert len(told) == 1
            ids += told
        proof = {"authorization": f"Bearer {BEARER}"}
        for place, one in enumerate(site.infobip.account.messages):
            for node in (nodes[place % 2], nodes[1 - place % 2]):  # each report twice, at another release
                url = f"{node.url}/v1/webhooks/infobip"
                assert httpx.post(url, json=report_body(one.id), headers=proof).status_code == 200
        nodes[1].stop()  # back to the older release
        shown = [client.get(f"{nodes[0].url}/v1/messages/{one}").json() for one in ids]

    assert _sent(site) == _each_once(range(WAITING))
    assert {one["status"]["groupName"] for one in shown} == {"DELIVERED"}
    assert {len(one["events"]) for one in shown} == {1}
    shutil.rmtree(tmp_path / "older", ignore_errors=True)
