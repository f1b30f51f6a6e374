"""Rate limits: one port, and its adapters side by side."""
