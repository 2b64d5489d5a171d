"""Numbers as they are dialled inside a country. Needs the extra `phone` (`phonenumbers`, or its smaller edition `phonenumberslite`)."""

from __future__ import annotations

from messaging_channels._model.errors import ConfigurationError, InvalidAddress


def international_digits(national: str, region: str) -> str:
    """Return the digits of a number with its country code.

    Args:
        national: digits, as they are dialled in that region.
        region: two capital letters (ISO 3166), such as `GB`.

    Raises:
        InvalidAddress: it has not the length of a number there.
        ConfigurationError: the extra is not installed.
    """
    try:
        import phonenumbers  # noqa: PLC0415  an extra
    except ImportError:
        problem = "numbers in national form need the extra `phone`: pip install 'messaging-channels[phone]'"
        raise ConfigurationError(problem) from None
    if region.upper() not in phonenumbers.SUPPORTED_REGIONS:
        raise _refused(f"there is no region {region[:8]!r}")
    if not national.isascii() or not national.isdecimal():
        raise _refused("it contains characters that no number has")
    try:
        parsed = phonenumbers.parse(national, region.upper())
    except phonenumbers.NumberParseException:
        raise _refused("it cannot be dialed like this in this region") from None
    text = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    if not phonenumbers.is_possible_number(parsed) or phonenumbers.parse(text) != parsed:
        raise _refused("its length does not fit a number in this region")
    return text.removeprefix("+")


def _refused(problem: str) -> InvalidAddress:
    return InvalidAddress(
        problem, kind="phone number", hint="write it with the country code, such as +447700900000"
    )
