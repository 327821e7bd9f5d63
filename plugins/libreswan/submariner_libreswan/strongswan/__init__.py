"""strongSwan's charon, spoken to through its vici socket."""
