"""Consent as CSV: our own export, and the lists of vendors."""

from __future__ import annotations

import io
from hashlib import sha256
from pathlib import Path

import pytest

from messaging_channels._cli.main import main
from messaging_channels._model.consent import RecipientKeys
from messaging_channels.consent import ConsentStatement, RejectedRow, StatementKind, read_csv, write_csv

KEYS = RecipientKeys(lambda one: sha256(one.encode()).hexdigest(), lambda _, masked: masked)


@pytest.mark.parametrize(
    ("text", "kind", "channel", "at"),
    [
        ("email,reason,status,created\nzoe@example.com,550 no such user,5.1.1,1700000000\n", StatementKind.UNDELIVERABLE, "email", 1.7e9),
        ("email,reason,status,created\nzoe@example.com,smtp; 550-5.1.1 no such user,,1700000000\n", StatementKind.UNDELIVERABLE, "email", 1.7e9),
        ("email,reason,created\nzoe@example.com,Mail domain mentioned in email address is unknown,1700000000\n", StatementKind.UNDELIVERABLE, "email", 1.7e9),
        ('address,code,error,created_at\nzoe@example.com,550,No such mailbox,"Tue, 14 Nov 2023 22:13:20 UTC"\n', StatementKind.UNDELIVERABLE, "email", 1.7e9),
        ("email,reason,status\nzoe@example.com,I moved to 550 Main Street,\n", StatementKind.OPTED_OUT, "email", None),
        ("email,status\nzoe@example.com,unsubscribed\n", StatementKind.OPTED_OUT, "email", None),
        ("email,status\nzoe@example.com,Bounced\n", StatementKind.UNDELIVERABLE, "email", None),
        ("EmailAddress,Reason,LastUpdateTime\nZOE@example.com,COMPLAINT,2023-11-14T22:13:20Z\n", StatementKind.COMPLAINT, "email", 1.7e9),
        ("EmailAddress,SuppressionReason,CreatedAt\nzoe@example.com,HardBounce,2023-11-14T22:13:20+00:00\n", StatementKind.UNDELIVERABLE, "email", 1.7e9),
        ("OptedOutNumber,OptedOutTimestamp\n+44 7700 900123,1700000000000\n", StatementKind.OPTED_OUT, "sms", 1.7e9),
        ("destination,channel,createdDate\n447700900123,WHATSAPP,\n", StatementKind.OPTED_OUT, "whatsapp", None),
        ("\ufeffemail;reason;created\nzoe@example.com;spam;1700000000\n", StatementKind.COMPLAINT, "email", 1.7e9),
        ("phone\tcreated\n+44 7700 900123\t2023-11-14 22:13:20 UTC\n", StatementKind.OPTED_OUT, "sms", 1.7e9),
        ('address,tags,created_at\nzoe@example.com,*,"Tue, 14 Nov 2023 22:13:20 GMT"\n', StatementKind.OPTED_OUT, "email", 1.7e9),
        ("address,created_at\nzoe@example.com,some day\n", StatementKind.OPTED_OUT, "email", None),
        ("Email Address,UNSUB_TIME,UNSUB_REASON\nzoe@example.com,2023-11-14 22:13:20,NORMAL\n", StatementKind.OPTED_OUT, "email", 1.7e9),
        ("Email Address,CLEAN_TIME,CLEAN_CAMPAIGN_TITLE\nzoe@example.com,2023-11-14 22:13:20,News\n", StatementKind.UNDELIVERABLE, "email", 1.7e9),
        ("RecipientEmail,Type,BouncedAt\nzoe@example.com,HardBounce,2023-11-14T22:13:20.0000000Z\n", StatementKind.UNDELIVERABLE, "email", 1.7e9),
        ("recipient,type,source,created\nzoe@example.com,transactional,Spam Complaint,2023-11-14T22:13:20.000Z\n", StatementKind.COMPLAINT, "email", 1.7e9),
        ("recipient,type,source\nzoe@example.com,transactional,Bounce Rule\n", StatementKind.UNDELIVERABLE, "email", None),
        ("email;blocked_at;reason\nzoe@example.com;14-11-2023 22:13:20;unsubscribedViaEmail\n", StatementKind.OPTED_OUT, "email", 1.7e9),
        ("email,reason\nzoe@example.com,contactFlaggedAsSpam\n", StatementKind.COMPLAINT, "email", None),
        ("Email,Suppression Reason,Suppressed At\nzoe@example.com,Hard Bounced,2023-11-14 22:13:20+00:00\n", StatementKind.UNDELIVERABLE, "email", 1.7e9),
        ("Number,Opt-out Keyword,Opt-out Time\n447700900123,STOP,2023-11-14 22:13:20\n", StatementKind.OPTED_OUT, "sms", 1.7e9),
        ("sep=;\nE-Mail;Grund;Datum\nzoe@example.com;Abuse;14.11.2023 22:13:20\n", StatementKind.COMPLAINT, "email", 1.7e9),
        ("email,unsubscribed\nzoe@example.com,TRUE\n", StatementKind.OPTED_OUT, "email", None),
        ("\u202a+44 7700 900123\u202c", None, "", None),
    ],
)  # fmt: skip
def test_the_lists_of_large_vendors_are_read(
    text: str, kind: StatementKind | None, channel: str, at: float | None
) -> None:
    rows = [*read_csv(io.StringIO(text), KEYS, 5.0)]
    if kind is None:
        assert rows == []
        return
    (one,) = rows
    assert isinstance(one, ConsentStatement)
    assert (one.kind, one.channel, one.said_at, one.source) == (kind, channel, at, "import")
    again = [*read_csv(io.StringIO(text), KEYS, 6.0)]
    assert isinstance(again[0], ConsentStatement)
    assert again[0].id == one.id


