"""The embedded stack: a real Kafka broker and a real ClickHouse without Docker."""
