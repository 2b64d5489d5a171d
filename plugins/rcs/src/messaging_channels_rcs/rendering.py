"""Declared content as RCS messages: see `messaging_channels.messages.Adaptive`."""

from __future__ import annotations

from messaging_channels.messages import Content, Rendering
from messaging_channels_rcs import limits
from messaging_channels_rcs.cards import CardMedia, RcsCard, RichCard
from messaging_channels_rcs.messages import RcsText
from messaging_channels_rcs.suggestions import OpenUrl, Reply, Suggestion


def render(content: Content) -> Rendering:
    """Write content as a card where it has a title or a picture, else as text; buttons and links are suggestions."""
    suggestions, lost, reduced = _suggestions(content)
    if content.title or content.picture:
        fits = len(content.title) <= limits.TITLE and len(content.text) <= limits.DESCRIPTION
        if fits:
            on_card = suggestions if len(suggestions) <= limits.CARD_SUGGESTIONS else ()
            card = RichCard(
                content.title,
                content.text,
                CardMedia(content.picture) if content.picture else None,
                tuple(on_card),
            )
            below = () if on_card else tuple(suggestions)
            message = RcsCard(card, suggestions=below, sender=content.sender, category=content.category)
            return Rendering(message, lost, reduced)
    words = "\n".join(part for part in (content.title, content.text, content.picture) if part)
    text = RcsText(words, tuple(suggestions), sender=content.sender, category=content.category)
    return Rendering(text, lost, reduced | (content.parts & {"title", "picture"}))


def _suggestions(content: Content) -> tuple[list[Suggestion], frozenset[str], frozenset[str]]:
    """Return what can be tapped, what is lost, and what is in a plainer form."""
    lost: set[str] = set()
    made: list[Suggestion] = []
    if all(len(one) <= limits.LABEL for one in content.buttons):
        made += [Reply(one, one) for one in content.buttons]
    elif content.buttons:
        lost.add("buttons")
    if content.link is not None:
        label = content.link.label if 0 < len(content.link.label) <= limits.LABEL else "Open"
        made.append(OpenUrl(label, content.link.url))
    if content.file:
        made.append(OpenUrl("File", content.file))
    return made, frozenset(lost), content.parts & {"file"}
