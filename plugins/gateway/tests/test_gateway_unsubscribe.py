"""The links by which people leave a list of mails: one click of a mail program (RFC 8058), and a page in a real browser."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from messaging_channels.consent import UnsubscribeLinks

SECRET = "a secret of some length"
ONE_CLICK = "List-Unsubscribe=One-Click"


@pytest.fixture
def linked(serve: Any) -> tuple[Any, str]:
    """A gateway that answers links, and one of them: about the newsletters to zoe@example.com."""
    served = serve(public_url="https://messages.example.com", unsubscribe_secrets=SECRET)
    links = UnsubscribeLinks(
        "https://messages.example.com/unsubscribe", SECRET, served.gateway.dispatcher.consent.recipient_key
    )
    link = links.url("zoe@example.com", category="newsletter")
    return served, link.replace("https://messages.example.com", served.url)


def _says(served: Any, category: str = "newsletter") -> str:
    """Return what the operator's page says of mails of a category."""
    query = {"address": "zoe@example.com", "category": category}
    shown: str = served.client.get("/operator/consent", params=query).text
    return "no" if f"No {category} message is sent" in shown else "yes"


@pytest.mark.parametrize(
    "body",
    [
        {"content": ONE_CLICK, "headers": {"content-type": "application/x-www-form-urlencoded"}},
        {"files": {"List-Unsubscribe": (None, "One-Click")}},
    ],
    ids=["form", "multipart"],
)
def test_one_click_of_a_mail_program_is_enough(linked: tuple[Any, str], body: dict[str, Any]) -> None:
    served, link = linked

    answers = [httpx.post(link, **body) for _ in range(2)]

    assert [one.status_code for one in answers] == [200, 200]
    assert all("set-cookie" not in one.headers for one in answers)
    assert _says(served) == "no"
    assert _says(served, "transactional") == "yes"


def test_who_only_fetches_the_link_changes_nothing(linked: tuple[Any, str]) -> None:
    served, link = linked

    statuses = [httpx.get(link).status_code, httpx.head(link).status_code]

    assert statuses == [200, 200]
    assert _says(served) == "yes"


def _wait_for(browser: Any, text: str) -> None:
    """Wait for the page that says so: the one before may still be shown."""
    from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
    from selenium.webdriver.support.ui import WebDriverWait

    gone = (NoSuchElementException, StaleElementReferenceException)
    WebDriverWait(browser, 20, ignored_exceptions=gone).until(
        lambda driver: driver.find_element("css selector", "[role=status]").text == text
    )


def test_a_person_unsubscribes_and_comes_back_in_a_browser(browser: Any, linked: tuple[Any, str]) -> None:
    served, link = linked
    browser.get(link)
    browser.find_element("css selector", "button[value=unsubscribe]").click()
    _wait_for(browser, "You are unsubscribed.")
    assert _says(served) == "no"

    browser.find_element("css selector", "button[value=resubscribe]").click()
    _wait_for(browser, "You are subscribed again.")

    assert _says(served) == "yes"


def test_axe_finds_nothing_on_the_page_of_a_link(browser: Any, axe: str, linked: tuple[Any, str]) -> None:
    _, link = linked
    browser.get(link)
    browser.execute_cdp_cmd("Page.setBypassCSP", {"enabled": True})
    browser.execute_script(axe)

    run = "axe.run().then(done => arguments[0](done.violations.map(one => one.id)))"

    assert browser.execute_async_script(run) == []


@pytest.mark.parametrize("token", ["x", "v1.e30.AAAA", "v1.." + "a" * 2000])
def test_a_link_that_was_made_up_is_none(linked: tuple[Any, str], token: str) -> None:
    served, _ = linked

    answer = httpx.post(f"{served.url}/unsubscribe/{token}", content=ONE_CLICK)

    assert answer.status_code == 404


def test_without_a_secret_there_are_no_links(served: Any) -> None:
    assert httpx.get(f"{served.url}/unsubscribe/v1.e30.AAAA").status_code == 404
