"""The files of a message, read once when it is sent or stored: what happens to a file afterwards changes no message."""

from __future__ import annotations

from dataclasses import replace

from messaging_channels._model.errors import InvalidMessage
from messaging_channels.messages._base import Message
from messaging_channels.messages.email import Attachment, Email


def has_unread_files(message: Message) -> bool:
    """Whether a message names files or streams that have to be read."""
    return isinstance(message, Email) and any(
        not isinstance(one.content, bytes) for one in message.attachments
    )


def read_files(message: Message) -> Message:
    """Return the message with the bytes of its files. Reads them.

    Raises:
        InvalidMessage: one cannot be read.
    """
    if not isinstance(message, Email):
        return message
    return replace(message, attachments=tuple(_read(one) for one in message.attachments))


def _read(file: Attachment) -> Attachment:
    if isinstance(file.content, bytes):
        return file
    try:
        return replace(file, content=file.read())
    except OSError as error:
        raise InvalidMessage(
            f"has a file that cannot be read ({error.strerror or type(error).__name__})",
            field="Email.attachments",
            hint="check that the file exists and is readable",
        ) from error
