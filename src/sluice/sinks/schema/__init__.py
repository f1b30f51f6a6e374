"""The schema in ClickHouse: numbered migrations, written once for a single server and for a cluster."""
