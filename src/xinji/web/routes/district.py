"""What there is: the district, its kinds, systems, areas and base map."""

from __future__ import annotations

from collections import Counter
from typing import Any

from xinji import __version__
from xinji.access.scope import contains
from xinji.api.call import Call, Routes
from xinji.model.observations import Source
from xinji.web.routes.rules import rule_for

routes = Routes()


@routes.get("/api/district")
def district(call: Call) -> dict[str, Any]:
    """Everything that a page needs once."""
    house = call.house
    places = [p for p in house.registry.things.values() if contains(call.person.area, p.area)]
    counts = Counter(place.kind for place in places)
    simulated = Source.SIMULATED.word in {place.source for place in places}
    families = [
        {
            "name": family.name,
            "title": family.title,
            "systems": [
                {
                    "name": system.name,
                    "title": system.title,
                    "tasks": system.tasks,
                    "grade": system.grade,
                    "kinds": system.kinds,
                }
                for system in house.declared.systems
                if system.family == family.name
            ],
        }
        for family in call.plan.families
    ]
    locality = house.locality
    return {
        "name": locality.name,
        "title": locality.title,
        "code": locality.code,
        "illustrative": locality.illustrative,
        "time_zone": locality.time_zone,
        "center": locality.center,
        "bounds": locality.bounds,
        "simulated": simulated,
        "families": families,
        "kinds": [
            {
                "name": kind.name,
                "title": kind.title,
                "icon": kind.icon,
                "things": counts[kind.name],
                "properties": kind.properties,
                "attributes": kind.attributes,
            }
            for kind in house.registry.kinds.values()
        ],
        "case_types": list(house.cases.types.values()),
        "case_classes": list(house.cases.classes.values()),
        "rules": [
            {"id": rule.id, "title": rule.title, "severity": rule.severity}
            for rule in house.rules.rules
            if rule_for(house, call.person, rule) is not None
        ],
    }


@routes.get("/api/areas")
def areas(call: Call) -> dict[str, Any]:
    """Areas as a GeoJSON FeatureCollection."""
    return {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "id": area.code,
                "geometry": area.geometry,
                "properties": {
                    "code": area.code,
                    "level": area.level,
                    "title": area.title,
                    "parent": area.parent,
                    "area_km2": area.area_km2,
                },
            }
            for area in call.house.registry.areas.values()
        ],
    }


@routes.get("/api/basemap", role=None)
def basemap(call: Call) -> dict[str, Any]:
    """The district's illustrative geography as GeoJSON."""
    return call.house.locality.basemap


@routes.get("/api/status", role=None)
def status(call: Call) -> dict[str, Any]:
    """Whether data are taken in."""
    house = call.house
    return {
        "status": "read-only" if house.ingest.read_only else "ok",
        "clock_behind_seconds": round(house.clock.doubt, 1),
        "version": __version__,
    }
