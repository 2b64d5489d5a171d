"""What people write in a mail, read back by parsers that others wrote."""

from __future__ import annotations

from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_channels import Attachment, Email, EmailAddress
from messaging_channels.errors import InvalidAddress, InvalidMessage
from messaging_channels.messages import ListUnsubscribe, build_mail

FROM, TO = EmailAddress.parse("Shop <shop@example.org>"), EmailAddress.parse("zoe@example.com")
CALENDAR = b"BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nEND:VCALENDAR\r\n"


def _read(mail: Email) -> EmailMessage:
    files = [one.read() for one in mail.attachments]
    wire = build_mail(mail, message_id="m1", sender=FROM, to=TO, attachments=files, now=1795528315.0)
    assert max(map(len, wire.split(b"\r\n"))) <= 998
    read = message_from_bytes(wire, policy=policy.default)
    assert isinstance(read, EmailMessage)
    assert not any(part.defects for part in read.walk())
    return read


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("< zoe@example.com >", "zoe@example.com"),
        ("Zoe\u200b < zoe@example.com >", "zoe@example.com"),
        ("\u200ezoe@example.com\u200f", "zoe@example.com"),
        ("\u3000zoe@b\u00fccher.example\u2060", "zoe@xn--bcher-kva.example"),
        ("o'neil+tag/x=y@example.com", "o'neil+tag/x=y@example.com"),
        ("\u0e2a\u0e21\u0e28\u0e23\u0e35@example.com", "\u0e2a\u0e21\u0e28\u0e23\u0e35@example.com"),
        ("\u0646\u200c\u0627@example.com", "\u0646\u200c\u0627@example.com"),
    ],
)
def test_an_address_is_read_without_what_stands_around_it(text: str, meant: str) -> None:
    assert EmailAddress.parse(text).addr_spec == meant


@pytest.mark.parametrize(
    "text",
    [
        "a\uff20b@example.com", "a\uff0eb..c@example.com", "a\u200cb@example.com", "a\u00adb@example.com", "a\u3000b@example.com",
        "a\ud800b@example.com", "zo e@example.com", '"zoe x"@example.com', "zoe@[127.0.0.1]", "zoe@exa mple.com", "zoe@example.com\n.x",
    ],
)  # fmt: skip
def test_what_only_looks_like_an_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidAddress):
        EmailAddress.parse(text)


