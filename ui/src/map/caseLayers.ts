import type { Feature, FeatureCollection } from 'geojson'
import type { GeoJSONSource, Map } from 'maplibre-gl'

/** Cases coloured by the time that is left, people, and the routes between them. */

export type Haste = 'over' | 'soon' | 'time' | 'paused'

export const HASTE_COLORS: Record<Haste, string> = {
  over: '#cf2f2a',
  soon: '#b8730a',
  time: '#23866f',
  paused: '#667280',
}
export const PERSON_COLOR = '#1f5a94'
/** Routes of several people, told apart by hue and by the name at the person. */
export const ROUTE_COLORS = ['#1f5a94', '#7a4fa3', '#9c5a1c', '#1c7c86', '#a03467', '#5a6b1f', '#444f8f', '#8a3f2a']

const HURRY = 0.25
const NAMES_ZOOM = 13

/** Red is over, amber under a quarter left, green the rest, grey while the clock stands. */
export function haste(left: number | null, limit: number | null, running: boolean): Haste {
  if (left !== null && left < 0) return 'over'
  if (!running || left === null) return 'paused'
  return limit !== null && left < HURRY * limit ? 'soon' : 'time'
}

export interface CaseMark {
  id: string
  position: [number, number]
  haste: Haste
  label: string
}
export interface PersonMark {
  id: string
  position: [number, number]
  label: string
  dim: boolean
  color: string
}
export interface RouteMark {
  path: [number, number][]
  color: string
}

const FONTS = ['PingFang SC', 'Microsoft YaHei', 'Noto Sans CJK SC', 'sans-serif']
export const CASE_LAYER = 'case-points'
export const PERSON_LAYER = 'person-points'
const EMPTY: FeatureCollection = { type: 'FeatureCollection', features: [] }

/** Adds the layers; `setCaseMarks` fills them. */
export function addCaseLayers(map: Map): void {
  for (const name of ['routes', 'cases', 'people']) map.addSource(name, { type: 'geojson', data: EMPTY })
  map.addLayer({
    id: 'route-lines', type: 'line', source: 'routes',
    layout: { 'line-cap': 'round', 'line-join': 'round' },
    paint: { 'line-color': ['get', 'color'], 'line-width': 2.4, 'line-opacity': 0.75, 'line-dasharray': [2, 1.4] },
  })
  map.addLayer({
    id: PERSON_LAYER, type: 'circle', source: 'people',
    paint: {
      'circle-radius': ['interpolate', ['linear'], ['zoom'], 11, 4.5, 15, 8], 'circle-color': '#ffffff', 'circle-opacity': ['case', ['get', 'dim'], 0.5, 1],
      'circle-stroke-color': ['get', 'color'], 'circle-stroke-width': ['interpolate', ['linear'], ['zoom'], 11, 2.5, 15, 4], 'circle-stroke-opacity': ['case', ['get', 'dim'], 0.45, 1],
    },
  })
  map.addLayer({
    id: 'person-labels', type: 'symbol', source: 'people',
    layout: {
      // Of fifty people in one view the names would hide the cases.
      'text-field': ['step', ['zoom'], '', NAMES_ZOOM, ['get', 'label']],
      'text-font': FONTS, 'text-size': 12, 'text-anchor': 'top', 'text-offset': [0, 1],
    },
    paint: { 'text-color': '#123f6b', 'text-halo-color': '#ffffff', 'text-halo-width': 2 },
  })
  map.addLayer({
    id: 'case-chosen', type: 'circle', source: 'cases', filter: ['==', ['get', 'id'], ''],
    paint: { 'circle-radius': 15, 'circle-color': 'rgba(0,0,0,0)', 'circle-stroke-color': '#10202f', 'circle-stroke-width': 2.5 },
  })
  map.addLayer({
    id: CASE_LAYER, type: 'circle', source: 'cases',
    layout: { 'circle-sort-key': ['get', 'rank'] },
    paint: {
      'circle-radius': ['interpolate', ['linear'], ['zoom'], 11, ['match', ['get', 'haste'], 'over', 6, 'soon', 5.5, 4.5], 15, 10],
      'circle-color': ['get', 'color'], 'circle-stroke-color': '#ffffff', 'circle-stroke-width': 1.4,
    },
  })
  map.addLayer({
    id: 'case-labels', type: 'symbol', source: 'cases', filter: ['!=', ['get', 'label'], ''],
    layout: { 'text-field': ['get', 'label'], 'text-font': FONTS, 'text-size': 11, 'text-allow-overlap': true },
    paint: { 'text-color': '#ffffff' },
  })
}

const RANK: Record<Haste, number> = { paused: 0, time: 1, soon: 2, over: 3 }

function point(position: [number, number], properties: Record<string, unknown>): Feature {
  return { type: 'Feature', geometry: { type: 'Point', coordinates: position }, properties }
}

export function setCaseMarks(map: Map, cases: CaseMark[], people: PersonMark[], routes: RouteMark[]): void {
  const set = (name: string, features: Feature[]) => map.getSource<GeoJSONSource>(name)?.setData({ type: 'FeatureCollection', features })
  set('cases', cases.map(({ position, ...rest }) => point(position, { ...rest, rank: RANK[rest.haste], color: HASTE_COLORS[rest.haste] })))
  set('people', people.map(({ position, ...rest }) => point(position, rest)))
  set('routes', routes.map(({ path, color }) => ({ type: 'Feature', geometry: { type: 'LineString', coordinates: path }, properties: { color } })))
}

export function setChosenCase(map: Map, id: string): void {
  map.setFilter('case-chosen', ['==', ['get', 'id'], id])
}
