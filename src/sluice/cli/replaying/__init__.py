"""Rejected events: finding them, showing them, trying today's rules on them, and sending them in again."""
