from __future__ import annotations

import base64
import email
import email.policy
import re
import struct
from email.headerregistry import Address
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_channels import BadInput, EmailAddress
from messaging_channels.errors import InvalidMessage
from messaging_channels.messages import Attachment, Email, ListUnsubscribe
from messaging_channels.messages._mime_headers import block, parameter, text, tokens
from messaging_channels.messages.mime import MailDraft, build_mail

TO, FROM = EmailAddress.parse("zoe@example.com"), EmailAddress.parse("Shop <shop@example.org>")


def _wire(mail: Email, sender: EmailAddress = FROM, to: EmailAddress = TO) -> bytes:
    attached = [one.read() for one in mail.attachments]
    return build_mail(mail, message_id="m1", sender=sender, to=to, attachments=attached, now=1795528315.0)


def _parsed(mail: Email, **addresses: Any) -> EmailMessage:
    parsed = email.message_from_bytes(_wire(mail, **addresses), policy=email.policy.default)
    assert isinstance(parsed, EmailMessage)
    return parsed


def _require_strict(wire: bytes) -> list[str]:
    """Check what RFC 5322 and 2045 ask of the octets, without any library; return the names of the headers."""
    assert b"\n" not in wire.replace(b"\r\n", b"")
    assert b"\r" not in wire.replace(b"\r\n", b"")
    assert b"\0" not in wire
    assert wire.endswith(b"\r\n")
    assert max(map(len, wire.split(b"\r\n"))) <= 998
    head, _, body = wire.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert all(re.fullmatch(rb"[!-9;-~]+: [^\r\n]*|[ \t]+[^ \t\r\n][^\r\n]*", line) for line in lines)
    assert body.isascii()
    return [line.split(b":")[0].decode() for line in lines if line[:1] not in (b" ", b"\t")]


HTML = '<img src="cid:logo">'
EVERYTHING = Email(
    "Straße",
    text="Hello\r\nthere",
    html=HTML,
    cc="C <c@example.com>",
    bcc="hidden@example.com",
    reply_to="desk@example.com",
    attachments=(
        Attachment.inline(b"\x89PNG", "logo", content_type="image/png"),
        Attachment(b"%PDF", "Größe.pdf", "application/pdf"),
        Attachment(b"x" * 1000, "../../etc/passwd"),
    ),
    headers={"X-Campaign": "spring"},
    list_unsubscribe=ListUnsubscribe(url="https://example.com/" + "u" * 120, mailto="leave@example.com"),
)


def test_every_field_arrives_as_it_was_meant() -> None:
    mail = _parsed(EVERYTHING)
    assert mail["Subject"] == "Straße"
    assert mail["From"] == "Shop <shop@example.org>"
    assert (mail["To"], mail["Cc"], mail["Reply-To"]) == (
        "zoe@example.com",
        "C <c@example.com>",
        "desk@example.com",
    )
    assert mail["Message-ID"] == "<m1@example.org>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["X-Campaign"] == "spring"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert html is not None
    assert text.get_content().splitlines() == ["Hello", "there"]
    assert html.get_content().splitlines() == [HTML]
    names = [part.get_filename() for part in mail.iter_attachments()]
    assert names == ["Größe.pdf", "_.._etc_passwd"]
    assert [part.get_content_type() for part in mail.walk()] == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "multipart/related",
        "text/html",
        "image/png",
        "application/pdf",
        "application/octet-stream",
    ]


def test_a_long_unsubscribe_link_is_not_torn() -> None:
    assert b"<https://example.com/" + b"u" * 120 + b">" in _wire(EVERYTHING)


def test_blind_copies_are_in_no_header() -> None:
    assert b"hidden" not in _wire(EVERYTHING)
    assert b"bcc" not in _wire(EVERYTHING).lower()


def test_the_same_mail_is_the_same_bytes() -> None:
    assert _wire(EVERYTHING) == _wire(EVERYTHING)


HEADERS = ["Date", "Message-ID", "To", "From", "Subject", "Auto-Submitted", "X-Note", "MIME-Version"]
words = st.text(st.characters(exclude_categories=["Cs"]))


