"""`sluice rollups`: roll-ups held against the event log, and made anew from it."""
