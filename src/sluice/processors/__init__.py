"""The processors: Faust agents that decide every raw event."""
