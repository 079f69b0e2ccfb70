"""Base stations from an operator's ledger: CSV or XLSX, one row a sector, to `Sectors`.

Headings may be Chinese or English (`site_columns`); case, spaces and brackets' width do not matter.
A row with a fault is refused with its number, field, rule and value; the others are kept. Power is
the EIRP per resource element, or is worked out from the carrier's power and the antenna gain by
`carriers.eirp_per_element`; frequency may be given as NR-ARFCN.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from shapely.geometry.base import BaseGeometry

from xinji.methods.geodesy import DATUMS, metres_between
from xinji.store.exports import encode
from xinji.store.tables.table import UnreadableError
from xinji.systems.network.coverage.inputs import carriers
from xinji.systems.network.coverage.inputs.checked_block import CheckedBlock
from xinji.systems.network.coverage.inputs.datum import (
    CONFIDENT,
    guess_datum,
)
from xinji.systems.network.coverage.inputs.places import note_swapped, placed
from xinji.systems.network.coverage.inputs.report import ImportReport
from xinji.systems.network.coverage.inputs.sectors import (
    UNKNOWN_PCI,
    UNKNOWN_TIME,
    Floats,
    Integers,
    Sectors,
    Texts,
)
from xinji.systems.network.coverage.inputs.site_columns import (
    FIELDS,
    LIMITS,
    NEEDED,
    OPERATOR_OF,
    TYPE_OF,
)
from xinji.systems.network.coverage.inputs.tables import Block, table_blocks

MAXIMUM_SECTORS = 1_000_000
SAME_SITE_M = 100.0


@dataclass(frozen=True, kw_only=True)
class ImportedSites:
    """The sectors that are whole, the row of each, and what was wrong with the others."""

    sectors: Sectors
    rows: Integers
    report: ImportReport


def import_sites(
    source: bytes | Path,
    *,
    outline: BaseGeometry | None = None,
    footprints: npt.NDArray[np.object_] | None = None,
    datum: str | None = None,
    swapped: bool = False,
) -> ImportedSites:
    """Read a ledger of sectors.

    Args:
        source: bytes or path of a table (`store.tables`).
        outline: of the district, WGS-84; sectors outside are refused. None for no such check.
        footprints: shapely geometries of buildings: sites on roofs tell the datum better.
        datum: of the file's coordinates; they are converted. None: taken for WGS-84, and when they
            look like another datum the report says so (`report.datum`, `report.notes`).
        swapped: the columns longitude and latitude hold each other's values.

    Raises:
        UnreadableError: not such a file, a needed column is missing, more than
            `MAXIMUM_SECTORS` rows, or over the caps of the reader.
        ValueError: an unknown datum.
        OSError: the path cannot be read.
    """
    if datum is not None and datum not in DATUMS:
        raise ValueError(f"datum: {datum!r} is not one of {', '.join(DATUMS)}")
    report = ImportReport()
    parts: list[dict[str, Any]] = []
    seen: list[tuple[Floats, Floats]] = []
    for block in table_blocks(source, FIELDS):
        if not parts:
            _check_columns(block)
        report.read += len(block.rows) + len(block.faults)
        if report.read > MAXIMUM_SECTORS:
            raise UnreadableError(
                f"more than {MAXIMUM_SECTORS:,} rows; that is the cap (MAXIMUM_SECTORS)"
            )
        for fault in block.faults:
            report.fault(*fault)
        if swapped:
            cells = block.cells
            cells["longitude"], cells["latitude"] = cells["latitude"], cells["longitude"]
        checked = CheckedBlock(block, report)
        places = checked.number("longitude"), checked.number("latitude")
        seen.append(places)
        parts.append(_sectors_of(checked, places, outline, datum or "wgs84"))
    if not parts:
        raise UnreadableError("no row below the head line")
    report.datum = _datum(report, seen, outline, footprints, datum)
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    rows = columns.pop("row")
    columns["sector_id"] = _named(columns["sector_id"], columns["station_id"])
    kept = _without_repeats(columns, rows, report)
    _doubt_scattered(columns, rows, kept, report)
    report.kept = int(kept.sum())
    return ImportedSites(sectors=Sectors(**columns).take(kept), rows=rows[kept], report=report)


def sites_csv(sectors: Sectors) -> bytes:
    """A table that `import_sites` reads back as it was, UTF-8 with English headings."""
    columns: dict[str, Any] = {f.name: getattr(sectors, f.name) for f in fields(Sectors)}
    days = np.array(sectors.in_service_since, dtype="datetime64[us]")
    texts = np.char.add(np.datetime_as_string(days, unit="us"), "+00:00").astype(object)
    columns["in_service_since"] = np.where(sectors.in_service_since == UNKNOWN_TIME, "", texts)
    columns["pci"] = np.where(sectors.pci == UNKNOWN_PCI, "", sectors.pci.astype(str))
    return encode(
        pa.table({name: pa.array(list(column)) for name, column in columns.items()}), "csv"
    )


def _check_columns(block: Block) -> None:
    missing = [name for name in NEEDED if name not in block.cells]
    if "power_without_unit" in block.cells:
        raise UnreadableError("transmit power: the heading must say the unit, (W) or (dBm)")
    if "azimuth_deg" not in block.cells:
        missing.append("azimuth_deg")
    if not {"tilt_deg", "mechanical_tilt_deg", "electrical_tilt_deg"} & set(block.cells):
        missing.append("tilt_deg")
    powers = {"power_w", "power_dbm"} & set(block.cells)
    if "eirp_dbm" not in block.cells and not (
        powers and {"gain_dbi", "bandwidth_mhz"} <= set(block.cells)
    ):
        missing.append("eirp_dbm (or power with its unit, gain_dbi and bandwidth_mhz)")
    frequencies = {"frequency_ghz", "frequency_mhz", "frequency_without_unit", "nr_arfcn"}
    if not frequencies & set(block.cells):
        missing.append("frequency_ghz (or nr_arfcn)")
    if missing:
        raise UnreadableError(f"column missing: {', '.join(missing)}")


def _sectors_of(
    checked: CheckedBlock, places: tuple[Floats, Floats], outline: BaseGeometry | None, datum: str
) -> dict[str, Any]:
    """The good rows of a block as columns."""
    kind = checked.choice("type", TYPE_OF)
    indoor = kind == "indoor"
    for field, values in zip(("longitude", "latitude"), places, strict=True):
        checked.require(values, field)
    longitude, latitude = placed(checked, places, outline, datum)
    frequency = _frequency(checked)
    azimuth = checked.needed_number("azimuth_deg", indoor)
    pci = checked.number("pci")
    checked.refuse(~np.isnan(pci) & (pci != np.floor(pci)), "pci", LIMITS["pci"][2], pci)
    columns: dict[str, Any] = {
        "station_id": checked.needed_text("station_id"),
        "sector_id": checked.text("sector_id"),
        "name": checked.text("name"),
        "operator": checked.choice("operator", OPERATOR_OF),
        "type": kind,
        "longitude": np.round(longitude, 7),
        "latitude": np.round(latitude, 7),
        "height_m": checked.needed_number("height_m"),
        "azimuth_deg": np.where(np.isnan(azimuth), 0.0, azimuth) % 360.0,
        "tilt_deg": _tilt(checked, indoor),
        "eirp_dbm": _eirp(checked, frequency),
        "frequency_ghz": frequency,
        "pci": np.where(np.isnan(pci), UNKNOWN_PCI, pci).astype(np.int64),
        "in_service_since": checked.day("in_service_since"),
        "mounted_on": checked.text("mounted_on"),
        "row": checked.rows,
    }
    return {name: column[~checked.bad] for name, column in columns.items()}


def _frequency(checked: CheckedBlock) -> Floats:
    """Carrier centre in GHz: of the columns for frequency, the first that has a value."""
    ghz = checked.number("frequency_ghz")
    mega = ghz >= 400
    checked.refuse(mega, "frequency_ghz", "GHz; this looks like MHz", ghz)
    # no 5G carrier lies between 71 GHz and 410 in whichever unit, so the size tells the unit
    free = checked.number("frequency_without_unit")
    arfcn = checked.number("nr_arfcn")
    found = np.where(mega, np.nan, ghz)
    for more in (
        checked.number("frequency_mhz") / 1000,
        np.where(free >= 400, free / 1000, free),
        carriers.arfcn_to_ghz(arfcn),
    ):
        found = np.where(np.isnan(found), more, found)
    wrong = ~np.isnan(found) & ~carriers.in_frequency_range(found)
    checked.refuse(wrong, "frequency_ghz", "0.41 to 7.125 or 24.25 to 71 GHz", found)
    no_number = np.isnan(found) & ~np.isnan(arfcn)
    checked.refuse(no_number, "nr_arfcn", "a whole number from 0 to 3279165", arfcn)
    checked.refuse(np.isnan(found) & ~mega & ~no_number & ~checked.bad, "frequency_ghz", "required")
    return found


def _tilt(checked: CheckedBlock, indoor: npt.NDArray[np.bool_]) -> Floats:
    """Down-tilt: the whole when given, else mechanical and electrical together."""
    whole = checked.number("tilt_deg")
    parts = [checked.number(f"{part}_tilt_deg") for part in ("mechanical", "electrical")]
    both = np.where(np.isnan(parts[0]) & np.isnan(parts[1]), np.nan, np.nansum(parts, axis=0))
    tilt = np.where(np.isnan(whole), both, whole)
    checked.require(tilt, "tilt_deg", indoor)
    return np.where(np.isnan(tilt), 0.0, tilt)


def _eirp(checked: CheckedBlock, frequency: Floats) -> Floats:
    """EIRP per resource element in dBm, given or worked out from the carrier's power."""
    given = checked.number("eirp_dbm")
    watts = checked.number("power_w")
    power = checked.number("power_dbm")
    power = np.where(np.isnan(power), 10 * np.log10(watts) + 30, power)
    bandwidth, spacing = checked.number("bandwidth_mhz"), checked.number("subcarrier_khz")
    spacing = np.where(np.isnan(spacing), carriers.usual_subcarrier_khz(frequency), spacing)
    elements = carriers.resource_elements(bandwidth, spacing)
    worked = carriers.eirp_per_element(power, checked.number("gain_dbi"), elements)
    unknown = np.isnan(given) & ~np.isnan(bandwidth) & np.isnan(elements) & ~np.isnan(frequency)
    checked.refuse(
        unknown, "bandwidth_mhz", "a bandwidth of TS 38.101-1 table 5.3.2-1 in MHz", bandwidth
    )
    eirp = np.where(np.isnan(given), worked, given)
    checked.refuse(np.isnan(eirp) & ~checked.bad, "eirp_dbm", "required")
    return eirp


