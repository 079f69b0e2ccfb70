"""Seeing with few looks: zones, things left behind, stays, ponds, votes, picture health, blurring.

Pure functions and small states on arrays. A camera is looked at every few seconds to minutes, so
nothing here counts frames: time comes in as an argument, and constants are in seconds.
"""
