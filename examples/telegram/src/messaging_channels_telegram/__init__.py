"""Telegram as a channel and a provider of messaging-channels."""

from messaging_channels_telegram.channel import TELEGRAM, ChatId, TelegramButton, TelegramPhoto, TelegramText
from messaging_channels_telegram.provider import Telegram

__all__ = ["TELEGRAM", "ChatId", "Telegram", "TelegramButton", "TelegramPhoto", "TelegramText"]
