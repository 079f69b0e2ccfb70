"""Protocol codecs and listeners. A codec knows bytes and field names, never a system.

Read `inlet.py` first: it is all that a listener knows of the house behind it.
"""
