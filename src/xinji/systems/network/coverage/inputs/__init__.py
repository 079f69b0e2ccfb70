"""What the coverage planner reads: sites, buildings, drive tests, terrain.

Every importer takes bytes and gives typed columns and a report; a bad row is named with its number,
field and rule, and the good rows are kept. Nothing here stores anything.
"""
