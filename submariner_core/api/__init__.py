"""Values, contracts, hook specifications, errors and versions: all that a plugin may import."""
