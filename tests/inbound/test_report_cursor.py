"""Reports that are fetched behind a cursor: none is lost when a process dies, and none is fetched for nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest
from ledgers import Do  # noqa: TC002  a module of the tests
from loopback import Peer, Server
from providers.acme import FIXTURES, AcmeSms, spec

from messaging_channels import Dispatcher, SqliteLedger, errors
from messaging_channels.events import StatusChanged
from messaging_channels.plugins import Flow, HttpRequest, HttpResponse, ReportPage, ask, status
from messaging_channels.plugins.ledger_reports import GetReportCursor, StoreReportCursor
from messaging_channels.testing.conformance import check_rules


class Listed(AcmeSms):
    """Its vendor lists reports from any number on, two a page."""

    fetch_reports: ClassVar[Any] = None

    def fetch_reports_after(self, cursor: str | None) -> Flow[ReportPage]:
        url = f"{self.url}/reports?after={cursor or 0}"
        response = yield from ask(HttpRequest("GET", url, self.headers, may_send=False))
        try:
            told = json.loads(response.body) if response.ok else {}
            events = [self.event(one) for one in told["reports"]]
            return ReportPage(events, str(told["next"]))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError):
            return ReportPage((), cursor)

    def event(self, told: Any) -> StatusChanged:
        return StatusChanged(
            provider=self.name,
            occurred_at=float(told["at"]),
            message_id=str(told["id"]),
            status=status.DELIVERED_TO_HANDSET,
            raw=told,
        )


def _page(after: int, most: int = 5) -> dict[str, Any]:
    numbers = range(after + 1, min(after + 3, most + 1))
    return {
        "reports": [{"id": f"m-{one}", "at": 1.79e9 + one} for one in numbers],
        "next": max([after, *numbers]),
    }


class Vendor(Server):
    """Gives the reports of five messages, and breaks off in the middle of an answer if told to."""

    def __init__(self, *, fails_at: int = -1) -> None:
        super().__init__(self._answer)
        self.asked: list[int] = []
        self.fails_at = fails_at

    def _answer(self, peer: Peer) -> None:
        while request := peer.read_request():
            url = request.decode().split(" ")[1]
            after = int(parse_qs(urlsplit(url).query)["after"][0])
            self.asked.append(after)
            if after == self.fails_at:
                return
            body = json.dumps(_page(after)).encode()
            peer.answer(b"HTTP/1.1 200 X\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))


def _build(vendor: Vendor) -> Listed:
    one = spec(Listed)
    built = one.build(one.settings.model_validate(FIXTURES.settings(vendor.url, "0" * 32)))
    assert isinstance(built, Listed)
    return built


def test_the_next_process_goes_on_where_the_last_one_ended(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    with Vendor(fails_at=4) as vendor:
        with (
            Dispatcher([_build(vendor)], ledger=SqliteLedger(path, owned=True)) as dispatcher,
            pytest.raises(errors.TransportError),
        ):
            dispatcher.fetch_reports()
        vendor.fails_at = -1
        with Dispatcher([_build(vendor)], ledger=SqliteLedger(path, owned=True)) as dispatcher:
            last = [
                event.message_id for event in dispatcher.fetch_reports() if isinstance(event, StatusChanged)
            ]
            nothing = dispatcher.fetch_reports()

    assert vendor.asked == [0, 2, 4, 4, 5, 5]
    assert (last, list(nothing)) == (["m-5"], [])


def test_a_cursor_is_of_one_account(do: Do) -> None:
    do(StoreReportCursor("acme", None, "one"))
    do(StoreReportCursor("acme", "b", "two"))
    do(StoreReportCursor("acme", None, "three"))

    found = [do(GetReportCursor("acme", account)) for account in (None, "b", "c")]
    assert found == ["three", "two", None]


def _answers(request: HttpRequest) -> HttpResponse:
    after = int(parse_qs(urlsplit(request.url).query).get("after", ["0"])[0].strip("zq-") or 0)
    return HttpResponse(200, {"content-type": "application/json"}, json.dumps(_page(after)).encode())


class Forgetful(Listed):
    """It goes on behind an answer that it cannot read."""

    def fetch_reports_after(self, cursor: str | None) -> Flow[ReportPage]:
        page = yield from super().fetch_reports_after(cursor)
        return page if page.events else ReportPage((), "9")


class Circling(Listed):
    """It asks for the first page again and again."""

    def fetch_reports_after(self, cursor: str | None) -> Flow[ReportPage]:
        return (yield from super().fetch_reports_after(None if cursor != "9" else cursor))


@pytest.mark.parametrize(("kind", "is_found"), [(Listed, False), (Forgetful, True), (Circling, True)])
def test_the_kit_looks_at_cursors(kind: type[Listed], *, is_found: bool) -> None:
    (result,) = check_rules(spec(kind), replace(FIXTURES, reports_response=_answers), None, 20, ["MC602"])

    assert not result.skipped
    assert bool(result.findings) is is_found
