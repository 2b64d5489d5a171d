"""The state that follows from what was said, in any order of arrival."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_channels.consent import ConsentStatement, StatementKind, find_blocking

STOP = ConsentStatement("stop", "r", "sms", StatementKind.OPTED_OUT, 100.0, 101.0)
START = ConsentStatement("start", "r", "sms", StatementKind.OPTED_IN, 200.0, 201.0)

times = st.sampled_from([None, 1.0, 2.0, 3.0])
statements = st.lists(
    st.builds(
        ConsentStatement,
        id=st.uuids().map(str),
        recipient=st.just("r"),
        channel=st.sampled_from(["sms", "whatsapp", "*"]),
        kind=st.sampled_from(StatementKind),
        said_at=times,
        recorded_at=st.just(5.0),
        category=st.sampled_from(["", "marketing", "loyalty", "authentication"]),
        certainty=st.sampled_from(["certain", "likely"]),
        expires_at=st.sampled_from([None, 1.0, 9.0]),
    ),
    max_size=8,
)
questions = st.tuples(
    st.sampled_from(["sms", "mms", "rcs", "whatsapp"]),
    st.sampled_from(["", "marketing", "loyalty", "authentication", "transactional"]),
)


@given(statements, questions, st.randoms())
def test_the_order_of_arrival_and_repetitions_do_not_matter(
    said: list[ConsentStatement], about: tuple[str, str], chance: object
) -> None:
    shuffled = [*said, *said[:3]]
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert find_blocking(said, *about, 5.0) == find_blocking(shuffled, *about, 5.0)


@given(statements, questions, times)
def test_an_opt_out_that_was_said_last_or_at_an_unknown_time_holds(
    said: list[ConsentStatement], about: tuple[str, str], at: float | None
) -> None:
    last = max((one.said_at or 0.0 for one in said), default=0.0)
    stop = ConsentStatement(
        "last", "r", "*", StatementKind.OPTED_OUT, at if at is None else max(at, last), 6.0
    )
    assert find_blocking([*said, stop], *about, 5.0) is not None


@given(statements, questions)
def test_who_said_nothing_against_it_may_be_written_to(
    said: list[ConsentStatement], about: tuple[str, str]
) -> None:
    harmless = [one for one in said if one.kind in (StatementKind.OPTED_IN, StatementKind.LIFTED)]
    assert find_blocking(harmless, *about, 5.0) is None


@given(statements, questions)
def test_marketing_is_never_more_welcome_than_a_code(
    said: list[ConsentStatement], about: tuple[str, str]
) -> None:
    general = [one for one in said if one.category != "authentication"]
    if find_blocking(general, about[0], "authentication", 5.0) is not None:
        assert find_blocking(general, about[0], "marketing", 5.0) is not None


def test_start_lifts_stop_and_a_tie_does_not() -> None:
    assert find_blocking([STOP, START], "sms", "", 300.0) is None
    assert find_blocking([STOP, replace(START, said_at=100.0)], "sms", "", 300.0) == STOP
    assert find_blocking([STOP, replace(START, said_at=None)], "sms", "", 300.0) == STOP
    assert find_blocking([STOP, replace(START, certainty="likely")], "sms", "", 300.0) == STOP
    assert find_blocking([STOP, replace(START, category="marketing")], "sms", "", 300.0) == STOP
    assert find_blocking([STOP, replace(START, channel="whatsapp")], "sms", "", 300.0) == STOP


@pytest.mark.parametrize(
    "kind", [StatementKind.COMPLAINT, StatementKind.LEGAL, StatementKind.BLOCKED, StatementKind.UNDELIVERABLE]
)
def test_start_lifts_nothing_but_opt_outs_and_an_operator_lifts_by_name(kind: StatementKind) -> None:
    held = replace(STOP, kind=kind)
    assert find_blocking([held, START], "sms", "", 300.0) == held
    lift = ConsentStatement("lift", "r", "sms", StatementKind.LIFTED, 300.0, 300.0, lifts="stop")
    assert find_blocking([lift, held, START], "sms", "", 300.0) is None
    assert find_blocking([lift, held, replace(held, id="another")], "sms", "", 300.0) is not None


@pytest.mark.parametrize(
    ("of", "about", "holds"),
    [
        ("", "authentication", True), ("", "", True), ("marketing", "", True), ("marketing", "loyalty", True),
        ("marketing", "authentication", False), ("marketing", "transactional", False), ("marketing", "UTILITY", False),
        ("loyalty", "loyalty", True), ("loyalty", "marketing", False), ("loyalty", "Loyalty ", True),
    ],
)  # fmt: skip
def test_an_opt_out_holds_for_its_category(of: str, about: str, holds: bool) -> None:
    assert (find_blocking([replace(STOP, category=of)], "sms", about, 300.0) is not None) is holds


def test_stop_by_sms_covers_mms_and_rcs_and_no_other_channel() -> None:
    for channel in ("sms", "mms", "rcs", "SMS"):
        assert find_blocking([STOP], channel, "", 300.0) == STOP
    for channel in ("whatsapp", "email", "chat"):
        assert find_blocking([STOP], channel, "", 300.0) is None


def test_what_expired_holds_no_longer_and_the_gravest_is_named() -> None:
    gone = replace(STOP, id="u", kind=StatementKind.UNDELIVERABLE, expires_at=150.0)
    assert find_blocking([gone], "sms", "", 149.0) == gone
    assert find_blocking([gone], "sms", "", 150.0) is None
    complaint = replace(STOP, id="c", kind=StatementKind.COMPLAINT)
    assert find_blocking([gone, STOP, complaint], "sms", "", 149.0) == complaint
