"""The systems of the plan, one package each, in four families.

Start with any system's `__init__.py`: its `SYSTEM` is its whole declaration.
"""
