from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_channels._model.addresses import EmailAddress, PhoneNumber
from messaging_channels._model.errors import InvalidMessage
from messaging_channels.policies._table_zones import ZONES
from messaging_channels.policies.windows import SendWindow

LONDON = PhoneNumber.parse("+447700900123")
AMERICA = PhoneNumber.parse("+12025550123")
DAY = SendWindow("09:00", "20:00")
moments = st.datetimes(datetime(2025, 1, 1), datetime(2030, 1, 1)).map(  # noqa: DTZ001  made UTC below
    lambda moment: moment.replace(tzinfo=UTC).timestamp()
)
zones = st.sampled_from([one for found in ZONES.values() for one in found])


def _at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        ("2026-11-25T08:59:00+00:00", "2026-11-25T09:00:00+00:00"),
        ("2026-11-25T09:00:00+00:00", "2026-11-25T09:00:00+00:00"),
        ("2026-11-25T19:59:59+00:00", "2026-11-25T19:59:59+00:00"),
        ("2026-11-25T20:00:00+00:00", "2026-11-26T09:00:00+00:00"),
        ("2026-07-01T08:30:00+00:00", "2026-07-01T08:30:00+00:00"),  # summer time
    ],
)
def test_a_window_opens_in_the_recipients_own_time(now: str, opens: str) -> None:
    assert DAY.next_opening(_at(now), DAY.timezones(LONDON)) == _at(opens)


def test_it_opens_on_its_days_only() -> None:
    weekdays = SendWindow("09:00", "20:00", days=range(5))

    assert weekdays.next_opening(_at("2026-11-28T12:00:00+00:00"), ("Europe/London",)) == _at(
        "2026-11-30T09:00:00+00:00"
    )


def test_a_country_of_many_zones_is_written_to_when_it_is_day_in_all_of_them() -> None:
    opens = DAY.next_opening(_at("2026-11-25T12:00:00+00:00"), DAY.timezones(AMERICA))

    assert opens == _at("2026-11-25T19:00:00+00:00")  # nine in the morning in Honolulu


def test_a_zone_is_given_by_name_by_a_function_or_by_the_longest_prefix() -> None:
    assert SendWindow("9:00".zfill(5), "10:00", timezone="Asia/Tokyo").timezones(LONDON) == ("Asia/Tokyo",)
    assert SendWindow(
        "09:00", "10:00", timezone=lambda to: "Asia/Tokyo" if to == LONDON else "UTC"
    ).timezones(LONDON) == ("Asia/Tokyo",)
    assert DAY.timezones(PhoneNumber.parse("+16715550123")) == ("Pacific/Guam",)


def test_what_cannot_be_meant_is_refused() -> None:
    for wrong in (
        lambda: SendWindow("nine", "20:00"),
        lambda: SendWindow("20:00", "09:00"),
        lambda: SendWindow("09:00", "20:00", days=()),
        lambda: DAY.timezones(EmailAddress.parse("zoe@example.com")),
        lambda: SendWindow("09:00", "20:00", timezone="Middle/Earth").timezones(LONDON),
        lambda: SendWindow("09:00", "09:30").next_opening(0.0, ("Europe/London", "Asia/Tokyo")),
    ):
        with pytest.raises(InvalidMessage):
            wrong()


@given(moments, zones, st.integers(0, 22), st.integers(1, 23), st.sets(st.integers(0, 6), min_size=1))
def test_it_opens_at_a_moment_that_is_within_it_and_not_before_now(
    now: float, zone: str, start: int, hours: int, days: set[int]
) -> None:
    window = SendWindow(f"{start:02}:00", f"{min(start + hours, 23):02}:30", days=tuple(days))
    opens = window.next_opening(now, (zone,))
    local = datetime.fromtimestamp(opens, ZoneInfo(zone))

    assert now <= opens <= now + 8.1 * 86400
    assert local.weekday() in days
    assert window.hours[0] <= local.time() < window.hours[1]
    assert window.next_opening(opens, (zone,)) == opens


def test_every_zone_of_the_table_exists() -> None:
    for names in ZONES.values():
        for name in names:
            ZoneInfo(name)
