"""Files of a plugin's own that nobody but their owner may read."""

from __future__ import annotations

from messaging_channels._model.paths import create_private, require_path

__all__ = ["create_private", "require_path"]
