import type { Feature, FeatureCollection, Point } from 'geojson'
import type { ExpressionSpecification, GeoJSONSource, Map } from 'maplibre-gl'
import { kindOf } from '@/api/district'
import type { Thing } from '@/api/types'
import { STATE_COLORS } from '@/theme/colors'
import { drawSymbol, SYMBOL_PIXEL_RATIO, SYMBOLS } from './symbols'

export type MapThing = Pick<Thing, 'id' | 'kind' | 'name' | 'state'> & { position: [number, number] }

const SOURCE = 'things'
export const POINT_LAYER = 'thing-points'

const state: ExpressionSpecification = ['get', 'state']
const color: ExpressionSpecification = [
  'match', state,
  'good', STATE_COLORS.good,
  'alarm', STATE_COLORS.alarm,
  'silent', STATE_COLORS.silent,
  'stale', STATE_COLORS.stale,
  STATE_COLORS['no data'],
]

// A district holds thousands of points: far out they are small dots of which what needs attention is
// the larger and lies on top; near, each shows the symbol of its kind. No clusters, which would hide
// the one alarm among fifty good ones.
function radius(extra: number): ExpressionSpecification {
  const size = (good: number, bad: number): ExpressionSpecification =>
    ['match', state, ['alarm', 'silent'], bad + extra, good + extra]
  return ['interpolate', ['linear'], ['zoom'], 11, size(1.8, 4), 13.5, size(3.2, 6), 14.5, size(7.5, 9.5), 18, size(11, 13)]
}

/** Adds the layers of things to a map; `setThings` fills them. Names of sub-districts stay on top. */
export function addThingLayers(map: Map): void {
  for (const icon of Object.keys(SYMBOLS)) {
    map.addImage(`symbol-${icon}`, drawSymbol(icon), { pixelRatio: SYMBOL_PIXEL_RATIO })
  }
  map.addSource(SOURCE, { type: 'geojson', data: { type: 'FeatureCollection', features: [] } })
  map.addLayer({
    id: POINT_LAYER,
    type: 'circle',
    source: SOURCE,
    layout: { 'circle-sort-key': ['match', state, 'alarm', 3, 'silent', 2, 'good', 1, 0] },
    paint: {
      'circle-radius': radius(0),
      'circle-color': color,
      'circle-opacity': ['match', state, 'no data', 0.75, 'good', 0.85, 1],
      'circle-stroke-color': '#ffffff',
      'circle-stroke-width': ['interpolate', ['linear'], ['zoom'], 11, ['match', state, ['alarm', 'silent'], 1, 0.3], 14, 1.2],
    },
  })
  map.addLayer({
    id: 'thing-symbols',
    type: 'symbol',
    source: SOURCE,
    minzoom: 14.2,
    layout: {
      'icon-image': ['concat', 'symbol-', ['get', 'icon']],
      'icon-size': ['interpolate', ['linear'], ['zoom'], 14.2, 0.42, 18, 0.66],
      'icon-allow-overlap': true,
      'icon-ignore-placement': true,
    },
  })
  map.addLayer({
    id: 'thing-chosen',
    type: 'circle',
    source: SOURCE,
    filter: ['==', ['get', 'id'], ''],
    paint: {
      'circle-radius': radius(4),
      'circle-color': 'rgba(0,0,0,0)',
      'circle-stroke-color': '#10202f',
      'circle-stroke-width': 2.5,
    },
  })
  map.moveLayer('subdistrict-label')
}

function feature(thing: MapThing): Feature<Point> {
  const icon = kindOf(thing.kind)?.icon ?? 'dot'
  return {
    type: 'Feature',
    geometry: { type: 'Point', coordinates: thing.position },
    properties: { id: thing.id, kind: thing.kind, state: thing.state, icon: icon in SYMBOLS ? icon : 'dot' },
  }
}

export function setThings(map: Map, things: MapThing[]): void {
  const collection: FeatureCollection = { type: 'FeatureCollection', features: things.map(feature) }
  map.getSource<GeoJSONSource>(SOURCE)?.setData(collection)
}

export function setChosen(map: Map, id: string): void {
  map.setFilter('thing-chosen', ['==', ['get', 'id'], id])
}
