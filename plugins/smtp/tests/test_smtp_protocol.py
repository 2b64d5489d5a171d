from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_channels import Outcome
from messaging_channels.errors import InvalidMessage
from messaging_channels_smtp.protocol import commands
from messaging_channels_smtp.protocol.mail import MailTransaction, TransactionResult
from messaging_channels_smtp.protocol.replies import ConnectionLost, Reply, ReplyParser
from messaging_channels_smtp.protocol.server import (
    ConnectionState,
    PoolLimits,
    Server,
    ServerCapabilities,
    SmtpTimeouts,
)
from messaging_channels_smtp.protocol.session import open_session
from messaging_channels_smtp.protocol.steps import (
    AwaitReply,
    CloseConnection,
    OpenConnection,
    ReleaseConnection,
    ReuseConnection,
    Send,
    SessionRefused,
    Stage,
    StartTls,
    StepFlow,
)
from messaging_channels_smtp.protocol.submission import Submission, submit
from messaging_channels_smtp.responses import parse_delivery

SERVER = Server("mail.example.org", 25, "none")


def _letter(number: int, *, copies: int = 0, size: int = 10, local: str = "u") -> MailTransaction:
    recipients = tuple(f"{local}{number}-{one}@example.com" for one in range(copies + 1))
    return MailTransaction(f"m{number}", "a@example.org", recipients, b"x" * size + b"\r\n")


class Breaks(Exception):
    """The connection ends here."""


class Mta:
    """A server in memory. It drops the connection at the given events, before or after it acts on them."""

    def __init__(self, keywords: tuple[str, ...] = (), breaks: dict[int, str] | None = None) -> None:
        self.keywords = keywords
        self.breaks = breaks or {}
        self.events = 0
        self.taken: list[str] = []
        self.connections = 0
        self.lines: list[str] = []

    def connect(self) -> None:
        self.connections += 1
        self.input, self.output, self.mode = b"", b"", "command"
        self.recipients: list[str] = []
        self.in_transaction = False
        self.say(lambda: "220 ready")

    def say(self, act: Callable[[], str]) -> None:
        event, self.events = self.events, self.events + 1
        how = self.breaks.get(event)
        if how == "before":
            raise Breaks
        reply = "421 enough" if how == "421" else act()
        if how == "after":
            raise Breaks
        self.output += reply.encode() + b"\r\n"
        if how == "421":
            raise Breaks

    def hear(self, data: bytes) -> None:
        self.input += data
        while self.content_heard() if self.mode == "content" else self.command_heard():
            pass

    def content_heard(self) -> bool:
        at = self.input.find(b"\r\n.\r\n")
        at = -2 if self.input.startswith(b".\r\n") else at
        if at == -1:
            return False
        content, self.input, self.mode = self.input[: max(at, 0)], self.input[at + 5 :], "command"
        self.say(lambda: self.take(content))
        return True

    def command_heard(self) -> bool:
        line, end, rest = self.input.partition(b"\r\n")
        size = int(line.split()[1]) if line.startswith(b"BDAT") else 0
        if not end or len(rest) < size:
            return False
        self.input = rest[size:]
        self.say(lambda: self.answer(line.decode()))
        return True

    def answer(self, line: str) -> str:
        self.lines.append(line)
        answers = {
            "EHLO": self.on_ehlo,
            "RSET": self.on_rset,
            "MAIL": self.on_mail,
            "RCPT": lambda: self.on_rcpt(line[9 : line.index(">")]),
            "DATA": self.on_data,
            "BDAT": lambda: self.take(b"") if self.recipients else "554 5.5.1 nobody",
        }
        return answers.get(line[:4], lambda: "500 what?")()

    def on_ehlo(self) -> str:
        lines = ["mail.example.org", *self.keywords]
        return "\r\n".join(f"250{'-' if one != lines[-1] else ' '}{one}" for one in lines)

    def on_rset(self) -> str:
        self.recipients, self.in_transaction = [], False
        return "250 ok"

    def on_mail(self) -> str:
        nested, self.in_transaction = self.in_transaction, True
        return "503 nested" if nested else "250 ok"

    def on_rcpt(self, address: str) -> str:
        if address.startswith("bad"):
            return "550 5.1.1 who?"
        self.recipients.append(address)
        return "250 ok"

    def on_data(self) -> str:
        if not self.recipients:
            return "554 5.5.1 nobody"
        self.mode = "content"
        return "354 go"

    def take(self, _: bytes) -> str:
        recipients, self.recipients, self.in_transaction = self.recipients, [], False
        if recipients[0].startswith("spam"):
            return "554 5.7.1 spam"
        self.taken += recipients
        return "250 2.0.0 queued as X1"


