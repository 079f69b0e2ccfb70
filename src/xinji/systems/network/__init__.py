"""新网络: new-generation networks (tasks 1 to 3)."""
