"""A real Apache Kafka broker without Docker and without a system Java: jars from Maven Central, a JRE from PyPI.

See docs/decisions/0002-embedded-kafka.md.
"""
