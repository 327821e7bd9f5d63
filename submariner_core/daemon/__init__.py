"""What the two daemons have in common: their clock, their node, how they watch and publish."""
