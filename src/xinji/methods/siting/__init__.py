"""Where to put things: stations, poles, chargers, lockers, cameras, warehouses. One method for all.

Every answer says which candidates to open, what that is worth, and a bound that no other set can
beat, so its distance from the best is known.

    cover = cover_within(demand_m, candidates_m, radius_m=300)
    answer = maximal_covering(cover, weights, choose=100)
    answer.chosen, answer.objective, answer.gap
"""

from xinji.methods.siting.answer import Effort, Siting
from xinji.methods.siting.capacity import capacitated_covering
from xinji.methods.siting.cover import Cover, cover_of, cover_within, merge
from xinji.methods.siting.inputs import nearer_than
from xinji.methods.siting.maximal import maximal_covering
from xinji.methods.siting.median import best_server, p_median
from xinji.methods.siting.setcover import set_covering
from xinji.methods.siting.utility import partial_covering

__all__ = [
    "Cover",
    "Effort",
    "Siting",
    "best_server",
    "capacitated_covering",
    "cover_of",
    "cover_within",
    "maximal_covering",
    "merge",
    "nearer_than",
    "p_median",
    "partial_covering",
    "set_covering",
]
