"""The sinks: Faust agents that batch processed events into ClickHouse, exactly once."""
