"""Radio maps of a district: path loss, antennas, sight past buildings, coverage, rates.

Everything is in metres on a local plane (x east, y north, heights above ground), in GHz and dB, on
numpy arrays; no I/O. Start at `coverage_map`.
"""
