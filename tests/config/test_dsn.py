"""A DSN is read as it was meant, or refused: no part of a secret becomes anything else."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_channels._config.dsn import parse_dsn
from messaging_channels.errors import InvalidSetting

PARTS = {name: name for name in ("host", "port", "username", "password")}


def _read(dsn: str) -> dict[str, str]:
    return parse_dsn(dsn, PARTS, provider="smtp", source="environment")


any_text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


@given(user=any_text, password=any_text)
def test_what_is_percent_encoded_is_read_as_it_was(user: str, password: str) -> None:
    values = _read(
        f"smtp://{quote(user, safe='')}:{quote(password, safe='')}@mail.example.com:587?tls=starttls"
    )

    assert values == {
        "host": "mail.example.com", "port": "587", "username": user, "password": password, "tls": "starttls",
    }  # fmt: skip


@given(password=st.text(st.sampled_from("canry@:/?#%&=+;,[]()!$'*\\\"<> \u00e9\u65e5\t4"), max_size=20))
def test_no_part_of_a_raw_password_becomes_the_host(password: str) -> None:
    try:
        values = _read(f"smtp://user@example.com:x{password}@mail.example.com:587?sender=a@example.org")
    except InvalidSetting:
        return
    assert values["host"] == "mail.example.com"
    assert values["username"] == "user@example.com"
    assert values.keys() <= {"host", "port", "username", "password", "sender"}


@pytest.mark.parametrize(
    ("dsn", "values"),
    [
        ("smtp://mail.example.com", {"host": "mail.example.com"}),
        ("  smtp://MAIL.example.com:25\n", {"host": "mail.example.com", "port": "25"}),
        ("smtp://[::1]:2525", {"host": "::1", "port": "2525"}),
        ("smtp://:secret@host", {"host": "host", "password": "secret"}),
        ("smtp://user:p@ss@host/", {"host": "host", "username": "user", "password": "p@ss"}),
        ("smtp://user:100%@host", {"host": "host", "username": "user", "password": "100%"}),
        ("smtp://user:a:b c@host", {"host": "host", "username": "user", "password": "a:b c"}),
        (
            "smtp://host?sender=Shop+x%20<a+b@example.org>&tls=none",
            {"host": "host", "sender": "Shop+x <a+b@example.org>", "tls": "none"},
        ),
        ("smtp://host?password=", {"host": "host"}),
    ],
)
def test_a_dsn_is_read_as_it_was_meant(dsn: str, values: dict[str, str]) -> None:
    assert _read(dsn) == values


@pytest.mark.parametrize(
    "dsn",
    [
        "smtp://u:canary/x@host", "smtp://u:canary?x@host", "smtp://u:canary#x@host", "smtp://u:25/canary@host", "smtp://u:25?canary@host",
        "smtp://host:canary", "smtp://host/canary", "smtp://host#canary", "canary", "smtp://ho st?canary=1", "smtp://[canary]", "smtp://a:1:canary",
    ],
)  # fmt: skip
def test_what_is_uncertain_is_refused_without_being_shown(dsn: str) -> None:
    with pytest.raises(InvalidSetting) as caught:
        _read(dsn)
    assert "canary" not in str(caught.value)
