"""Mathematics that several systems share: pure functions on arrays, no I/O."""
