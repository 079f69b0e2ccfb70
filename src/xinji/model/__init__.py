"""The vocabulary of the house: plain data, no I/O.

One word has one meaning everywhere (code, API, page, documents); the table of words is in
`docs/architecture.md`. Read `system.py` first: a system is the sum of the other words.
"""
