"""What can be done to the items of a lookups request (ports.lookups.Resolver)."""
