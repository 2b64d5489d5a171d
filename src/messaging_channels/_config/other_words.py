"""What people write for a setting that has another name here: the words of other libraries, of vendors and of everyday speech."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from messaging_channels._model.nearest import did_you_mean, nearest

_KEYS: Mapping[str, tuple[str, ...]] = {
    # a word -> the keys that may be meant, of which the first that a section has is named
    "sender": ("from", "from_", "from_number", "from_email", "source", "originator", "sender_id", "number"),
    "auth_token": ("token", "secret", "password"),
    "account_sid": ("sid", "account", "account_id"),
    "api_key": ("key", "apikey", "token", "secret", "password"),
    "base_url": ("url", "host", "endpoint", "server", "address"),
    "access_token": ("token", "key", "api_key"),
    "server_token": ("token", "key", "api_key", "api_token"),
    "host": ("server", "url", "address", "hostname", "smtp_host"),
    "tls": ("ssl", "security", "starttls", "use_tls", "use_ssl", "encryption"),
    "username": ("user", "login"),
    "password": ("pass", "passwd", "pwd", "secret"),
    "max_attempts": ("attempts", "retries", "max_retries", "tries", "count", "limit"),
    "max_elapsed": ("timeout", "deadline", "total", "max_time", "max_duration"),
    "max_interval": ("max_delay", "max_wait", "max_backoff", "delay"),
    "initial_interval": ("backoff", "backoff_factor", "initial_delay", "min_delay", "interval", "wait"),
    "failure_threshold": ("threshold", "failures", "max_failures", "fail_max"),
    "reset_timeout": ("reset", "recovery_timeout", "cooldown", "timeout", "open_for"),
    "read_timeout": ("timeout", "request_timeout", "response_timeout"),
    "ca_file": ("verify", "ca", "ca_bundle", "cafile", "cacert", "ssl_verify", "verify_ssl"),
    "client_certificate": ("cert", "certificate", "client_cert"),
    "client": ("backend", "library", "transport"),
    "proxy": ("proxies", "http_proxy", "https_proxy"),
    "url": ("path", "dsn", "database", "file", "uri", "connection", "location"),
    "addresses": ("privacy", "mask", "masking"),
    "keys": ("encryption_key", "encryption_keys", "seal", "secret"),
    "pool_size": ("max_connections", "pool", "connections"),
    "opentelemetry": ("otel", "tracing", "traces", "metrics", "enabled"),
    "logs": ("logging", "log_level", "level", "verbose", "debug"),
    "suppression_list": ("opt_out", "opt_outs", "optout", "optouts", "blocklist", "blacklist", "stop_list", "suppressions", "unsubscribes"),
    "allowed_prefixes": ("countries", "allowed_countries", "prefixes", "allowlist", "whitelist", "country_codes"),
    "velocity_limit": ("velocity", "spend_limit", "rate_limit", "limits", "max_per_number", "flood"),
    "per_number": ("per_recipient", "number", "per_address", "recipient"),
    "per": ("seconds", "period", "interval", "window", "unit"),
    "limit": ("rate", "count", "max", "messages", "per_second"),
    "providers": ("provider", "fallback", "fallbacks", "order", "names", "to", "via"),
    "provider": ("name", "id"),
    "weight": ("weights", "share", "percent", "ratio"),
    "accounts": ("tenants", "tenant"),
    "sms": ("text", "texts", "phone", "mobile", "mms"),
    "email": ("mail", "e_mail", "smtp"),
    "user": ("users", "customer"),
    "person": ("people", "persons", "contact"),
    "public_url": ("url", "base_url", "external_url"),
    "database": ("db", "database_url"),
}  # fmt: skip
"""The keys, each with the words that are written for it."""
_SECTIONS: Mapping[str, tuple[str, ...]] = {
    "routes": ("routing", "router", "channels", "default", "defaults", "fallback", "fallbacks", "failover"),
    "providers": ("vendors", "credentials", "vendor", "services", "backends"),
    "checks": ("vetos", "consent", "opt_outs", "opt_out", "suppression", "suppressions", "compliance", "spend_limit", "velocity", "blocklist"),
    "rate_limits": ("limits", "throttle", "throttling", "rates"),
    "accounts": ("tenants", "tenant", "customers", "realms"),
    "ledger": ("database", "db", "storage", "store", "sqlite", "postgres", "postgresql", "records"),
    "telemetry": ("logging", "observability", "otel", "opentelemetry", "metrics", "tracing", "logs", "monitoring"),
    "http": ("proxy", "timeouts", "network", "transport", "client", "tls", "ssl"),
    "retry": ("retries", "backoff", "retry_policy"),
    "recipients": ("users", "persons", "people", "contacts", "resolvers"),
    "gateway": ("server", "serve", "api", "webhook", "webhooks"),
    "plugins": ("extensions", "load"),
}  # fmt: skip
"""The sections, each with the words that are written for it."""
_ON_THE_COMMAND_LINE = {"worker": "worker", "workers": "worker", "queue": "worker"}
"""Sections that there are not, because what is meant stands in the options of a command."""
_VARIABLES = {
    "DATABASE_URL": "LEDGER_URL",
    "DB_URL": "LEDGER_URL",
    "DATABASE": "LEDGER_URL",
    "OTEL": "TELEMETRY_OPENTELEMETRY",
    "OPENTELEMETRY": "TELEMETRY_OPENTELEMETRY",
    "LOG_LEVEL": "TELEMETRY_LOGS",
    "DEBUG": "TELEMETRY_LOGS",
    "LOGGING": "TELEMETRY_LOGS",
    "SETTINGS": "CONFIG",
    "SETTINGS_FILE": "CONFIG",
    "FILE": "CONFIG",
    "TOML": "CONFIG",
}
"""Variables, without the prefix, and which are meant."""


def hint_of_key(name: str, known: Iterable[str], form: str = "{}") -> str:
    """Return what to do about an unknown key: the one that is meant by another word, the nearest one, or all of them."""
    siblings = sorted(set(known))
    meant = key_meant_by(name, siblings)
    return f"did you mean {form.format(meant)}?" if meant else did_you_mean(name, siblings, form)


def key_meant_by(name: str, known: Iterable[str]) -> str | None:
    """Return the known key that another word stands for, unless a known one is spelt nearly so; None for no such word."""
    asked, siblings = _plain(name), sorted(set(known))
    if any(_plain(one).replace("_", "") == asked.replace("_", "") for one in siblings):
        return None  # a matter of spelling
    return next((key for key, words in _KEYS.items() if asked in words and key in siblings), None)


def section_meant_by(name: str) -> str | None:
    """Return the section that another word, or a misspelling of it, stands for; None for no such word."""
    words = {word: section for section, known in _SECTIONS.items() for word in known}
    near = nearest(name, words, least=0.8)
    return None if near is None else words[near]


def command_meant_by(name: str) -> str | None:
    """Return the command whose options are meant by a section, such as `worker`; None for no such command."""
    return _ON_THE_COMMAND_LINE.get(_plain(name))


def variable_meant_by(rest: str) -> str | None:
    """Return the variable, without the prefix, that another one stands for; None for no such word."""
    return _VARIABLES.get(rest)


def _plain(name: str) -> str:
    return name.lower().replace("-", "_")
