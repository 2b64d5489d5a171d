"""Users and Identities, and the resolvers that find their addresses."""
