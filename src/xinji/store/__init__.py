"""Where data live.

`observations.py` states what an observation store does; `duck.py` does it on DuckDB.
`schema.py` holds the tables of registry, events, cases, identity and audit; `registry.py` opens
them on SQLite (or PostgreSQL). `folder.py` guards the data folder: one owner process at a time.
"""
