"""The ``local`` plugin: datastore, broker and lease in one SQLite file, or served from it."""