def _datum(
    report: ImportReport,
    seen: list[tuple[Floats, Floats]],
    outline: BaseGeometry | None,
    footprints: npt.NDArray[np.object_] | None,
    datum: str | None,
) -> Any:
    if outline is None or note_swapped(report):
        return None
    longitude, latitude = (np.concatenate([pair[at] for pair in seen]) for at in (0, 1))
    guess = guess_datum(longitude, latitude, outline, footprints)
    taken = datum or "wgs84"
    if guess is not None and guess.datum != taken and guess.confidence >= CONFIDENT:
        report.notes.append(
            f"the coordinates look like {guess} and were taken for {taken}: "
            f"import again with datum={guess.datum!r}"
        )
    return guess


def _codes(texts: Texts) -> Integers:
    """A whole number for each text, the same for equal ones."""
    coded = pa.array(texts, pa.large_string()).dictionary_encode()
    return np.asarray(coded.indices.to_numpy(), dtype=np.int64)


def _named(sector_id: Texts, station_id: Texts) -> Texts:
    """Sectors without an id are numbered within their station."""
    empty = sector_id == ""
    if not empty.any():
        return sector_id
    codes = _codes(station_id)
    order = np.argsort(codes, kind="stable")
    starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
    ordinal = np.empty(len(codes), dtype=np.int64)
    ordinal[order] = np.arange(len(codes)) - np.repeat(starts, np.diff([*starts, len(codes)])) + 1
    named = sector_id.copy()
    named[empty] = [
        f"{s}:{n}" for s, n in zip(station_id[empty], ordinal[empty].tolist(), strict=True)
    ]
    return named


