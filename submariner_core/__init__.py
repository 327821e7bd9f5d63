"""A multi-cluster gateway for Kubernetes: the core that decides, while plugins act."""

__version__ = "0.1.0"
