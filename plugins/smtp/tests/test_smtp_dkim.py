from __future__ import annotations

import base64
import re
from collections.abc import Callable
from typing import Any

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from messaging_channels import Email, EmailAddress, errors
from messaging_channels.messages import Attachment, ListUnsubscribe
from messaging_channels.messages.mime import MailDraft
from messaging_channels_smtp.dkim import DkimSigner

TO, FROM = EmailAddress.parse("zoe@example.com"), EmailAddress.parse("Shop <shop@example.org>")
RSA, ED = rsa.generate_private_key(65537, 2048), ed25519.Ed25519PrivateKey.generate()


def _pem(key: Any) -> str:
    kept = serialization.NoEncryption()
    pem: bytes = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, kept)
    return pem.decode()


def _published(key: Any) -> Callable[..., bytes]:
    """Return the DNS that the key's public half stands in."""
    form = serialization.PublicFormat
    if isinstance(key, rsa.RSAPrivateKey):
        kind, raw = (
            "rsa",
            key.public_key().public_bytes(serialization.Encoding.DER, form.SubjectPublicKeyInfo),
        )
    else:
        kind, raw = "ed25519", key.public_key().public_bytes(serialization.Encoding.Raw, form.Raw)
    record = f"v=DKIM1; k={kind}; p={base64.b64encode(raw).decode()}".encode()

    def txt(name: bytes, **_: object) -> bytes:
        assert name == b"mc._domainkey.example.org."
        return record

    return txt


def _signed(mail: Email, key: Any = RSA) -> bytes:
    signer = DkimSigner(domain="example.org", selector="mc", key=_pem(key))
    attached = [one.read() for one in mail.attachments]
    return MailDraft(mail, sender=FROM, attachments=attached, signer=signer).build_for(
        TO, message_id="m1", at=1795528315.0
    )


FULL = Email(
    "Straße " * 20,
    "Hello  \n\n\twith spaces \n\n\n",
    "<p>é</p>",
    cc="c@example.com",
    attachments=(Attachment(b"%PDF", "a.pdf"),),
    list_unsubscribe=ListUnsubscribe("https://example.com/" + "u" * 100, "leave@example.com"),
)


@pytest.mark.parametrize("key", [RSA, ED], ids=["rsa", "ed25519"])
@pytest.mark.parametrize("mail", [FULL, Email("s", "t"), Email("s", "")], ids=["full", "small", "empty"])
def test_a_signature_is_proved_by_another_implementation(mail: Email, key: Any) -> None:
    wire = _signed(mail, key)
    assert dkim.verify(wire, dnsfunc=_published(key))
    assert max(map(len, wire.split(b"\r\n"))) <= 998
    other = ed25519.Ed25519PrivateKey.generate() if key is ED else rsa.generate_private_key(65537, 2048)
    assert not dkim.verify(wire, dnsfunc=_published(other))


@pytest.mark.parametrize(
    "change",
    [
        (b"zoe@example.com", b"joe@example.com"),
        (b"%s", b"%s"),
        (b"\r\nFrom:", b"\r\nFrom: x@example.net\r\nFrom:"),
        (b"List-Unsubscribe-Post: List", b"List-Unsubscribe-Post: Lost"),
        (b"<p>", b"<q>"),
    ],
)
def test_whatever_is_changed_breaks_the_signature(change: tuple[bytes, bytes]) -> None:
    wire = _signed(Email("s", "t", "<p>x</p>", list_unsubscribe=FULL.list_unsubscribe), ED)
    changed = wire.replace(*change)
    assert dkim.verify(changed, dnsfunc=_published(ED)) == (changed == wire)


@given(
    subject=st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"])),
    text=st.text(st.characters(exclude_categories=["Cs"])),
)
def test_any_mail_is_signed_so_that_it_is_proved(subject: str, text: str) -> None:
    try:
        mail = Email(subject, text)
    except errors.InvalidMessage:
        return
    assert dkim.verify(_signed(mail, ED), dnsfunc=_published(ED))


def test_both_headers_of_one_click_are_signed() -> None:
    (names,) = re.findall(rb" h=([^;]*);", _signed(FULL))
    listed = names.replace(b"\r\n ", b"").split(b":")
    assert {b"list-unsubscribe", b"list-unsubscribe-post", b"from"} <= set(listed)
    assert listed.count(b"from") == 2


@pytest.mark.parametrize(
    "fields",
    [
        {"key": "nonsense"},
        {"key": _pem(RSA)[:200]},
        {"domain": "example.org; x=y"},
        {"selector": "a\r\nb"},
    ],
)
def test_a_signer_that_could_not_sign_is_refused_without_showing_its_key(fields: dict[str, str]) -> None:
    with pytest.raises(errors.InvalidSetting) as refused:
        DkimSigner(**{"domain": "example.org", "selector": "mc", "key": _pem(RSA), **fields})
    assert _pem(RSA)[60:90] not in str(refused.value)


def test_no_repr_shows_the_key() -> None:
    signer = DkimSigner(domain="example.org", selector="mc", key=_pem(RSA))
    assert repr(signer) == "DkimSigner(mc._domainkey.example.org)"
