import type { Feature, FeatureCollection, Polygon } from 'geojson'
import type { CanvasSource, GeoJSONSource, Map } from 'maplibre-gl'
import type { Grid, Sector } from '@/api/coverage'

/** Layers of a coverage map: the painted grid, buildings, sectors, what a plan proposes, drive tests. */

export const SECTOR_LAYER = 'coverage-sectors'
export const PROPOSED_LAYER = 'coverage-proposed'
export const SAMPLE_LAYER = 'coverage-samples'
const NONE: FeatureCollection = { type: 'FeatureCollection', features: [] }

const BELOW_LABELS = 'road-label'

/** Puts a painted canvas at the corners of the grid; a repainted one only needs `repaint`. */
export function addGrid(map: Map, canvas: HTMLCanvasElement, grid: Grid, opacity: number): void {
  map.addSource('coverage-grid', { type: 'canvas', canvas, coordinates: grid.corners, animate: false })
  map.addLayer({
    id: 'coverage-grid', type: 'raster', source: 'coverage-grid',
    paint: { 'raster-opacity': opacity, 'raster-resampling': 'nearest', 'raster-fade-duration': 0 },
  }, 'metro-line')
}

export function repaint(map: Map, grid: Grid): void {
  const source = map.getSource<CanvasSource>('coverage-grid')
  if (!source) return
  source.setCoordinates(grid.corners)
  // A canvas that is not animated is taken once; playing for one frame takes it again.
  source.play()
  source.pause()
  map.triggerRepaint()
}

export function setOpacity(map: Map, opacity: number): void {
  if (map.getLayer('coverage-grid')) map.setPaintProperty('coverage-grid', 'raster-opacity', opacity)
}

export function addCoverageLayers(map: Map): void {
  for (const name of ['buildings', 'sectors', 'link', 'proposed', 'samples', 'place']) {
    map.addSource(`coverage-${name}`, { type: 'geojson', data: NONE })
  }
  map.addLayer({
    id: 'coverage-buildings', type: 'fill', source: 'coverage-buildings', minzoom: 14,
    paint: {
      'fill-color': ['interpolate', ['linear'], ['get', 'height_m'], 5, '#d5dae0', 30, '#a9b2bc', 80, '#76818d'],
      'fill-outline-color': '#5d6874', 'fill-opacity': 0.9,
    },
  }, BELOW_LABELS)
  map.addLayer({
    id: SECTOR_LAYER, type: 'fill', source: 'coverage-sectors',
    paint: {
      'fill-color': ['case', ['get', 'off'], '#8a95a1', ['get', 'chosen'], '#ffffff', ['get', 'edited'], '#ff8c1a', '#10202f'],
      'fill-opacity': ['case', ['get', 'off'], 0.35, 0.72],
    },
  })
  map.addLayer({
    id: 'coverage-sector-lines', type: 'line', source: 'coverage-sectors', minzoom: 12.2,
    paint: {
      'line-color': ['case', ['get', 'chosen'], '#10202f', '#ffffff'],
      'line-width': ['interpolate', ['linear'], ['zoom'], 12, ['case', ['get', 'chosen'], 2.4, 0.3], 15, ['case', ['get', 'chosen'], 2.4, 1.2]],
    },
  })
  map.addLayer({
    id: 'coverage-link', type: 'line', source: 'coverage-link',
    paint: { 'line-color': ['get', 'color'], 'line-width': ['get', 'width'] },
  })
  map.addLayer({
    id: SAMPLE_LAYER, type: 'circle', source: 'coverage-samples',
    paint: {
      'circle-radius': ['interpolate', ['linear'], ['zoom'], 12, 2, 16, 5], 'circle-color': ['get', 'color'],
      'circle-stroke-color': '#10202f', 'circle-stroke-width': 0.4,
    },
  })
  map.addLayer({
    id: PROPOSED_LAYER, type: 'circle', source: 'coverage-proposed',
    paint: { 'circle-radius': 10, 'circle-color': '#c2187a', 'circle-stroke-color': '#ffffff', 'circle-stroke-width': 2 },
  })
  map.addLayer({
    id: 'coverage-proposed-rank', type: 'symbol', source: 'coverage-proposed',
    layout: {
      'text-field': ['get', 'rank'], 'text-size': 11, 'text-allow-overlap': true, 'text-ignore-placement': true,
      'text-font': map.getLayoutProperty('road-label', 'text-font') as string[],
    },
    paint: { 'text-color': '#ffffff' },
  })
  map.addLayer({
    id: 'coverage-place', type: 'circle', source: 'coverage-place',
    paint: { 'circle-radius': 6, 'circle-color': '#ffffff', 'circle-stroke-color': '#10202f', 'circle-stroke-width': 3 },
  })
}

