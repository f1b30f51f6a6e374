"""Importing users: reading a file, sending its rows one by one, and reporting those that were refused."""
