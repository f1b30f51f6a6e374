"""What the commands that look into the pipeline share: Kafka and ClickHouse as they are read, and how it is shown."""
