"""The gateway: five HTTP APIs in, durable raw events on Kafka out."""