@given(subject=words, note=words, text=words, html=st.none() | words, name=st.text(max_size=80))
def test_whatever_is_written_arrives_and_adds_no_header(
    subject: str, note: str, text: str, html: str | None, name: str
) -> None:
    try:
        mail = Email(subject, text, html, headers={"X-Note": note})
        sender = EmailAddress("shop", "example.org", name)
        wire = _wire(mail, sender)
    except BadInput:
        return
    names = _require_strict(wire)
    assert [one for one in names if not one.startswith("Content-")] == HEADERS
    assert wire.isascii()
    parsed = email.message_from_bytes(wire, policy=email.policy.default)
    assert isinstance(parsed, EmailMessage)
    assert str(parsed["Subject"]) == subject
    for kind, wanted in (("plain", text), ("html", html)):
        if wanted is not None:
            body = parsed.get_body((kind,))
            assert body is not None
            lines = wanted.replace("\r\n", "\n").replace("\r", "\n")
            assert body.get_content().replace("\r\n", "\n").rstrip("\n") == lines.rstrip("\n")


@given(
    files=st.lists(st.tuples(st.binary(max_size=300), words.filter(bool), st.booleans()), max_size=4),
    html=st.none() | st.just("<p>x</p>"),
)
def test_files_arrive_octet_by_octet_with_a_safe_name(
    files: list[tuple[bytes, str, bool]], html: str | None
) -> None:
    try:
        attachments = tuple(
            Attachment(data, name, "image/png", f"cid{number}" if inline else None)
            for number, (data, name, inline) in enumerate(files)
        )
    except BadInput:
        return
    wire = _wire(Email("s", "t", html, attachments=attachments))
    _require_strict(wire)
    parsed = email.message_from_bytes(wire, policy=email.policy.default)
    arrived = {
        part.get_payload(decode=True): part
        for part in parsed.walk()
        if part.get_content_maintype() == "image"
    }
    assert {data for data, _, _ in files} == arrived.keys()
    for part in arrived.values():
        name = part.get_filename()
        assert name
        assert not re.search(r"[/\\\x00-\x1f\u202a-\u202e]", name)
        assert not name.startswith(".")


MAILS = st.builds(
    Email,
    subject=words.filter(lambda one: one.isprintable()),
    text=words,
    html=st.none() | words,
    cc=st.sampled_from([(), ("c@example.com",), ("C <c@example.com>", "Ð <d@example.com>")]),
    reply_to=st.sampled_from([(), "desk@example.com"]),
    in_reply_to=st.none() | st.just("<" + "i" * 100 + "@example.com>"),
    references=st.lists(st.just("<r@example.com>"), max_size=20),
    list_id=st.none() | st.just("offers.example.com"),
    auto_submitted=st.sampled_from([None, "no", "auto-generated", "auto-replied"]),
)


@given(mail=MAILS, names=st.lists(words.filter(lambda one: one.isprintable()), min_size=1, max_size=4))
def test_a_draft_gives_each_recipient_what_a_mail_of_its_own_would_be(mail: Email, names: list[str]) -> None:
    draft = MailDraft(mail, sender=FROM, attachments=[])
    for number, name in enumerate(names):
        to = EmailAddress(f"u{number}", "example.com", name)
        own = build_mail(
            mail, message_id=f"m{number}", sender=FROM, to=to, attachments=[], now=1795528315.0 + number
        )
        assert draft.build_for(to, message_id=f"m{number}", at=1795528315.0 + number) == own
        _require_strict(own)


def _by_the_library(subject: str, text: str, html: str | None, name: str) -> EmailMessage:
    mail = EmailMessage(policy=email.policy.SMTP)
    mail["From"], mail["To"] = "Shop <shop@example.org>", Address(name, "zoe", "example.com")
    mail["Subject"] = subject
    mail.set_content(text)
    if html is not None:
        mail.add_alternative(html, subtype="html")
    parsed = email.message_from_bytes(mail.as_bytes(), policy=email.policy.default)
    assert isinstance(parsed, EmailMessage)
    return parsed


plain_words = st.text(st.sampled_from("abc XYZ 0.,:;-éß日\n"), max_size=60)


@given(
    subject=plain_words.map(lambda one: " ".join(one.split())),
    text=plain_words,
    html=st.none() | plain_words,
    name=plain_words.map(lambda one: " ".join(one.split())),
)
def test_what_is_written_by_hand_reads_like_what_the_library_writes(
    subject: str, text: str, html: str | None, name: str
) -> None:
    ours = _parsed(Email(subject, text, html), to=EmailAddress("zoe", "example.com", name))
    theirs = _by_the_library(subject, text, html, name)
    for header in ("From", "To", "Subject"):
        assert str(ours[header]) == str(theirs[header])
    assert [one.get_content_type() for one in ours.walk()] == [
        one.get_content_type() for one in theirs.walk()
    ]
    for kind in ("plain", "html"):
        own, other = ours.get_body((kind,)), theirs.get_body((kind,))
        assert (own is None) == (other is None)
        if own is not None and other is not None:
            assert own.get_content().rstrip() == other.get_content().rstrip()


