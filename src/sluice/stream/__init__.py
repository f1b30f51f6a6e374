"""Owning partitions through Faust: what processors and sinks share.

Faust hands over records and keeps the group; a lane, one for each owned partition, knows what to do with them.
"""
