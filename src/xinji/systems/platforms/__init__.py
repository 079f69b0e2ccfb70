"""新平台: integrated platforms (tasks 12 to 17)."""
