"""Datastore, broker and leader election in Kubernetes API servers."""