class Drive:
    """Performs a talk on a server in memory."""

    def __init__(self, mta: Mta, idle: ConnectionState | None = None) -> None:
        self.mta = mta
        self.idle = idle
        self.steps: list[Any] = []
        self.replies = ReplyParser()
        self.broken = False

    def run(self, talk: StepFlow[Any]) -> Any:
        advance, answer = talk.send, None
        try:
            while True:
                step = advance(answer)  # type: ignore[arg-type]
                self.steps.append(step)
                try:
                    answer, advance = self.perform(step), talk.send
                except (ConnectionLost, SessionRefused) as failure:
                    answer, advance = failure, talk.throw  # type: ignore[assignment]
        except StopIteration as end:
            return end.value

    def perform(self, step: Any) -> Any:
        match step:
            case ReuseConnection():
                line, self.idle = self.idle, None
                if line:
                    self.replies, self.broken = ReplyParser(), False
                return line
            case OpenConnection():
                self.replies, self.broken = ReplyParser(), False
                self.acting(self.mta.connect)
            case Send(data):
                assert data
                if self.broken:
                    raise ConnectionLost("reset")
                self.acting(lambda: self.mta.hear(data))
            case AwaitReply():
                replies = self.replies.next_replies(step.most)
                if not replies:
                    assert self.broken, "it waits for a reply that will never come"
                    raise ConnectionLost("closed")
                return replies
            case ReleaseConnection(line):
                assert not self.replies.has_pending
                self.idle = line
            case CloseConnection():
                pass
        return None

    def acting(self, act: Callable[[], None]) -> None:
        try:
            act()
        except Breaks:
            self.broken = True
        self.replies.feed(self.mta.output)
        self.mta.output = b""


def _submitted(mta: Mta, letters: list[MailTransaction], server: Server = SERVER) -> list[TransactionResult]:
    return [*Drive(mta).run(submit(Submission(server, tuple(letters))))]


KEYWORDS: list[tuple[str, ...]] = [(), ("PIPELINING",), ("PIPELINING", "CHUNKING"), ("CHUNKING",)]


@given(
    letters=st.lists(
        st.tuples(
            st.sampled_from(["u", "u", "u", "bad", "spam"]),
            st.integers(0, 2),
            st.sampled_from([1, 1, 1, 1, 70_000]),
        ),
        min_size=1,
        max_size=9,
    ),
    keywords=st.sampled_from(KEYWORDS),
    breaks=st.dictionaries(st.integers(0, 45), st.sampled_from(["before", "after", "421"]), max_size=4),
    window=st.integers(1, 5),
)
def test_wherever_the_connection_breaks_the_outcome_is_true_and_no_mail_goes_twice(
    letters: list[tuple[str, int, int]], keywords: tuple[str, ...], breaks: dict[int, str], window: int
) -> None:
    mta = Mta(keywords, breaks)
    sent = [
        _letter(number, copies=copies, size=size, local=local)
        for number, (local, copies, size) in enumerate(letters)
    ]
    server = Server(
        "mail.example.org", 25, "none", pool=PoolLimits(messages_per_connection=4, pipeline_depth=window)
    )
    for letter, delivery in zip(sent, _submitted(mta, sent, server), strict=True):
        kind, times = parse_delivery(delivery).outcome, mta.taken.count(letter.recipients[0])
        assert times <= 1
        if kind is not Outcome.UNKNOWN:
            assert (kind is Outcome.ACCEPTED) == (times == 1)
        for copy in letter.recipients[1:]:
            assert mta.taken.count(copy) == times


@given(
    letters=st.lists(st.sampled_from(["u", "bad", "spam"]), min_size=1, max_size=30),
    keywords=st.sampled_from(KEYWORDS),
)
def test_on_a_sound_line_every_mail_has_the_outcome_that_is_its_own(
    letters: list[str], keywords: tuple[str, ...]
) -> None:
    mta = Mta(keywords)
    sent = [_letter(number, local=local) for number, local in enumerate(letters)]
    for local, delivery in zip(letters, _submitted(mta, sent), strict=True):
        stage = {"u": Stage.CONTENT, "bad": Stage.RCPT, "spam": Stage.CONTENT}[local]
        assert delivery.stage is stage
        assert (parse_delivery(delivery).outcome is Outcome.ACCEPTED) == (local == "u")
    assert mta.connections == 1


