"""Marks that must not turn up anywhere: a secret, addresses and a text that nothing else contains."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

from messaging_channels._model.errors import InvalidAddress

if TYPE_CHECKING:
    from messaging_channels._model.addresses import Address
    from messaging_channels.plugins.channels import Channel

SECRET = "5eec2e7f00dcafe5a1ad0fca11ab1e42"  # noqa: S105  it opens nothing
OTHER_SECRET = "0ddba11c0ffee0fab1ed0b5e55ed1337"  # noqa: S105  likewise
SIMILAR_SECRETS = (f"{SECRET[:-1]}3", f"6{SECRET[1:]}")
"""Like the secret, but for one character."""
PHONE = "447700900123"
MAIL = "zoe.canary@example.com"
TEXT = "Canary words 7c1f"
CANARIES = {"the secret": SECRET, "the address": PHONE, "the mail address": MAIL, "the text": TEXT}


def canary_address(channel: Channel) -> Address | None:
    """Return the marked address of that channel: a number, a mail address, or the channel's own `example`; None where it takes none of them."""
    for text in (f"+{PHONE}", MAIL, PHONE, str(getattr(channel, "example", ""))):
        try:
            return channel.parse(text)
        except InvalidAddress:
            continue
    return None


def numbered_address(channel: Channel, address: Address, number: int) -> Address:
    """Return another address of that channel for each number; the same where none can be made of it."""
    plain = address.plain.replace("7700900123", f"7700900{number + 500:03}").replace("zoe", f"zoe{number}")
    if plain == address.plain:
        plain = f"{plain}{number}"
    try:
        return channel.parse(plain)
    except InvalidAddress:
        return address


def find_leaks(text: str, *names: str) -> list[str]:
    """Return which marks turn up in a text, also in base64; all of them are looked for unless some are named."""
    return [name for name in names or CANARIES if any(form in text for form in _FORMS[name])]


def _forms(mark: str) -> list[str]:
    """Return the mark as it is, and its three forms within base64."""
    forms = [mark, mark.replace(" ", "+"), mark.replace(" ", "%20"), mark.replace("@", "%40")]
    for shift in range(3):
        encoded = b64encode(b"x" * shift + mark.encode()).decode()
        forms.append(encoded[4 if shift else 0 : -4])
    return forms


_FORMS = {name: _forms(mark) for name, mark in CANARIES.items()}
