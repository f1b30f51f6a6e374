"""`sluice topics`: the topics in Kafka."""

from __future__ import annotations

import asyncio

import click

from sluice.contract import topics
from sluice.kafka.settings import KafkaSettings, TopicSettings
from sluice.role.settings import load


@click.group()
def command() -> None:
    """Create and inspect the Kafka topics."""


@command.command()
@click.option("--kafka-bootstrap", help="Kafka's brokers, host:port (127.0.0.1:9092).")
@click.option("--partitions", type=int, help="Partitions of every topic, fixed once they are made (4).")
@click.option("--replication", type=int, help="Copies of every partition; 3 in production (1).")
def create(kafka_bootstrap: str | None, partitions: int | None, replication: int | None) -> None:
    """Create the topics that do not exist yet."""
    from sluice.kafka.topics import create_topics

    settings = load(TopicSettings, kafka_bootstrap=kafka_bootstrap, partitions=partitions, replication=replication)
    created = asyncio.run(
        create_topics(
            settings.kafka_bootstrap,
            topics.ALL,
            partitions=settings.partitions,
            replication=settings.replication,
        )
    )
    for name, is_new in created.items():
        click.echo(f"{name}: {'created' if is_new else 'exists'}, {settings.partitions} partitions")


@command.command("list")
@click.option("--kafka-bootstrap", help="Kafka's brokers, host:port (127.0.0.1:9092).")
def list_topics(kafka_bootstrap: str | None) -> None:
    """Show the topics with Kafka's ids of them; an id tells a topic from one of the same name made later."""
    from sluice.kafka.topic_ids import topic_ids

    settings = load(KafkaSettings, kafka_bootstrap=kafka_bootstrap)
    for name, topic_id in asyncio.run(
        topic_ids(settings.kafka_bootstrap, [topic.name for topic in topics.ALL])
    ).items():
        click.echo(f"{name}  {topic_id}")
