"""Lists of what was sent, a page at a time."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from messaging_channels import AsyncDispatcher, Dispatcher, Email, Rejected, Sandbox, Sms
from messaging_channels._ledger.sqlite import SqliteLedger
from messaging_channels.plugins.ledger import MessageRecord


def _ids(records: object) -> list[str]:
    assert isinstance(records, list)
    return [record.id for record in records if isinstance(record, MessageRecord)]


def test_pages_follow_each_other_and_hold_every_message_of_the_scope_once(tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path / "ledger.sqlite3")
    with Dispatcher([Sandbox()], ledger=ledger) as dispatcher:
        sent = [dispatcher.send(Sms("x"), to="447700900100", scope="a").id for _ in range(5)]
        other = dispatcher.send(Sms("x"), to="447700900100", scope="b").id
        first = _ids(dispatcher.list_messages(scope="a", limit=2))
        second = _ids(dispatcher.list_messages(scope="a", limit=2, before=first[-1]))
        third = _ids(dispatcher.list_messages(scope="a", limit=2, before=second[-1]))
        assert first + second + third == sorted(sent, reverse=True)
        assert _ids(dispatcher.list_messages(scope="a", before=third[-1])) == []
        assert _ids(dispatcher.list_messages(scope="b")) == [other]
    ledger.close()


def test_filters_narrow_a_list(tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path / "ledger.sqlite3")
    with Dispatcher([Sandbox()], ledger=ledger) as dispatcher:
        sms = dispatcher.send(Sms("x"), to="447700900100").id
        mail = dispatcher.send(Email("s", text="x"), to="zoe@example.com").id
        with pytest.raises(Rejected) as refused:
            dispatcher.send(Sms("x"), to="447700900001")
        assert _ids(dispatcher.list_messages(channel="email")) == [mail]
        assert _ids(dispatcher.list_messages(group_id=5)) == [refused.value.receipt.id]
        assert _ids(dispatcher.list_messages(group_id=1, channel="sms")) == [sms]
        created = next(iter(dispatcher.list_messages(channel="email"))).created_at
        assert mail in _ids(dispatcher.list_messages(since=created))
        assert mail not in _ids(dispatcher.list_messages(until=created))
    ledger.close()


def test_an_event_loop_browses_too(tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path / "ledger.sqlite3")

    async def sent_and_listed() -> tuple[str, list[str]]:
        async with AsyncDispatcher([Sandbox()], ledger=ledger) as dispatcher:
            receipt = await dispatcher.send(Sms("x"), to="447700900100")
            return receipt.id, _ids(await dispatcher.list_messages())

    sent, listed = asyncio.run(sent_and_listed())
    assert listed == [sent]
    ledger.close()
