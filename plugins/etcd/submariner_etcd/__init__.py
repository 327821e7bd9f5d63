"""Datastore, broker and leader election in etcd."""
