"""What a ledger shows to others, whom it forgets, and whom a rule lets through."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from regression_server import TO, told

from messaging_channels import Dispatcher, MessagingError, PhoneNumber, Sandbox, Sms
from messaging_channels._ledger.postgres import PostgresLedger
from messaging_channels._ledger.sqlite import SqliteLedger
from messaging_channels.plugins.ledger import Ledger
from messaging_channels.policies.checks import AllowedPrefixes, SuppressionList

ALIKE = "+441632960123"


@pytest.fixture
def _usual_mask() -> Iterator[None]:
    """Let new files be readable for everybody, as most systems do."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def _readable_for_others(folder: Path) -> list[str]:
    """Return the files that others can read, and could reach if they may reach `folder`."""
    found = []
    for file in (one for one in folder.rglob("*") if one.is_file()):
        inside = [one for one in file.parents if folder in one.parents]
        closed = any(not one.stat().st_mode & (stat.S_IXGRP | stat.S_IXOTH) for one in inside)
        if file.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH) and not closed:
            found.append(file.name)
    return found


@pytest.mark.usefixtures("_usual_mask")
@pytest.mark.parametrize("name", ["ledger.sqlite3", "data/ledger.sqlite3"])
def test_nobody_but_its_owner_can_read_a_ledger(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "service"
    folder.mkdir()

    with Dispatcher([Sandbox()], ledger=SqliteLedger(folder / name, owned=True)) as dispatcher:
        dispatcher.enqueue(Sms("Your PIN is 998877"), to=TO)
        readable = _readable_for_others(folder)

    assert (folder / name).exists()
    assert readable == []


@pytest.mark.usefixtures("_usual_mask")
def test_nobody_but_its_owner_can_read_the_opt_outs(tmp_path: Path) -> None:
    opt_outs = SuppressionList(tmp_path / "suppression-list.sqlite3")
    opt_outs.add("sms", TO[1:])

    readable = _readable_for_others(tmp_path)

    opt_outs.close()
    assert (tmp_path / "suppression-list.sqlite3").exists()
    assert readable == []


@pytest.fixture(params=["sqlite", "postgres"])
def masked(request: pytest.FixtureRequest) -> Iterator[Ledger]:
    """A ledger that keeps addresses masked, as it comes."""
    if request.param == "postgres":
        yield PostgresLedger(request.getfixturevalue("postgres"), keys=[b"secret"])
        return
    ledger = SqliteLedger()
    yield ledger
    ledger.close()


def test_who_is_erased_takes_nobody_with_them_whose_masked_number_is_alike(masked: Ledger) -> None:
    with Dispatcher([Sandbox()], ledger=masked) as dispatcher:
        erased = dispatcher.send(Sms("hello"), to=TO).id
        other = dispatcher.send(Sms("hello"), to=ALIKE).id
        before = dispatcher.get_message(other)
        try:
            count = dispatcher.queue.erase_recipient(PhoneNumber.parse(TO))
        except MessagingError:
            count = 0
        after = dispatcher.get_message(other)
        mine = dispatcher.get_message(erased)

    assert before
    assert after
    assert after.address == before.address
    assert count <= 1
    assert count == 0 or (mine and not mine.address)


@pytest.mark.parametrize("prefixes", ["44", "+44"])
def test_one_text_of_a_prefix_is_that_prefix_or_refused(prefixes: str) -> None:
    try:
        rule = AllowedPrefixes(prefixes)
    except (TypeError, ValueError, MessagingError):
        return

    with Dispatcher([Sandbox()], checks=[rule]) as dispatcher:
        ends = [
            told(lambda to=to: dispatcher.send(Sms("hello"), to=to))  # type: ignore[misc]
            for to in (TO, "+46313900601", "+493023125001")
        ]

    assert ends == ["accepted", "MessageBlocked", "MessageBlocked"]