export function fill(map: Map, name: 'buildings' | 'sectors' | 'link' | 'proposed' | 'samples' | 'place', data: FeatureCollection | null): void {
  map.getSource<GeoJSONSource>(`coverage-${name}`)?.setData(data ?? NONE)
}

const METRES_PER_DEGREE = 111_195

/** A wedge in the direction of a sector, 60 degrees wide. */
export function wedge(longitude: number, latitude: number, azimuth: number, metres: number): Polygon {
  const across = METRES_PER_DEGREE * Math.cos((latitude * Math.PI) / 180)
  const at = (degrees: number): [number, number] => [
    longitude + (metres * Math.sin((degrees * Math.PI) / 180)) / across,
    latitude + (metres * Math.cos((degrees * Math.PI) / 180)) / METRES_PER_DEGREE,
  ]
  const here: [number, number] = [longitude, latitude]
  return { type: 'Polygon', coordinates: [[here, ...[-30, -15, 0, 15, 30].map((turn) => at(azimuth + turn)), here]] }
}

/** Sectors as wedges; several carriers of one mast are drawn one inside the other. */
export function sectorFeatures(sectors: Sector[], chosen: string, edited: Set<string>): FeatureCollection {
  const carriers = [...new Set(sectors.map((sector) => sector.frequency_ghz))].sort((a, b) => a - b)
  const features: Feature[] = sectors.map((sector) => {
    const reach = sector.type === 'pole' ? 34 : 62
    const metres = reach * (1 - (0.3 * carriers.indexOf(sector.frequency_ghz)) / Math.max(1, carriers.length - 1))
    return {
      type: 'Feature',
      geometry: wedge(sector.longitude, sector.latitude, sector.azimuth_deg, carriers.length > 1 ? metres : reach),
      properties: {
        sector: sector.sector, off: sector.eirp_dbm === null, chosen: sector.sector === chosen,
        edited: edited.has(sector.sector) || edited.has(sector.station),
      },
    }
  })
  return { type: 'FeatureCollection', features }
}

/** The line from a station to a place: plain where it is in sight, red through buildings. */
export function linkFeature(from: [number, number], to: [number, number], blocked: [number, number][], distance: number): FeatureCollection {
  const along = (metres: number): [number, number] => {
    const share = distance ? Math.min(1, metres / distance) : 0
    return [from[0] + share * (to[0] - from[0]), from[1] + share * (to[1] - from[1])]
  }
  const line = (a: [number, number], b: [number, number], color: string, width: number): Feature => ({
    type: 'Feature', properties: { color, width }, geometry: { type: 'LineString', coordinates: [a, b] },
  })
  return {
    type: 'FeatureCollection',
    features: [
      line(from, to, '#ffffff', 5), line(from, to, '#10202f', 2.2),
      ...blocked.map(([start, end]) => line(along(start), along(end), '#d7263d', 4)),
    ],
  }
}

/** Proposed sites with their rank. */
export function proposedFeatures(sites: { longitude: number; latitude: number; layer: string }[]): FeatureCollection {
  return {
    type: 'FeatureCollection',
    features: sites.map((site, at) => ({
      type: 'Feature', properties: { rank: String(at + 1), layer: site.layer },
      geometry: { type: 'Point', coordinates: [site.longitude, site.latitude] },
    })),
  }
}

export function pointFeature(place: [number, number] | null): FeatureCollection | null {
  return place && { type: 'FeatureCollection', features: [{ type: 'Feature', properties: {}, geometry: { type: 'Point', coordinates: place } }] }
}
