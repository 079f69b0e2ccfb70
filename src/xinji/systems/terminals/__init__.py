"""新终端: intelligent terminals (tasks 18 to 23)."""
