"""What `sluice send` does: made-up traffic, sent over HTTP, and looked for in ClickHouse."""
