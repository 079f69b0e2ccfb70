"""The plan as data, and its supervision.

`changning.toml` is the reference plan, `reading.py` reads it, `path.py` says what a target asks of
a day, `board.py` puts value and target side by side, `supervision.py` opens cases for what falls
behind.
"""