LONG = "<" + "x" * 120 + "@example.com>"


def test_long_ids_and_links_are_never_torn() -> None:
    mail = Email(
        "s",
        "t",
        in_reply_to=LONG,
        references=("<first@example.com>", *([LONG] * 30)),
        list_unsubscribe=ListUnsubscribe("https://example.com/" + "u" * 800, "leave@example.com"),
        headers={"X-Long": "y" * 200, "X-Longer": "z" * 2000, "X-Words": "word " * 60 + "end"},
    )
    wire = _wire(mail)
    _require_strict(wire)
    assert f"In-Reply-To: {LONG}\r\n".encode() in wire
    assert (
        b"List-Unsubscribe: <https://example.com/" + b"u" * 800 + b">,\r\n <mailto:leave@example.com>\r\n"
        in wire
    )
    parsed = _parsed(mail)
    assert str(parsed["References"]).split()[0] == "<first@example.com>"
    assert len(str(parsed["References"]).split()) == 12
    assert (parsed["X-Long"], parsed["X-Words"]) == ("y" * 200, "word " * 60 + "end")
    assert str(parsed["X-Longer"]) == "z" * 2000


@pytest.mark.parametrize("subject", ["=?utf-8?q?hello?=", " ", " a ", "a =?x", "\ta", "a  b", "é" * 60])
def test_a_subject_reads_as_it_was_written(subject: str) -> None:
    assert str(_parsed(Email(subject, "t", headers={"X-Note": subject}))["Subject"]) == subject


def test_a_link_longer_than_a_line_is_refused() -> None:
    with pytest.raises(InvalidMessage):
        tokens("List-Unsubscribe", ["<https://example.com/" + "u" * 1000 + ">"])


def test_a_robots_reply_says_so_and_what_it_answers() -> None:
    mail = _parsed(Email("Re: x", "t", auto_submitted="auto-replied", in_reply_to="<a@b.example>"))
    assert (mail["Auto-Submitted"], mail["In-Reply-To"]) == ("auto-replied", "<a@b.example>")


@pytest.mark.parametrize(
    "make",
    [
        lambda: Email("s", "t", in_reply_to="a@b.example"),
        lambda: Email("s", "t", in_reply_to="<a@b.example>\r\nBcc: x"),
        lambda: Email("s", "t", references=("<a b@c.example>",)),
        lambda: Email("s", "t", list_id="offers"),
        lambda: Email("s", "t", headers={"List-Id": "x"}),
        lambda: Email("s", "t", headers={"Auto-Submitted": "no"}),
        lambda: Email("s", "t", envelope_sender="nonsense"),
    ],
)
def test_fields_that_are_not_what_they_are_called_are_refused(make: Any) -> None:
    with pytest.raises(BadInput):
        make()


def test_text_goes_in_the_encoding_that_costs_least() -> None:
    def encoding(body: str) -> str:
        return str(_parsed(Email("s", body))["Content-Transfer-Encoding"])

    assert encoding("plain\n" * 50) == "7bit"
    assert encoding("mostly plain, with an é\n" * 50) == "quoted-printable"
    assert encoding("x" * 5000) == "quoted-printable"
    assert encoding("日本語のメール\n" * 50) == "base64"


def test_an_attachment_is_read_from_bytes_a_file_or_a_stream_each_time(tmp_path: Path) -> None:
    import io

    (tmp_path / "a.bin").write_bytes(b"file")
    opened: list[io.BytesIO] = []

    def stream() -> io.BytesIO:
        opened.append(io.BytesIO(b"stream"))
        return opened[-1]

    mail = Email(
        "s",
        "t",
        attachments=(Attachment(b"bytes", "1"), Attachment(tmp_path / "a.bin", "2"), Attachment(stream, "3")),
    )
    for _ in range(2):
        contents = [part.get_content() for part in _parsed(mail).iter_attachments()]
        assert contents == [b"bytes", b"file", b"stream"]
    assert len(opened) == 2
    assert all(one.closed for one in opened)


def test_a_mail_inside_a_mail_stays_as_it_is() -> None:
    inner = b"Subject: inner\nFrom: a@example.com\n\nhello\n"
    mail = _parsed(Email("s", "t", attachments=(Attachment(inner, "inner.eml", "message/rfc822"),)))
    (part,) = mail.iter_attachments()
    assert part.get_content()["Subject"] == "inner"
    with pytest.raises(InvalidMessage):
        _wire(Email("s", "t", attachments=(Attachment("é".encode(), "x.eml", "message/rfc822"),)))


