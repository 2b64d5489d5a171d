"""Which HTTP client performs the requests, and whether the settings can work: checked before anything is sent."""

from __future__ import annotations

import os
import sys
import threading
from importlib import import_module
from importlib.util import find_spec
from math import isfinite
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from messaging_channels._model.errors import InvalidSetting
from messaging_channels._transport.certificates import verifying_context

if TYPE_CHECKING:
    from messaging_channels._transport.settings import ClientCertificate, HttpSettings

_CLIENTS = ("auto", "httpx", "pyreqwest")
_PROXIES = ("http", "https", "socks5", "socks5h")


def require_usable_settings(settings: HttpSettings) -> None:
    """Refuse settings with which no request could be made. Reads the certificate files; connects to nothing.

    Raises:
        InvalidSetting: a file, a time-out, the proxy or the client cannot be used.
    """
    if settings.client not in _CLIENTS:
        raise _invalid("must be auto, httpx or pyreqwest", setting="http.client", hint="choose one of them")
    if settings.client == "pyreqwest":
        _require_pyreqwest(settings.client_certificate)
    if settings.proxy is not None:
        _require_proxy(settings.proxy)
    timeouts = settings.timeouts
    for name in ("connect", "write", "read", "total"):
        seconds = getattr(timeouts, name)
        if seconds is not None and not (isfinite(seconds) and seconds > 0):
            raise _invalid(
                "must be seconds above 0", setting=f"http.{name}_timeout", hint="give a number above 0"
            )
        _require_short(seconds, f"http.{name}_timeout")
    if not (isfinite(settings.keepalive_expiry) and settings.keepalive_expiry >= 0):
        raise _invalid(
            "must be seconds of at least 0", setting="http.keepalive_expiry", hint="give for example 5"
        )
    _require_short(settings.keepalive_expiry, "http.keepalive_expiry")
    if settings.ca_file or settings.client_certificate:
        verifying_context(settings)


def _require_short(seconds: float | None, setting: str) -> None:
    if seconds is not None and seconds > _LONGEST:
        raise _invalid(
            f"is in seconds, at most {_LONGEST:g}, and {seconds:g} looks like milliseconds",
            setting=setting,
            hint=f"write for example {setting.rpartition('.')[2]} = {seconds / 1000:g}",
        )


def http_backend(settings: HttpSettings) -> Any:  # noqa: ANN401  a module
    """Import the module that stands on the chosen HTTP client."""
    from messaging_channels._transport import httpx_backend  # noqa: PLC0415  imported with the first request, not with us

    if settings.client == "httpx" or (settings.client == "auto" and settings.client_certificate):
        return httpx_backend
    if _pyreqwest_process not in (0, os.getpid()):  # its threads stayed with the parent: here it would hang
        return httpx_backend
    _import_in_lasting_thread("pyreqwest.client")
    try:
        from messaging_channels._transport import pyreqwest_backend  # noqa: PLC0415
    except ImportError as missing:
        if settings.client == "auto":
            return httpx_backend
        raise _not_installed() from missing
    _remember_process()
    return pyreqwest_backend


_LONGEST = 3600.0
"""Seconds that an exchange, or a phase of it, may be given."""
_pyreqwest_process = 0
"""The process in which pyreqwest made its first client; 0 before."""


def _remember_process() -> None:
    global _pyreqwest_process  # noqa: PLW0603  a fact of the process
    _pyreqwest_process = _pyreqwest_process or os.getpid()


def _import_in_lasting_thread(name: str) -> None:
    """Import a module, if there is such, so that the thread that does it outlives its use: pyreqwest 0.15 crashes the process once that one has ended."""
    if name in sys.modules or threading.current_thread() is threading.main_thread():
        return
    imported = threading.Event()

    def load() -> None:
        try:
            import_module(name)
        except ImportError:
            return
        finally:
            imported.set()
        threading.Event().wait()

    threading.Thread(target=load, name=f"messaging-channels keeps {name}", daemon=True).start()
    imported.wait()


def _require_pyreqwest(certificate: ClientCertificate | None) -> None:
    if "pyreqwest" not in sys.modules and find_spec("pyreqwest") is None:
        raise _not_installed()
    if certificate is not None and certificate.password is not None:
        raise _invalid(
            "is encrypted, and pyreqwest reads no encrypted keys",
            setting="http.client_certificate",
            hint='set http.client = "httpx", or decrypt the key',
        )


def _require_proxy(url: str) -> None:
    try:
        parts = urlsplit(url)
        is_usable = parts.scheme in _PROXIES and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_usable = False
    if not is_usable:
        raise _invalid(
            "must be the URL of a proxy",
            setting="http.proxy",
            hint="write it like http://user:password@host:port",
        )


def _not_installed() -> InvalidSetting:
    return _invalid(
        "pyreqwest is not installed",
        setting="http.client",
        hint="run pip install 'messaging-channels[fast]'",
    )


def _invalid(problem: str, *, setting: str, hint: str) -> InvalidSetting:
    return InvalidSetting(problem, setting=setting, source="configuration", hint=hint)
