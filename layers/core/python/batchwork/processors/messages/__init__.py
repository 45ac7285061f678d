"""Messages: an item is a message, its result an agent's answer."""
