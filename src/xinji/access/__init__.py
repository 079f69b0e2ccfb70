"""Who may do what, where; and a history that cannot be altered in silence.

`identity.py` users, sessions, tokens; `credentials.py` devices; `scope.py` areas as SQL;
`chain.py` the SM3 hash chain; `audit.py` what it records and how it is verified.
"""
