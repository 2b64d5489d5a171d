"""Seeing what code does, without replacing any of it: the interpreter's own profiling hook tells of every call."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any

_CLOCKS = {time.time, time.time_ns, time.monotonic, time.monotonic_ns}
_CLOCK_NAMES = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today"}
_ENVIRONMENT: set[CodeType] = {os.getenv.__code__, type(os.environ).__getitem__.__code__}
_SOCKETS: set[CodeType] = {socket.socket.__init__.__code__, socket.create_connection.__code__}
_LOOKUPS = {"getaddrinfo", "gethostbyname", "gethostbyaddr"}
_EXCUSED_MODULES = ("logging", "importlib", "_frozen_importlib", "_frozen_importlib_external")


def forbidden_calls(run: Callable[[], object]) -> list[str]:
    """Return what `run` did that is only for the transport, each in words and once."""
    seen: list[str] = []

    def hear(frame: FrameType, event: str, argument: Any) -> None:  # noqa: ANN401  as the interpreter calls it
        words = (
            _forbidden_python_call(frame.f_code)
            if event == "call"
            else _forbidden_native_call(argument)
            if event == "c_call"
            else ""
        )
        if (
            words
            and words not in seen
            and not str(frame.f_globals.get("__name__")).startswith(_EXCUSED_MODULES)
        ):
            seen.append(words)

    _run_profiled(hear, run)
    return seen


def called_functions(run: Callable[[], object]) -> set[str]:
    """Return the names of all functions that `run` called."""
    names: set[str] = set()

    def hear(frame: FrameType, event: str, argument: Any) -> None:  # noqa: ANN401  as the interpreter calls it
        if event == "call":
            names.add(frame.f_code.co_name)
        elif event == "c_call":
            names.add(argument.__name__)

    _run_profiled(hear, run)
    return names


def count_open_sockets() -> int:
    """Return how many sockets this process holds."""
    held = 0
    for number in range(4096):
        try:
            held += os.fstat(number).st_mode & 0o170000 == _SOCKET
        except OSError:
            continue
    return held


def _run_profiled(callback: Callable[[FrameType, str, Any], None], run: Callable[[], object]) -> None:
    before = sys.getprofile()
    sys.setprofile(callback)
    try:
        run()
    finally:
        sys.setprofile(before)


def _forbidden_python_call(code: CodeType) -> str:
    if code in _SOCKETS:
        return "it opened a socket"
    if code is threading.Thread.start.__code__:
        return "it started a thread"
    return "it read the environment" if code in _ENVIRONMENT else ""


def _forbidden_native_call(function: Any) -> str:  # noqa: ANN401  any built-in
    if function is time.sleep:
        return "it slept"
    if function is open:
        return "it opened a file"
    if getattr(function, "__name__", "") in _LOOKUPS and getattr(function, "__module__", "") == "_socket":
        return "it looked up a host"
    read = getattr(function, "__qualname__", "") in _CLOCK_NAMES or _is_clock(function)
    return "it read the clock" if read else ""


def _is_clock(function: Any) -> bool:  # noqa: ANN401  any built-in, hashable or not
    return any(function is clock for clock in _CLOCKS)


_SOCKET = 0o140000
