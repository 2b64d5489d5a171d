"""Puts Swagger UI into the gateway while it is built, so that the page of the calls loads nothing from elsewhere.

The files come from the package `flask-swagger-ui`, which is needed to build and not to run. In a checkout that was never built: `python hatch_build.py`.
"""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    BuildHookInterface = object
else:
    try:
        from hatchling.builders.hooks.plugin.interface import BuildHookInterface
    except ImportError:  # run as a script, without the builder
        BuildHookInterface = object

VENDOR = Path(__file__).parent / "src" / "messaging_channels_gateway" / "pages" / "vendor"
FILES = ("swagger-ui-bundle.js", "swagger-ui.css")


def vendor() -> None:
    """Copy the files to where the gateway serves them from.

    Raises:
        ModuleNotFoundError: flask-swagger-ui is not installed.
    """
    found = find_spec("flask_swagger_ui")  # it is not imported: that would need Flask
    if found is None or found.origin is None:
        message = "flask-swagger-ui is needed to build the gateway"
        raise ModuleNotFoundError(message)
    VENDOR.mkdir(exist_ok=True)
    for name in FILES:
        shutil.copyfile(Path(found.origin).parent / "dist" / name, VENDOR / name)


class VendorHook(BuildHookInterface):
    """Runs before a wheel is built, an editable one too."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """See hatchling."""
        del version, build_data
        vendor()


if __name__ == "__main__":
    vendor()
