"""Ids are nobody else's."""

from __future__ import annotations

import os
import re
import sys
import threading

import pytest

from messaging_channels._model.ids import message_id, random_digits


def test_message_ids_are_32_digits_that_sort_by_time() -> None:
    one, two = message_id(1_000_000.001), message_id(1_000_000.002)

    assert re.fullmatch("[0-9a-f]{32}", one)
    assert one < two


def test_no_two_threads_are_given_the_same_digits() -> None:
    given: list[list[str]] = [[] for _ in range(8)]
    threads = [
        threading.Thread(target=lambda own: own.extend(random_digits() for _ in range(1000)), args=(own,))
        for own in given
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    every = [one for own in given for one in own]

    assert len(set(every)) == len(every) == 8000


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_process_draws_digits_of_its_own() -> None:
    random_digits()
    told, tell = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(tell, random_digits().encode())
        os._exit(0)
    os.waitpid(child, 0)
    theirs = os.read(told, 100).decode()
    os.close(told)
    os.close(tell)

    assert re.fullmatch("[0-9a-f]{20}", theirs)
    assert theirs not in {random_digits() for _ in range(300)}
