"""What each API allows, written from its document alone, slowly and plainly: the judge of the dialects.

A module for each API has `allows(endpoint, body, now_ms, known)`, where `body` is the value of a strict JSON text. It
raises `Unclear` where the documents leave it open.
"""
