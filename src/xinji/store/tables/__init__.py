"""Tables that people bring: CSV, TSV and XLSX through one reader, whatever they are imported as.

`reading.py` finds out what a file is, `delimited.py` and `workbook.py` read it, `columns.py` maps
headings to fields, `cells.py` turns a cell into a number or a moment, `formula_cells.py` takes back
what an export did against spreadsheets. A value is exact, or its row is refused with the reason.
"""