def _sends(drive: Drive) -> int:
    """Count the writes after which a reply is awaited: the round trips."""
    return sum(
        isinstance(step, Send) and isinstance(after, AwaitReply)
        for step, after in zip(drive.steps, drive.steps[1:], strict=False)
    )


@pytest.mark.parametrize(
    ("keywords", "trips"),
    [((), 4 * 10), (("PIPELINING",), 10 + 1)],
)
def test_with_pipelining_a_mail_costs_one_round_trip(keywords: tuple[str, ...], trips: int) -> None:
    drive = Drive(Mta(keywords))
    drive.run(submit(Submission(SERVER, tuple(_letter(number) for number in range(10)))))
    assert _sends(drive) == trips + 1  # the greeting


def test_with_chunking_a_window_of_mails_is_written_before_a_reply_is_awaited() -> None:
    drive = Drive(Mta(("PIPELINING", "CHUNKING")))
    drive.run(submit(Submission(SERVER, tuple(_letter(number) for number in range(10)))))
    kinds = "".join(type(step).__name__[0] for step in drive.steps)
    assert "S" * 9 in kinds  # nine contents under way at once


def test_a_mail_alone_offers_its_content_after_the_recipients_reply_also_with_chunking() -> None:
    drive = Drive(Mta(("PIPELINING", "CHUNKING")))
    (told,) = drive.run(submit(Submission(SERVER, (_letter(1),))))
    assert parse_delivery(told).outcome is Outcome.ACCEPTED
    assert "DATA" in drive.mta.lines
    assert not any(line.startswith("BDAT") for line in drive.mta.lines)


def test_copies_get_nothing_when_the_recipient_is_refused() -> None:
    mta = Mta(("PIPELINING",))
    letter = MailTransaction("m", "a@example.org", ("bad@example.com", "copy@example.com"), b"x\r\n")
    (told,) = _submitted(mta, [letter])
    assert parse_delivery(told).outcome is Outcome.REJECTED
    assert mta.taken == []
    assert "DATA" not in mta.lines


def test_a_refused_copy_is_told_beside_the_accepted_mail() -> None:
    letter = MailTransaction("m", "a@example.org", ("u@example.com", "bad@example.com"), b"x\r\n")
    (told,) = _submitted(Mta(("PIPELINING",)), [letter])
    assert parse_delivery(told).outcome is Outcome.ACCEPTED
    assert parse_delivery(told).detail == "1 copies refused"
    assert [reply.code for reply in told.recipients if reply] == [250, 550]


def test_very_many_copies_are_named_in_groups() -> None:
    drive = Drive(Mta(("PIPELINING",)))
    (told,) = drive.run(submit(Submission(SERVER, (_letter(1, copies=350),))))
    assert parse_delivery(told).outcome is Outcome.ACCEPTED
    assert len(drive.mta.taken) == 351
    assert max(step.data.count(b"RCPT") for step in drive.steps if isinstance(step, Send)) <= 100


def test_a_line_that_died_while_it_was_idle_costs_no_mail() -> None:
    class Dead(Drive):
        def perform(self, step: Any) -> Any:
            answer = super().perform(step)
            self.broken |= isinstance(step, ReuseConnection)
            return answer

    mta = Mta()
    told = Dead(mta, ConnectionState(ServerCapabilities.from_ehlo({}, ""), mails_sent=1)).run(
        submit(Submission(SERVER, (_letter(1),)))
    )
    assert parse_delivery(told[0]).outcome is Outcome.ACCEPTED
    assert mta.taken == ["u1-0@example.com"]


def test_a_server_that_keeps_closing_is_not_tried_for_ever() -> None:
    mta = Mta(breaks=dict.fromkeys(range(2, 1000, 3), "before"))
    (told,) = _submitted(mta, [_letter(1)])
    assert parse_delivery(told).outcome is Outcome.NOT_SENT
    assert mta.connections == 1


def test_a_connection_is_replaced_after_so_many_mails() -> None:
    mta = Mta(("PIPELINING", "LIMITS MAILMAX=3"))
    assert {parse_delivery(one).outcome for one in _submitted(mta, [_letter(n) for n in range(10)])} == {
        Outcome.ACCEPTED
    }
    assert mta.connections == 4


