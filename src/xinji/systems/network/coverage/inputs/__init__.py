"""What the coverage planner reads: sites, buildings, drive tests, terrain.

Every importer takes bytes or a path and gives typed columns and a report; a bad row is named with
its number, field and rule, and the good rows are kept. Nothing here stores anything.

    sites.import_sites                CSV, XLSX                       -> sectors.Sectors
    building_import.import_buildings  GeoJSON, GeoPackage, Shapefile  -> buildings.Buildings
    drive_tests.import_drive_tests    G-NetTrack CSV, other tables    -> drive_tests.DriveTests
    terrain.read_terrain              ESRI ASCII grid                 -> terrain.Terrain
    road_places                       samples on roads, blocks of them to hold out
"""
