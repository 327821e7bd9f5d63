"""Cables without a tunnel: the example of a third-party cable driver."""
