"""`sluice where`: finding an event by one of its ids, wherever it is by now."""
