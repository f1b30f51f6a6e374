"""Putting raw records on Kafka: one port, and its adapters side by side."""