@pytest.mark.parametrize(
    "address",
    [
        EmailAddress("a>\r\nBcc: <x", "example.com"),
        EmailAddress("a", "example.com\r\nBcc: x@example.com"),
        EmailAddress("a", "example.com", "A\r\nBcc: x@example.com"),
        EmailAddress("a", "example.com", "A\n"),
        EmailAddress("a b", "example.com"),
    ],
)
@pytest.mark.parametrize("field", ["to", "sender"])
def test_an_address_that_was_never_parsed_smuggles_nothing(address: EmailAddress, field: str) -> None:
    with pytest.raises(InvalidMessage):
        _wire(Email("s", "t"), **{field: address})


HIDDEN = [
    "=?utf-8?q?a=0D=0ABcc:_x=40example.net?=",
    "=?utf-8?b?YQ0KQmNjOiB4QGV4YW1wbGUubmV0?=",
    "=?utf-8?q?a=0D?= =?utf-8?q?=0ABcc:_x?=",
    "=?utf-8?q?=3D=3Futf-8=3Fq=3Fa=3D0ABcc=3A=3F=3D?=",
    "=?utf-8?q?,_x=40example.net,?=",
]


@pytest.mark.parametrize("name", HIDDEN)
@pytest.mark.parametrize("field", ["sender", "cc", "reply_to", "to"])
def test_an_encoded_word_in_a_name_is_a_name(name: str, field: str) -> None:
    address = EmailAddress("a", "example.com", name)
    wire = _wire(Email("s", "t"), to=address) if field == "to" else b""
    if field == "sender":
        wire = _wire(Email("s", "t"), sender=address)
    elif field in ("cc", "reply_to"):
        wire = _wire(Email("s", "t", **{field: address}))  # type: ignore[arg-type]
    names = _require_strict(wire)
    assert "Bcc" not in names
    assert b"Bcc" not in wire
    header = {"sender": "From", "reply_to": "Reply-To"}.get(field, field.title())
    parsed = email.message_from_bytes(wire, policy=email.policy.default)
    assert [one.addr_spec for one in parsed[header].addresses] == ["a@example.com"]


def test_names_shed_the_marks_that_only_deceive() -> None:
    deceiving = EmailAddress("a", "example.com", "Bank\u202e\u200b")
    assert _parsed(Email("s", "t"), sender=deceiving)["From"] == "Bank <a@example.com>"
    name = Attachment(b"", "invoice\u202efdp.exe")
    (part,) = _parsed(Email("s", "t", attachments=(name,))).iter_attachments()
    assert part.get_filename() == "invoicefdp.exe"


@pytest.mark.parametrize("value", ["a\r\nBcc: x", "a\n", "\r", "a\0b", "x\r\n\r\nbody", "x\r\n \r\ny"])
def test_the_last_guard_lets_no_value_end_its_line(value: str) -> None:
    with pytest.raises(InvalidMessage):
        block([("X-Note", value)])
    with pytest.raises(InvalidMessage):
        block([("X-Note\r\nBcc", "x")])


@given(st.text(st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"]), min_size=1, max_size=120))
def test_a_parameter_arrives_as_it_was(value: str) -> None:
    raw = f"Content-Disposition: attachment{parameter('filename', value)}\r\n\r\n".encode()
    assert max(map(len, raw.split(b"\r\n"))) <= 200
    assert email.message_from_bytes(raw).get_filename() == value


@given(
    st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\u2028\u2029"), max_size=300)
)
def test_encoded_words_are_short_and_cut_no_character(value: str) -> None:
    for line in f"Subject: {text('Subject', value)}".split("\r\n"):
        assert "=?" not in line or len(line) <= 76 or value.isascii()
        for word in re.findall(r"=\?utf-8\?b\?([^?]*)\?=", line):
            base64.b64decode(word).decode()


def test_large_files_cost_about_their_size() -> None:
    data = struct.pack("I", 7) * 250_000
    wire = _wire(Email("s", "t", attachments=(Attachment(data, "big.bin"),)))
    assert len(wire) < len(data) * 1.38 + 2000


@pytest.mark.parametrize(
    "value",
    ["=?utf-8?q?a=0D=0ABcc:_x=40example.test?=", "=?utf-8?b?YQ0KQmNjOiB4?=", "a\r\nBcc: x", "a\nb", "a\0"],
)
def test_no_header_can_be_smuggled_in(value: str) -> None:
    for make in (
        lambda: Email(value, "x"),
        lambda: Email("s", "x", headers={"X-Note": value}),
        lambda: Email("s", "x", attachments=(Attachment(b"", value),)),
    ):
        with pytest.raises(BadInput):
            make()