def test_a_row_that_cannot_be_read_harms_no_other_one_and_its_address_is_not_told() -> None:
    text = "number,kind\n07700900123,\n+447700900123,\n+447700900124,nonsense\n,\n"
    rows = [*read_csv(io.StringIO(text), KEYS, 5.0)]
    assert [type(one) for one in rows] == [RejectedRow, ConsentStatement, RejectedRow]
    assert "900123" not in str(rows[0])


@pytest.mark.parametrize(
    "row",
    [
        "reason,status\nzoe@example.com,450 try later,4.2.1",
        "reason,status\nzoe@example.com,try later,4.2.2",
        "bounceType,status\nzoe@example.com,Transient,5.0.0",
        "type\nzoe@example.com,SoftBounce",
        "bounce type\nzoe@example.com,Undetermined",
        "status\nzoe@example.com,subscribed",
        "unsubscribed\nzoe@example.com,FALSE",
        "Opted Out\nzoe@example.com,no",
    ],
)
def test_what_may_pass_and_who_takes_messages_is_no_reason_to_suppress(row: str) -> None:
    (one,) = read_csv(io.StringIO(f"email,{row}\n"), KEYS, 5.0)
    assert isinstance(one, RejectedRow)


def test_of_a_list_of_messages_nobody_knows_whether_sender_or_recipient_opted_out() -> None:
    (one,) = read_csv(io.StringIO("From,To,Body\n+447700900123,+447700900000,STOP\n"), KEYS, 5.0)
    assert isinstance(one, RejectedRow)


def test_an_opt_out_from_what_is_not_transactional_is_one_of_marketing_and_who_says_so_is_the_file() -> None:
    text = "recipient,type,source\nzoe@example.com,non_transactional,List Unsubscribe\n"
    (one,) = read_csv(io.StringIO(text), KEYS, 5.0)
    assert isinstance(one, ConsentStatement)
    assert (one.kind, one.category, one.source) == (StatementKind.OPTED_OUT, "marketing", "import")


def test_a_list_of_addresses_alone_says_what_its_file_is_said_to_hold() -> None:
    text = "email,ip,reason\nzoe@example.com,192.0.2.1,\nyan@example.com,192.0.2.1,550 no such user\n"
    rows = [*read_csv(io.StringIO(text), KEYS, 5.0, kind=StatementKind.COMPLAINT)]
    kinds = [one.kind for one in rows if isinstance(one, ConsentStatement)]
    assert kinds == [StatementKind.COMPLAINT, StatementKind.UNDELIVERABLE]


def test_an_export_can_be_imported_again_and_holds_no_formula() -> None:
    one = ConsentStatement(
        "1", "a" * 64, "sms", StatementKind.OPTED_OUT, 1.5, 2.5, "marketing", "operator", "=1+1", "@x"
    )
    file = io.StringIO()
    assert write_csv([one], file) == 1
    assert ",=1+1" not in file.getvalue()
    assert [*read_csv(io.StringIO(file.getvalue()), KEYS, 9.0)] == [one]


def test_the_commands_show_add_remove_import_and_export(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MESSAGING_CHANNELS_LEDGER_URL", f"sqlite:///{tmp_path / 'ledger.db'}")
    assert main(["consent", "add", "--channel", "sms", "+44 7700 900123", "--reason", "by phone"]) == 0
    assert main(["send", "sms", "--to", "447700900123", "--text", "News"]) == 2
    assert main(["consent", "show", "447700900123"]) == 0
    told = capsys.readouterr()
    assert '"by phone"' in told.out
    assert "message_blocked" in told.err
    assert main(["consent", "remove", "--channel", "sms", "44-7700-900123"]) == 0
    assert main(["consent", "remove", "--channel", "sms", "44-7700-900123"]) == 2
    assert main(["send", "sms", "--to", "447700900123", "--text", "News"]) == 0
    listed = tmp_path / "list.csv"
    listed.write_text("email\nzoe@example.com\nnobody\n")
    assert main(["consent", "import", str(listed)]) == 2
    assert main(["send", "email", "--to", "zoe@example.com", "--subject", "s", "--text", "t"]) == 2
    listed.write_text("email\nyan@example.com\n")
    assert main(["consent", "import", "--kind", "complaint", str(listed)]) == 0
    assert main(["consent", "show", "yan@example.com"]) == 0
    assert '"kind":"complaint"' in capsys.readouterr().out
    exported = tmp_path / "all.csv"
    assert main(["consent", "export", str(exported)]) == 0
    assert main(["consent", "import", str(exported)]) == 0
    assert "0 statements imported" in capsys.readouterr().err


def test_an_export_goes_over_no_file_that_is_there_unless_it_is_told_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MESSAGING_CHANNELS_LEDGER_URL", f"sqlite:///{tmp_path / 'ledger.db'}")
    kept = tmp_path / "mine.csv"
    kept.write_text("mine\n")

    assert main(["consent", "export", str(kept)]) == 2
    assert (kept.read_text(), "--force" in capsys.readouterr().err) == ("mine\n", True)
    assert main(["consent", "export", str(tmp_path)]) == 2
    assert main(["consent", "export", "--force", str(kept)]) == 0
    assert kept.read_text().startswith("id,recipient_digest")
    assert main(["consent", "export", "-"]) == 0
    assert capsys.readouterr().out == kept.read_text()
