"""The simulated district: geography, weather, devices, faults, people, and the ground truth.

Read `simulate.py` first. It is a client like any other: everything goes through the listeners and
the HTTP API of a running house. The devices themselves belong to the systems (`simulate.py` of
each), and are put together in `things.py`.
"""
