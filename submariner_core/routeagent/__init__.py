"""The node's imperative shell: one process per node, which owns every task of it."""
