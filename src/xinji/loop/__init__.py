"""The closed loop: ingest -> rules -> events -> cases, and indicators from the same store.

`ingest.py` is the door and the group commit; `rules.py` compiles rules, `rule_kernel.py` runs
them; `events.py` writes what they find; `cases.py` is the case engine; `indicators.py` computes
figures with their lineage; `house.py` puts the parts together and runs them.
"""
