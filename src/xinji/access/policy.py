"""What names, passwords and posts may be."""

from __future__ import annotations

from collections.abc import Sequence

MINIMUM_PASSWORD = 12
RESERVED_POSTS = frozenset({"viewer", "operator", "administrator", "rule", "timer"})
"""What nobody holds as a post: the roles, and what the machine acts as."""


class PolicyError(ValueError):
    """A name, role or password that the policy does not allow."""


def check_name(name: str) -> None:
    """Raises PolicyError unless the name is 1 to 64 letters, digits, `.`, `_`, `-`."""
    if not 0 < len(name) <= 64 or not all(c.isalnum() or c in "._-" for c in name):
        raise PolicyError("name: 1 to 64 letters, digits, '.', '_' or '-'")


def check_password(password: str, name: str) -> None:
    """Raises PolicyError unless the password is long enough and is not the name."""
    if len(password) < MINIMUM_PASSWORD:
        raise PolicyError(f"password: at least {MINIMUM_PASSWORD} characters")
    if len(password) > 256 or name.lower() in password.lower():
        raise PolicyError("password: at most 256 characters, and not containing the name")


def check_posts(posts: Sequence[str]) -> None:
    """Raises PolicyError for more than 10 posts, odd ones, and those that nobody holds."""
    if len(posts) > 10 or not all(0 < len(p) <= 32 and p.isascii() for p in posts):
        raise PolicyError("posts: at most 10, each 1 to 32 letters")
    if reserved := RESERVED_POSTS.intersection(posts):
        raise PolicyError(f"posts: {min(reserved)} is no post")