def test_a_mail_over_the_announced_size_is_not_offered() -> None:
    mta = Mta(("PIPELINING", "SIZE 100"))
    big, small = _submitted(mta, [_letter(1, size=101), _letter(2)])
    assert parse_delivery(big).status.name == "REJECTED_MESSAGE_TOO_LONG"
    assert parse_delivery(small).outcome is Outcome.ACCEPTED
    assert sum(line.startswith("MAIL") for line in mta.lines) == 1


@pytest.mark.parametrize("keywords", KEYWORDS)
def test_a_reply_that_fits_no_command_ends_the_line(keywords: tuple[str, ...]) -> None:
    class Liar(Mta):
        def answer(self, line: str) -> str:
            return "354 go on" if line.startswith("RCPT") else super().answer(line)

    for told in _submitted(Liar(keywords), [_letter(1), _letter(2)]):
        assert parse_delivery(told).outcome in (Outcome.NOT_SENT, Outcome.UNKNOWN)


def test_an_empty_content_ends_a_transaction_that_the_server_opened_for_nobody() -> None:
    class Eager(Mta):
        def answer(self, line: str) -> str:
            if line == "DATA":
                self.mode = "content"
                return "354 go"
            return super().answer(line)

        def take(self, content: bytes) -> str:
            return super().take(content) if self.recipients else "554 nobody"

    mta = Eager(("PIPELINING",))
    bad, good = _submitted(mta, [_letter(1, local="bad"), _letter(2)])
    assert (parse_delivery(bad).outcome, parse_delivery(good).outcome) == (Outcome.REJECTED, Outcome.ACCEPTED)
    assert mta.taken == ["u2-0@example.com"]


@given(
    st.lists(
        st.tuples(st.integers(200, 599), st.lists(st.from_regex(r"[ -~]{0,30}", fullmatch=True), min_size=1)),
        max_size=6,
    ),
    st.lists(st.integers(1, 12), min_size=1),
)
def test_replies_are_the_same_however_their_octets_are_cut(
    replies: list[tuple[int, list[str]]], cuts: list[int]
) -> None:
    raw = "".join(
        f"{code}{'-' if line < len(lines) - 1 else ' '}{text}\r\n"
        for code, lines in replies
        for line, text in enumerate(lines)
    ).encode()
    reader, read, at, turn = ReplyParser(), [], 0, 0
    while at < len(raw):
        size = cuts[turn % len(cuts)]
        reader.feed(raw[at : at + size])
        at, turn = at + size, turn + 1
        while reply := reader.next_reply():
            read.append((reply.code, reply.text.split("\n")))
    assert read == replies
    assert not reader.has_pending


_SAID = st.lists(
    st.sampled_from(
        [b"250 ok\r\n", b"250-a\r\n250 b\n", b"354 go\r\n", b"550\r\n", b"25", b"no\r\n", b"250-a\r\n"]
    ),
    max_size=8,
).map(b"".join)


def _read_all(said: bytes, take: Callable[[ReplyParser], list[Reply]]) -> tuple[list[Reply], bool]:
    """Return the replies, and whether what follows them is none."""
    reader, read = ReplyParser(), list[Reply]()
    reader.feed(said)
    try:
        while replies := take(reader):
            read += replies
    except ConnectionLost:
        return read, True
    return read, False


@given(_SAID, st.integers(1, 5))
def test_replies_that_are_taken_together_are_those_that_are_taken_one_by_one(said: bytes, most: int) -> None:
    def together(reader: ReplyParser) -> list[Reply]:
        replies = reader.next_replies(most)
        assert len(replies) <= most
        return replies

    def one(reader: ReplyParser) -> list[Reply]:
        reply = reader.next_reply()
        return [] if reply is None else [reply]

    assert _read_all(said, together) == _read_all(said, one)


@given(st.binary(max_size=200))
def test_whatever_a_server_says_is_replies_or_the_end(said: bytes) -> None:
    reader = ReplyParser()
    reader.feed(said)
    try:
        while reply := reader.next_reply():
            assert 200 <= reply.code <= 599
    except ConnectionLost:
        pass


@pytest.mark.parametrize(
    "said", [b"nonsense\r\n", b"250-a\r\n550 b\r\n", b"99 x\r\n", b"2500 x\r\n", b"250-" + b"x" * 70_000]
)
def test_nonsense_is_not_waited_for(said: bytes) -> None:
    reader = ReplyParser()
    reader.feed(said)
    with pytest.raises(ConnectionLost):
        reader.next_reply()


