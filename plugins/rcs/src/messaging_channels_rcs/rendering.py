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
    left_over = content.file if content.file and len(suggestions) == limits.SUGGESTIONS else None
    if content.file and left_over is None:
        suggestions.append(OpenUrl("File", content.file))
    said = "\n".join(part for part in (content.text, left_over) if part)
    fits = len(content.title) <= limits.TITLE and len(said) <= limits.DESCRIPTION
    if fits and (content.title or content.picture):
        return Rendering(_card(content, said, tuple(suggestions)), lost, reduced)
    words = "\n".join(part for part in (content.title, said, content.picture) if part)
    text = RcsText(words, tuple(suggestions), sender=content.sender, category=content.category)
    return Rendering(text, lost, reduced | (content.parts & {"title", "picture"}))


def _card(content: Content, said: str, suggestions: tuple[Suggestion, ...]) -> RcsCard:
    """Return a card, with its suggestions on it where there is room."""
    picture = CardMedia(content.picture) if content.picture else None
    on_card = suggestions if len(suggestions) <= limits.CARD_SUGGESTIONS else ()
    card = RichCard(content.title, said, picture, on_card)
    below = () if on_card else suggestions
    return RcsCard(card, suggestions=below, sender=content.sender, category=content.category)


def _suggestions(content: Content) -> tuple[list[Suggestion], frozenset[str], frozenset[str]]:
    """Return what can be tapped but the file, what is lost, and what is in a plainer form: a label that is too long gives way to another word."""
    lost: set[str] = set()
    reduced = set(content.parts & {"file"})
    made: list[Suggestion] = []
    if all(len(one) <= limits.LABEL for one in content.buttons):
        made += [Reply(one, one) for one in content.buttons]
    elif content.buttons:
        lost.add("buttons")
    if content.link is not None:
        label = content.link.label if len(content.link.label) <= limits.LABEL else ""
        if label != content.link.label:
            reduced.add("link")
        made.append(OpenUrl(label if label.strip() else "Open", content.link.url))
    return made, frozenset(lost), frozenset(reduced)