def _without_repeats(
    columns: dict[str, Any], rows: Integers, report: ImportReport
) -> npt.NDArray[np.bool_]:
    """Which rows stay: the first of each sector id, and of each site, azimuth and frequency."""
    kept = np.ones(len(rows), dtype=np.bool_)
    outdoor = columns["type"] != "indoor"
    beam = np.round(columns["azimuth_deg"] * 10).astype(np.int64) * 1_000_000
    beam += np.round(columns["frequency_ghz"] * 10_000).astype(np.int64)
    sites = _codes(columns["station_id"]) * 10 + _codes(columns["operator"])
    # an indoor system has no beam: its sectors repeat only by their id
    _, beams = np.unique(np.where(outdoor, beam, -1 - np.arange(len(rows))), return_inverse=True)
    same_beam = sites * (len(rows) + 1) + beams
    for keys, field, rule in (
        (_codes(columns["sector_id"]), "sector_id", "unique in the file"),
        (same_beam, "azimuth_deg", "one sector for a site, azimuth and frequency"),
    ):
        _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
        before = first[inverse]
        again = kept & (before != np.arange(len(rows)))
        values = np.full(len(rows), "", dtype=object)
        values[again] = [
            f"{columns[field][at]}, as row {rows[before[at]]}" for at in np.flatnonzero(again)
        ]
        report.fault_rows(again, rows, field, rule, values)
        kept &= ~again
    return kept


def _doubt_scattered(
    columns: dict[str, Any], rows: Integers, kept: npt.NDArray[np.bool_], report: ImportReport
) -> None:
    """Sectors far from the first one of their site are strange, but may be so."""
    _, first, inverse = np.unique(
        _codes(columns["station_id"]), return_index=True, return_inverse=True
    )
    lon, lat = columns["longitude"], columns["latitude"]
    away = metres_between(lon, lat, lon[first][inverse], lat[first][inverse])
    report.doubt_rows(
        kept & (away > SAME_SITE_M),
        rows,
        "longitude, latitude",
        f"within {SAME_SITE_M:.0f} m of the site's first sector",
        np.char.add(np.round(away).astype(np.int64).astype(str), " m away").astype(object),
    )
