"""Every published figure, beside the peer it is compared with: `python -m benchmarks`.

One file per work; each says its input, its seed and what is timed. `figures.py` prints,
`machine.py` describes where it ran, `processes.py` starts and ends what is measured. See
docs/benchmarks.md.
"""
