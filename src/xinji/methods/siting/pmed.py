"""OR-Library's p-median problems: their format, and random ones of the same scheme.

Beasley, A note on solving large p-median problems, EJOR 21 (1985): a random graph of n nodes and
n^2 / 50 edges with costs 1 to 100; every node is demand and candidate; costs are shortest ways.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import shortest_path

from xinji.methods.siting.cover import Floats, Integers

SIZES = tuple(
    (nodes, choose)
    for nodes in range(100, 1_000, 100)
    for choose in (5, 10, nodes // 10, nodes // 5, nodes // 3)
    # the largest three sizes have fewer values of p
    if not (nodes >= 700 and choose == nodes // 3) and not (nodes >= 800 and choose == nodes // 5)
)
"""(n, p) of pmed1 to pmed40, in order."""
MOST_NODES = 5_000


def read_pmed(text: str) -> tuple[Floats, int]:
    """(shortest ways, shape (n, n); p) of a file's text: `n edges p`, then `a b cost` per edge.

    An edge that comes again replaces the one before, as the library's notes say.

    Raises ValueError: not whole numbers, counts that do not fit, nodes out of range, a node that
    cannot be reached.
    """
    try:
        values = np.array(text.split(), np.int64)
    except ValueError as wrong:
        raise ValueError(f"pmed: must be whole numbers ({wrong})") from None
    if values.size < 3 or values.size != 3 + 3 * values[1]:
        raise ValueError(f"pmed: {values.size} numbers do not fit `n edges p` and 3 per edge")
    nodes, _, choose = values[:3].tolist()
    if not 1 <= nodes <= MOST_NODES or not 1 <= choose <= nodes:
        raise ValueError(f"pmed: n must be 1 to {MOST_NODES:,} and p 1 to n, not {nodes}, {choose}")
    return ways(nodes, values[3:].reshape(-1, 3)), choose


def random_pmed(nodes: int, seed: int) -> Integers:
    """Edges of Beasley's scheme, shape (n^2 / 50, 3): a, b from 1, cost; connected."""
    generator = np.random.default_rng(seed)
    path = generator.permutation(nodes) + 1
    rest = max(0, nodes * nodes // 50 - (nodes - 1))
    pairs = generator.integers(1, nodes + 1, (2 * rest + 64, 2))
    pairs = pairs[pairs[:, 0] != pairs[:, 1]][:rest]
    joined = np.concatenate([np.column_stack([path[:-1], path[1:]]), pairs])
    return np.column_stack([joined, generator.integers(1, 101, len(joined))])


def ways(nodes: int, edges: Integers) -> Floats:
    """Shortest ways between all nodes, shape (n, n), of undirected edges (a, b, cost)."""
    ends = edges[:, :2]
    if edges.size and (ends.min() < 1 or ends.max() > nodes):
        raise ValueError(f"pmed: nodes must be 1 to {nodes}")
    if edges.size and edges[:, 2].min() < 1:
        raise ValueError("pmed: costs must be 1 or more")
    low, high = np.sort(ends - 1, axis=1).T
    # the last of equal edges counts
    _, last = np.unique((low * nodes + high)[::-1], return_index=True)
    keep = len(edges) - 1 - last
    graph = sparse.csr_array((edges[keep, 2], (low[keep], high[keep])), shape=(nodes, nodes))
    table: Floats = shortest_path(graph, method="D", directed=False)
    if not np.isfinite(table).all():
        raise ValueError("pmed: the graph is not connected")
    return table
