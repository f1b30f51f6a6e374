"""A real ClickHouse without a server: chdb behind ClickHouse's HTTP interface."""