@given(
    local=st.text(st.characters(min_codepoint=0x300, categories=["L", "M", "Nd"]), min_size=1, max_size=12),
    domain=st.integers(20, 260),
)
def test_no_address_of_more_than_254_octets_is_one(local: str, domain: int) -> None:
    labels = "x." * ((domain - 7) // 2) + "example"
    try:
        address = EmailAddress.parse(f"{local}@{labels}")
    except InvalidAddress:
        return
    assert len(address.addr_spec.encode()) <= 254


def test_several_recipients_stand_in_to_and_none_of_the_blind_anywhere() -> None:
    read = _read(Email("s", "t", also_to=("A <a@example.com>", "b@example.com"), bcc="hidden@example.com"))

    assert [one.addr_spec for one in read["to"].addresses] == [
        "zoe@example.com",
        "a@example.com",
        "b@example.com",
    ]
    assert b"hidden" not in read.as_bytes()


@pytest.mark.parametrize("method", ["REQUEST", "CANCEL", "REPLY", "request"])
@pytest.mark.parametrize("bodies", [{"text": "t"}, {"html": "<p>t</p>"}, {"text": "t", "html": "<p>t</p>"}])
@pytest.mark.parametrize("further", [(), (Attachment(b"%PDF", "agenda.pdf"),)])
def test_an_invitation_is_the_last_alternative_octet_for_octet(
    method: str, bodies: dict[str, str], further: tuple[Attachment, ...]
) -> None:
    invitation = Attachment(CALENDAR, "invite.ics", f"Text/Calendar; charset=utf-8; method={method}")

    read = _read(Email("Visit", **bodies, attachments=(*further, invitation)))

    alternative = next(one for one in read.walk() if one.get_content_type() == "multipart/alternative")
    kinds = [one.get_content_type() for one in alternative.iter_parts()]
    assert kinds == [f"text/{'plain' if name == 'text' else 'html'}" for name in bodies] + ["text/calendar"]
    part = list(alternative.iter_parts())[-1]
    assert (part.get_param("method"), part.get_payload(decode=True)) == (method, CALENDAR)
    assert [
        one.get_filename() for one in read.iter_attachments() if one.get_content_type() == "application/pdf"
    ] == [one.filename for one in further]


def test_a_calendar_without_a_method_is_a_file() -> None:
    read = _read(Email("s", "t", attachments=(Attachment(CALENDAR, "holidays.ics"),)))

    assert [one.get_content_disposition() for one in read.iter_attachments()] == ["attachment"]


@pytest.mark.parametrize(
    ("given", "parameters"),
    [
        (
            "text/plain; charset=UTF-8; format=flowed; delsp=yes",
            {"charset": "UTF-8", "format": "flowed", "delsp": "yes"},
        ),
        ('application/x; title="a \\"b\\"; c=d"', {"title": 'a "b"; c=d'}),
        ('application/x;title="Gr\u00f6\u00dfe"', {"title": "Gr\u00f6\u00dfe"}),
        ("application/pdf ;", {}),
        (f'application/x; note="{"long " * 60}end"', {"note": "long " * 60 + "end"}),
    ],
)
def test_parameters_of_a_media_type_are_read_as_they_were_meant(
    given: str, parameters: dict[str, str]
) -> None:
    read = _read(Email("s", "t", attachments=(Attachment(b"x", "a.bin", given),)))

    (part,) = read.iter_attachments()
    assert dict(part["content-type"].params) == parameters


@pytest.mark.parametrize(
    "given",
    [
        "text",
        "text/",
        "/plain",
        "text/plain; x",
        'text/plain; x="a',
        "text/plain; x=a b",
        "a/b; x=1; X=2",
        "a/b; x=1\r\nBcc: y",
    ],
)
def test_what_is_no_media_type_is_refused(given: str) -> None:
    with pytest.raises(InvalidMessage):
        Attachment(b"", "a", given)


NAMES = [
    'the "best" of 2026.pdf', "it's; here, (really) = 100%.pdf", "a" * 300 + ".tar.gz", "\u65e5\u672c\u8a9e" * 60 + ".docx",
    "\u0646\u0627\u0645\u0647\u200c\u0647\u0627.pdf", "caf\u00e9 \u2615.txt", "\u200bmark.pdf", "no extension at all " * 20, "C:\\x\\a.pdf",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_a_file_keeps_its_name_or_at_least_its_extension(name: str) -> None:
    read = _read(Email("s", "t", attachments=(Attachment(b"x", name),)))

    (part,) = read.iter_attachments()
    arrived = part.get_filename()
    assert arrived is not None
    assert len(arrived.encode()) <= 255
    if len(name.encode()) <= 255 and "\\" not in name and "\u200b" not in name:
        assert arrived == name
    if "." in name:
        assert arrived.rpartition(".")[2] == name.rpartition(".")[2]


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("a.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        ("a.tar.gz", "application/gzip"), ("invite.ICS", "text/calendar"), ("a.webp", "image/webp"), ("page.html", "text/html"),
        ("mail.eml", "application/octet-stream"), ("README", "application/octet-stream"), ("a.", "application/octet-stream"),
    ],
)  # fmt: skip
def test_a_type_is_guessed_from_the_name_alone(name: str, right: str) -> None:
    assert Attachment(b"", name).content_type == right


@pytest.mark.parametrize(
    ("given", "uri"),
    [
        ("mailto:leave@example.com?subject=a%20b", "mailto:leave@example.com?subject=a%20b"),
        (
            "leave+k3v9@example.com?subject=please take me off",
            "mailto:leave+k3v9@example.com?subject=please%20take%20me%20off",
        ),
        (
            "leave@b\u00fccher.example?subject=t\u00e9l\u00e9",
            "mailto:leave@xn--bcher-kva.example?subject=t%C3%A9l%C3%A9",
        ),
        ("leave@example.com?subject=100%", "mailto:leave@example.com?subject=100%25"),
        ("leave@example.com?subject=a<b>,c", "mailto:leave@example.com?subject=a%3Cb%3E,c"),
        ("100%@example.com", "mailto:100%25@example.com"),
        ("a?b@example.com?subject=x", "mailto:a%3Fb@example.com?subject=x"),
        ("leave@example.com?body=one%0D%0Atwo", "mailto:leave@example.com?body=one%0D%0Atwo"),
    ],
)
def test_the_way_to_leave_by_mail_is_a_uri(given: str, uri: str) -> None:
    ways = ListUnsubscribe(mailto=given)

    read = _read(Email("s", "t", list_unsubscribe=ways))

    assert ways.uris == (uri,)
    assert "".join(str(read["list-unsubscribe"]).split()) == f"<{uri}>"


@pytest.mark.parametrize(
    "given",
    [
        "leave@example.com?subject=a%0D%0ABcc:x",
        "leave@example.com?subject",
        "leave@example.com?=x",
        "x",
        "a@example.com?s=a\r\nb",
    ],
)
def test_what_is_no_way_to_leave_is_refused(given: str) -> None:
    with pytest.raises((InvalidMessage, InvalidAddress)):
        ListUnsubscribe(mailto=given)


@pytest.mark.parametrize(
    "html",
    [
        '<img src="cid:logo">',
        "<img src=cid:logo>",
        "<div style=\"background: url('cid:logo')\">",
        "<IMG SRC='CID:logo'>",
        '<a href="cid:a%40b">',
    ],
)
def test_html_that_shows_an_attachment_which_is_not_there_is_refused(html: str) -> None:
    with pytest.raises(InvalidMessage, match="cid:"):
        Email("s", html=html)
    shown = tuple(Attachment.inline(b"", one, content_type="image/png") for one in ("logo", "a@b"))
    assert Email("s", html=html, attachments=shown).html == html


def test_text_is_made_from_html_where_it_is_missing() -> None:
    mail = Email(
        "s", html="<h1>Hi</h1><p>Your <a href='https://example.com/o'>order</a></p><script>x()</script>"
    )

    text = mail.with_text().text

    assert text is not None
    assert all(one in text for one in ("Hi", "order", "https://example.com/o"))
    assert "x()" not in text
    assert Email("s", "own", "<p>other</p>").with_text().text == "own"


def test_css_is_put_into_the_elements_and_nothing_is_fetched() -> None:
    mail = Email(
        "s",
        html="<html><head><link rel=stylesheet href='http://127.0.0.1:1/x.css'><style>p {color: red}</style></head><p>x</p></html>",
    )

    html = mail.with_inlined_css().html

    assert html is not None
    assert 'style="color: red' in html


def test_images_are_embedded_from_paths_and_from_nowhere_else(tmp_path: Path) -> None:
    (tmp_path / "img").mkdir()
    (tmp_path / "img" / "my logo.png").write_bytes(b"\x89PNG")
    html = '<img alt="x" src="img/my%20logo.png"><img src="https://example.com/a.png"><img src=\'img/my logo.png\'>'

    mail = Email("s", html=html).with_embedded_images(tmp_path)

    files = [(one.content_type, one.read()) for one in mail.attachments]
    assert files == [("image/png", b"\x89PNG")]
    assert mail.html is not None
    assert mail.html.count("cid:") == 2
    assert "https://example.com/a.png" in mail.html
    for outside in ("../secret.png", "/etc/hostname", "none.png"):
        with pytest.raises(InvalidMessage):
            Email("s", html=f'<img src="{outside}">').with_embedded_images(tmp_path / "img")


@pytest.mark.parametrize("content", ["a.pdf", None, 7, ["x"]], ids=repr)
def test_an_attachment_is_bytes_a_path_or_an_opener(content: Any) -> None:
    with pytest.raises(InvalidMessage):
        Attachment(content, "a.pdf")
    assert Attachment(bytearray(b"x"), "a").read() == b"x"  # type: ignore[arg-type]
