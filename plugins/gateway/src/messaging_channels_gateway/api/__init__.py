"""The HTTP calls: models, parsing, description."""
