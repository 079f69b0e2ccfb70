"""The systems of the plan, one package each, in four families.

Start with any system's `__init__.py`: its `SYSTEM` is its whole declaration. `discover()` finds
them all, and those of other installed packages, and checks that they fit together.
"""

from __future__ import annotations

from xinji.systems.discovery import DeclarationError, check, discover

__all__ = ["DeclarationError", "check", "discover"]
