"""Logging in to the emulator (RFC 4954), by PLAIN (RFC 4616), LOGIN, XOAUTH2 and OAUTHBEARER (RFC 7628)."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

Challenge: TypeAlias = Callable[[bytes], Awaitable[bytes]]
"""Asks the client, and returns its line."""


class LoginRefused(Exception):
    """The reply that ends the exchange."""

    def __init__(self, reply: str) -> None:
        super().__init__(reply)
        self.reply = reply


async def read_login(mechanism: str, initial: str, challenge: Challenge) -> tuple[str, str]:
    """Return the user and the password or token that the client says.

    Raises:
        LoginRefused: there is no such mechanism, or the client cancels, or says what cannot be read.
    """
    read = MECHANISMS.get(mechanism.upper())
    if read is None:
        raise LoginRefused("504 5.5.4 no such mechanism")
    return await read(initial, challenge)


async def tell_error(mechanism: str, challenge: Challenge) -> None:
    """Tell a client of a bad token, as the mechanisms for tokens do before the refusal."""
    if mechanism.upper() in _BY_TOKEN:
        await challenge(b'{"status":"401","schemes":"bearer"}')


async def _plain(initial: str, challenge: Challenge) -> tuple[str, str]:
    parts = (await _response(initial, b"", challenge)).split("\0")
    if len(parts) != 3:  # noqa: PLR2004  authorization, user, password
        raise LoginRefused("501 5.5.2 malformed PLAIN")
    return parts[1], parts[2]


async def _login(initial: str, challenge: Challenge) -> tuple[str, str]:
    user = await _response(initial, b"Username:", challenge)
    return user, await _response("", b"Password:", challenge)


async def _by_token(pattern: re.Pattern[str], initial: str, challenge: Challenge) -> tuple[str, str]:
    found = pattern.fullmatch(await _response(initial, b"", challenge))
    if found is None:
        raise LoginRefused("501 5.5.2 malformed token exchange")
    return found[1], found[2]


async def _response(initial: str, prompt: bytes, challenge: Challenge) -> str:
    """Return what the client says: with AUTH, where a lone `=` stands for nothing, or to a challenge."""
    given = initial.encode("utf-8", "replace") if initial else await challenge(prompt)
    if given == b"*":
        raise LoginRefused("501 5.7.0 cancelled")
    if given == b"=":
        return ""
    try:
        return base64.b64decode(given, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise LoginRefused("501 5.5.2 that is no base64") from None


_XOAUTH2 = re.compile(r"user=([^\x01]*)\x01auth=Bearer ([^\x01]*)\x01\x01", re.IGNORECASE)
_OAUTHBEARER = re.compile(
    r"[ny],(?:a=([^,\x01]*))?,\x01(?:(?:host|port)=[^\x01]*\x01)*auth=Bearer ([^\x01]*)\x01\x01",
    re.IGNORECASE,
)
_BY_TOKEN = frozenset({"XOAUTH2", "OAUTHBEARER"})
MECHANISMS: Mapping[str, Callable[[str, Challenge], Awaitable[tuple[str, str]]]] = {
    "PLAIN": _plain,
    "LOGIN": _login,
    "XOAUTH2": lambda initial, challenge: _by_token(_XOAUTH2, initial, challenge),
    "OAUTHBEARER": lambda initial, challenge: _by_token(_OAUTHBEARER, initial, challenge),
}
"""What is offered, in this order."""