ADDRESSES = [
    "a\r\nRCPT TO:<x@example.com>",
    "a@example.com>\r\nDATA",
    "a@example.com> NOTIFY=NEVER",
    "a@exam\0ple.com",
    "<a@example.com>",
    "a b@example.com",
    "a@example.com\n",
    "a" * 300 + "@example.com",
    "a\u2028@example.com",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_address_can_say_a_command(address: str) -> None:
    with pytest.raises(InvalidMessage):
        MailTransaction("m", "a@example.org", (address,), b"x\r\n")
    with pytest.raises(InvalidMessage):
        MailTransaction("m", address, ("a@example.org",), b"x\r\n")


@pytest.mark.parametrize(
    "content", [b"a\nb\r\n", b"a\rb\r\n", b"\n.\n", b"a", b"a\r\n.\n\r\n", b"\r\n\r.\r\n"]
)
def test_content_with_bare_line_ends_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidMessage):
        MailTransaction("m", "a@example.org", ("b@example.org",), content)


@given(st.lists(st.sampled_from([b".", b"..", b"", b"x", b".x", b" ."]), max_size=12))
def test_stuffed_content_ends_once_and_arrives_as_it_was(lines: list[bytes]) -> None:
    content = b"".join(line + b"\r\n" for line in lines) or b"\r\n"
    wire = commands.dot_stuff(content)
    assert (b"\r\n" + wire).find(b"\r\n.\r\n") == len(wire) - 3
    assert re.sub(rb"(?m)^\.", b"", wire[:-3]) == content


@given(st.text(max_size=40))
def test_parameters_hold_whatever_they_are_given(text: str) -> None:
    encoded = commands.xtext(text)
    assert re.fullmatch(r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})*", encoded)
    octets = re.sub(
        rb"\+([0-9A-F]{2})", lambda found: bytes([int(found[1], 16)]), encoded.encode("ascii", "strict")
    )
    assert octets == text.encode("utf-8", "surrogatepass")


def test_reports_are_asked_for_with_our_id_and_the_address_as_it_was_given() -> None:
    mta = Mta(("PIPELINING", "DSN", "SIZE"))
    _submitted(mta, [MailTransaction("m+1", "a@example.org", ("b+c@example.com",), b"x\r\n")])
    assert mta.lines[1:3] == [
        "MAIL FROM:<a@example.org> SIZE=3 RET=HDRS ENVID=m+2B1",
        "RCPT TO:<b+c@example.com> NOTIFY=FAILURE,DELAY ORCPT=rfc822;b+2Bc@example.com",
    ]


def test_an_address_that_is_not_ascii_goes_only_where_it_is_taken() -> None:
    letter = MailTransaction("m", "a@example.org", ("ñ@example.com",), b"x\r\n")
    plain, able = Mta(("PIPELINING",)), Mta(("PIPELINING", "SMTPUTF8", "8BITMIME"))
    assert parse_delivery(_submitted(plain, [letter])[0]).status.name == "REJECTED_DESTINATION"
    assert not any(line.startswith("MAIL") for line in plain.lines)
    assert parse_delivery(_submitted(able, [letter])[0]).outcome is Outcome.ACCEPTED
    assert "MAIL FROM:<a@example.org> BODY=8BITMIME SMTPUTF8" in able.lines


class Dialogue:
    """Says the given replies, one after each write."""

    def __init__(self, *replies: str) -> None:
        self.replies = [Reply(int(one[:3]), one[4:].replace("|", "\n")) for one in replies]
        self.said: list[bytes] = []
        self.secured = False

    def run(self, talk: StepFlow[Any]) -> Any:
        answer: Any = None
        try:
            while True:
                step = talk.send(answer)
                answer = None
                if isinstance(step, Send):
                    self.said.append(step.data)
                elif isinstance(step, StartTls):
                    self.secured = True
                else:
                    answer = [self.replies.pop(0)]
        except StopIteration as end:
            return end.value


def _login(**fields: Any) -> Server:
    return Server("localhost", 25, "none", username="ana", **fields)


