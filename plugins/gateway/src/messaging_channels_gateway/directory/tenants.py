"""Which tenant has which account, and which sources of Users and Persons."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from messaging_channels_gateway import settings as configured
from messaging_channels_gateway.directory import resolvers as recipients

if TYPE_CHECKING:
    from messaging_channels import Configuration
    from messaging_channels.plugins import RecipientResolver
    from messaging_channels_gateway.settings import GatewaySettings, Source
    from messaging_channels_gateway.store.state import StateStore

DEMONSTRATION = "(demonstration)"
"""The account of every tenant where nothing is configured: the sandbox plays the tenant's provider too."""


def account_of(settings: GatewaySettings, accounts: Iterable[str], tenant: str) -> str | None:
    """Return the account of a tenant: the one that is set, else the one of its own name, if that has providers."""
    chosen = settings.tenants[tenant].account if tenant in settings.tenants else None
    named = chosen or (tenant if tenant in accounts else DEMONSTRATION)
    return named if named in accounts else None


def tenant_resolver(
    configuration: Configuration,
    settings: GatewaySettings,
    store: StateStore,
    accounts: frozenset[str],
    resolvers: Iterable[RecipientResolver],
) -> recipients.TenantResolver:
    """Return the resolver: for each tenant its own sources, made when first needed."""
    known = tuple(resolvers)
    made: dict[tuple[str, str], recipients.RecipientSource] = {}

    def of(side: str) -> Callable[[str], recipients.RecipientSource]:
        def finds(tenant: str) -> recipients.RecipientSource:
            if (side, tenant) not in made:
                source: Source = getattr(settings.tenants.get(tenant, configured.TenantSettings()), side)
                account = account_of(settings, accounts, tenant)
                made[side, tenant] = _recipient_source(source, store, known, configuration, account)
            return made[side, tenant]

        return finds

    return recipients.TenantResolver(
        of("users"), of("persons"), lambda tenant: account_of(settings, accounts, tenant)
    )


def _recipient_source(
    source: Source,
    store: StateStore,
    resolvers: tuple[RecipientResolver, ...],
    configuration: Configuration,
    account: str | None,
) -> recipients.RecipientSource:
    match source:
        case configured.DirectorySource():
            return recipients.source_of_store(store, recipients.paths_of(configuration))
        case configured.JsonFileSource():
            return recipients.source_of_file(source.path, recipients.paths_of(configuration))
        case configured.SqlSource():
            return recipients.SqlRecipientSource(source.database.get_secret_value(), source.query)
        case configured.HttpSource():
            headers = {source.header: source.secret.get_secret_value()}
            return recipients.HttpRecipientSource(source.url, headers, recipients.paths_of(configuration))
        case configured.PluginsSource():
            return recipients.ResolverSource(resolvers)
        case configured.InfobipPeopleSource():
            return recipients.ResolverSource((_people_resolver(configuration, account),))


def _people_resolver(configuration: Configuration, account: str | None) -> RecipientResolver:
    """Return the resolver of an account's Infobip People."""
    from importlib import import_module  # noqa: PLC0415  rarely needed

    infobip: Any = import_module(
        "messaging_channels_infobip.people.client"
    )  # a plugin that need not be installed

    spec = configuration.plugins.provider("infobip")
    values: Mapping[str, Any] = {
        one.name.rpartition(".")[2]: one.value for one in configuration.settings(spec, account)
    }
    resolver: RecipientResolver = infobip.PeopleResolver(
        {account: infobip.PeopleClient(base_url=values["base_url"], api_key=str(values["api_key"]))}
    )
    return resolver
