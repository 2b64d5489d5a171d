"""WhatsApp messages that show goods of a catalog, or open a flow: like all free messages, only within 24 hours of the person's last one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from messaging_channels._model.errors import InvalidMessage
from messaging_channels.messages._base import require, require_count
from messaging_channels.messages.whatsapp import Interactive

_MAX_PRODUCTS, _MAX_SECTIONS = 30, 10
_FLOW_BUTTON = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatsAppProduct(Interactive):
    """A product of a catalog, without a header."""

    text: str = field(default="", repr=False)
    catalog_id: str
    product_id: str
    """The retailer's id of the product."""

    def __post_init__(self) -> None:
        """Check that it names a product."""
        require(self.catalog_id, "WhatsAppProduct.catalog_id")
        require(self.product_id, "WhatsAppProduct.product_id")
        if self.header is not None:
            raise InvalidMessage("is not supported", field="WhatsAppProduct.header", hint="leave it out")


@dataclass(frozen=True, slots=True)
class ProductSection:
    """Products under a title, by the retailer's ids."""

    product_ids: tuple[str, ...]
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatsAppProducts(Interactive):
    """Up to thirty products of a catalog. Its header is a line of text, and required."""

    catalog_id: str
    sections: tuple[ProductSection, ...]

    def __post_init__(self) -> None:
        """Check the header and the numbers."""
        self.check()
        if not isinstance(self.header, str):
            raise InvalidMessage(
                "needs a text", field="WhatsAppProducts.header", hint="give one line of text"
            )
        require_count(len(self.sections), "WhatsAppProducts.sections", at_least=1, at_most=_MAX_SECTIONS)
        products = sum(len(section.product_ids) for section in self.sections)
        require_count(products, "WhatsAppProducts products", at_least=1, at_most=_MAX_PRODUCTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatsAppCatalog(Interactive):
    """The whole catalog, behind a button."""

    thumbnail_product_id: str | None = None
    """The retailer's id of the product that is shown."""

    def __post_init__(self) -> None:
        """Check the text."""
        self.check()


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatsAppFlow(Interactive):
    """A form of several screens, behind a button."""

    button: str
    flow_id: str
    token: str | None = field(default=None, repr=False)
    """Comes back with the answers. None for WhatsApp's own word, `unused`."""
    action: Literal["navigate", "data_exchange"] = "navigate"
    screen: str | None = None
    """The first screen, where the action is `navigate`."""
    data: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)
    """Values for the first screen."""
    draft: bool = False
    """Whether the flow is not published yet."""

    def __post_init__(self) -> None:
        """Check the button and the names."""
        self.check()
        require(self.button, "WhatsAppFlow.button", at_most=_FLOW_BUTTON)
        require(self.flow_id, "WhatsAppFlow.flow_id")
        if self.token is not None:
            require(self.token, "WhatsAppFlow.token")

    def __hash__(self) -> int:
        """Hash by what is cheap to hash; equal flows have equal hashes."""
        return hash((self.flow_id, self.token, self.text))