@pytest.mark.parametrize(
    ("mechanisms", "server", "token", "said"),
    [
        ("LOGIN PLAIN", _login(password="s3cret"), None, [b"AUTH PLAIN AGFuYQBzM2NyZXQ=\r\n"]),
        ("LOGIN", _login(password="s3cret"), None, [b"AUTH LOGIN\r\n", b"YW5h\r\n", b"czNjcmV0\r\n"]),
        (
            "PLAIN XOAUTH2",
            _login(),
            "ya29.tok",
            [b"AUTH XOAUTH2 dXNlcj1hbmEBYXV0aD1CZWFyZXIgeWEyOS50b2sBAQ==\r\n"],
        ),
        ("OAUTHBEARER", _login(), "tok", [b"AUTH OAUTHBEARER bixhPWFuYSwBYXV0aD1CZWFyZXIgdG9rAQE=\r\n"]),
    ],
)
def test_one_mechanism_is_tried_the_one_that_fits(
    mechanisms: str, server: Server, token: str | None, said: list[bytes]
) -> None:
    replies = ["220 hi", f"250 mail|AUTH {mechanisms}", *["334 x"] * (len(said) - 1), "235 welcome"]
    dialogue = Dialogue(*replies)
    dialogue.run(open_session(server, token))
    assert dialogue.said[1:] == said


@pytest.mark.parametrize(
    ("server", "token", "replies", "stage"),
    [
        (SERVER, None, ["554 go away"], Stage.CONNECT),
        (SERVER, None, ["421 busy"], Stage.CONNECT),
        (SERVER, None, ["220 hi", "500 what?", "502 what?"], Stage.HELLO),
        (Server("h", 1, "starttls"), None, ["220 hi", "250 h|PIPELINING"], Stage.TLS),
        (Server("h", 1, "starttls"), None, ["220 hi", "250 h|STARTTLS", "454 not now"], Stage.TLS),
        (_login(password="x"), None, ["220 hi", "250 h|AUTH PLAIN", "535 5.7.8 no"], Stage.AUTH),
        (_login(password="x"), None, ["220 hi", "250 h|AUTH CRAM-MD5"], Stage.AUTH),
        (_login(password="x"), None, ["220 hi", "250 h"], Stage.AUTH),
        (_login(), "t", ["220 hi", "250 h|AUTH PLAIN"], Stage.AUTH),
        (_login(), "t", ["220 hi", "250 h|AUTH XOAUTH2", "334 eyJ9", "535 5.7.8 expired"], Stage.AUTH),
    ],
)
def test_a_session_that_does_not_come_about_says_at_which_stage(
    server: Server, token: str | None, replies: list[str], stage: Stage
) -> None:
    with pytest.raises(SessionRefused) as refused:
        Dialogue(*replies).run(open_session(server, token))
    assert refused.value.stage is stage


def test_what_was_offered_in_clear_is_forgotten_after_starttls() -> None:
    dialogue = Dialogue("220 hi", "250 h|STARTTLS|PIPELINING|SIZE 5", "220 go", "250 h|AUTH=PLAIN LOGIN|DSN")
    line = dialogue.run(open_session(Server("h", 1, "starttls"), None))
    assert dialogue.secured
    assert (line.capabilities.pipelining, line.capabilities.size, line.capabilities.dsn) == (
        False,
        None,
        True,
    )
    assert line.capabilities.keywords["AUTH"] == "PLAIN LOGIN"


def test_a_server_that_knows_no_extensions_is_greeted_the_old_way() -> None:
    dialogue = Dialogue("220 hi", "502 what?", "250 hello")
    assert dialogue.run(open_session(SERVER, None)).capabilities.keywords == {}
    assert dialogue.said == [b"EHLO localhost\r\n", b"HELO localhost\r\n"]


def test_no_repr_shows_an_address_a_secret_or_the_content() -> None:
    letter = MailTransaction("m", "ana@example.org", ("zoe@example.com",), b"the body\r\n")
    shown = repr(Submission(_login(password="s3cret"), (letter,), "tok3n"))
    shown += repr(TransactionResult(Stage.RCPT, Reply(550, "zoe@example.com?"))) + repr(Send(b"the body"))
    for secret in ("ana", "zoe", "the body", "s3cret", "tok3n"):
        assert secret not in shown


def test_the_last_reply_has_ten_minutes_and_others_one() -> None:
    patience = SmtpTimeouts()
    assert (patience.command, patience.data_end) == (60.0, 600.0)
    drive = Drive(Mta(("PIPELINING",)))
    drive.run(submit(Submission(SERVER, (_letter(1),))))
    assert [step.timeout for step in drive.steps if isinstance(step, AwaitReply)][-1] == 600.0
