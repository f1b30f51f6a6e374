"""The broker's side that every role needs: topics, their ids, and how a client is configured."""
