"""Taking a node out of service: what is there, and removing what is ours."""
