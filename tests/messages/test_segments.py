from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_channels import Sms
from messaging_channels.messages._segments import segments


@pytest.mark.parametrize(
    ("text", "encoding", "count"),
    [
        ("", "GSM-7", 1),
        ("a" * 160, "GSM-7", 1),
        ("a" * 161, "GSM-7", 2),
        ("a" * 306, "GSM-7", 2),
        ("a" * 307, "GSM-7", 3),
        ("€" * 80, "GSM-7", 1),
        ("€" * 81, "GSM-7", 2),
        ("a" * 152 + "€" + "a" * 153, "GSM-7", 3),
        ("ж" * 70, "UCS-2", 1),
        ("ж" * 71, "UCS-2", 2),
        ("😀" * 35, "UCS-2", 1),
        ("😀" * 66, "UCS-2", 2),
        ("😀" * 67, "UCS-2", 3),
    ],
)
def test_the_parts_are_those_of_the_standard(text: str, encoding: str, count: int) -> None:
    counted = segments(text)

    assert (counted.encoding, counted.count) == (encoding, count)


def test_one_emoji_shrinks_the_parts_and_is_named() -> None:
    counted = Sms("a" * 100 + "😀").segments

    assert (counted.encoding, counted.count, counted.unencodable) == ("UCS-2", 2, ("😀",))


@given(st.text(max_size=500))
def test_all_units_find_a_place(text: str) -> None:
    counted = segments(text)
    assert counted.units <= counted.count * counted.per_segment
    assert 0 <= counted.remaining <= counted.per_segment
    if counted.encoding == "UCS-2":
        assert counted.units == len(text.encode("utf-16-le", "surrogatepass")) // 2


@given(st.text(max_size=300), st.text(max_size=50))
def test_more_text_never_needs_fewer_parts(text: str, more: str) -> None:
    assert segments(text + more).count >= segments(text).count
