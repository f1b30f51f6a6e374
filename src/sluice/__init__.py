"""Sluice: streaming ingestion from HTTP through Kafka and Faust into ClickHouse."""
