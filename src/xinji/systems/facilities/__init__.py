"""新设施: innovation facilities (tasks 4 to 11)."""
