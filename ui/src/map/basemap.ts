import type { FeatureCollection } from 'geojson'
import type { ExpressionSpecification, LayerSpecification, StyleSpecification } from 'maplibre-gl'
import { get } from '@/api/request'
import type { Title } from '@/api/types'

/** Fonts of the machine that reads the page: no glyph server, no font file of ours. */
const FONTS = ['PingFang SC', 'Microsoft YaHei', 'Noto Sans CJK SC', 'sans-serif']
export const IDEOGRAPH_FONTS = FONTS.map((font) => `"${font}"`).join(', ').replace('"sans-serif"', 'sans-serif')

interface BasemapProperties {
  layer: string
  name: string
  title?: Title
}

let reading: Promise<FeatureCollection> | null = null

/** The base map with its titles flattened, because a style cannot look into objects. */
export function readBasemap(): Promise<FeatureCollection> {
  reading ??= get<FeatureCollection>('/api/basemap')
    .then((collection) => ({
      ...collection,
      features: collection.features.map((feature) => {
        const { layer, name, title } = (feature.properties ?? {}) as BasemapProperties
        return { ...feature, properties: { layer, zh: title?.zh ?? name, en: title?.en ?? name } }
      }),
    }))
    .catch((error: unknown) => {
      reading = null
      throw error
    })
  return reading
}

/** West, south, east and north of the district's edge in degrees, for a reader who knows only the map. */
export function boundsOf(basemap: FeatureCollection): [number, number, number, number] {
  const edge = basemap.features.find((feature) => feature.properties?.layer === 'district')?.geometry
  const rings = edge?.type === 'Polygon' ? edge.coordinates : edge?.type === 'MultiPolygon' ? edge.coordinates.flat() : []
  const points = rings.flat()
  if (!points.length) return [-180, -85, 180, 85]
  const [longitudes, latitudes] = [points.map((point) => point[0] as number), points.map((point) => point[1] as number)]
  return [Math.min(...longitudes), Math.min(...latitudes), Math.max(...longitudes), Math.max(...latitudes)]
}

/** Layers whose text follows the language of the page. */
export const LABEL_LAYERS = ['road-label', 'water-label', 'station-label', 'subdistrict-label']

const is = (layer: string): ['==', ['get', 'layer'], string] => ['==', ['get', 'layer'], layer]
const widening = (narrow: number, wide: number) =>
  ['interpolate', ['exponential', 1.5], ['zoom'], 11, narrow, 16, wide] as never

function line(id: string, layer: string, color: string, narrow: number, wide: number): LayerSpecification {
  return {
    id,
    type: 'line',
    source: 'basemap',
    filter: ['all', is(layer), ['!=', ['geometry-type'], 'Point']],
    layout: { 'line-cap': 'round', 'line-join': 'round' },
    paint: { 'line-color': color, 'line-width': widening(narrow, wide) },
  }
}

function label(
  id: string, layer: string, color: string, size: number | ExpressionSpecification, minzoom: number, along: boolean,
): LayerSpecification {
  return {
    id,
    type: 'symbol',
    source: 'basemap',
    minzoom,
    filter: is(layer),
    layout: {
      'text-field': ['get', 'zh'],
      'text-font': FONTS,
      'text-size': size,
      'symbol-placement': along ? 'line' : 'point',
      'symbol-spacing': 320,
      'text-anchor': layer === 'metro-station' ? 'top' : 'center',
      'text-offset': layer === 'metro-station' ? [0, 0.5] : [0, 0],
      'text-max-width': 8,
    },
    paint: { 'text-color': color, 'text-halo-color': '#ffffff', 'text-halo-width': 1.8 },
  }
}

/** A calm base map: the things on it are what should be seen. */
export function basemapStyle(basemap: FeatureCollection): StyleSpecification {
  return {
    version: 8,
    sources: { basemap: { type: 'geojson', data: basemap } },
    layers: [
      { id: 'ground', type: 'background', paint: { 'background-color': '#e9edf1' } },
      { id: 'district', type: 'fill', source: 'basemap', filter: is('district'), paint: { 'fill-color': '#f8f9fa' } },
      {
        id: 'water', type: 'fill', source: 'basemap',
        filter: ['all', is('water'), ['in', ['geometry-type'], ['literal', ['Polygon', 'MultiPolygon']]]],
        paint: { 'fill-color': '#cfe0ec' },
      },
      line('water-line', 'water', '#c2d8e8', 3, 26),
      {
        id: 'subdistrict', type: 'line', source: 'basemap', filter: is('subdistrict'),
        paint: { 'line-color': '#b4bfca', 'line-width': 1, 'line-dasharray': [4, 3] },
      },
      line('road-casing', 'road', '#d5dbe1', 1.6, 13),
      line('road', 'road', '#ffffff', 0.8, 10),
      line('elevated-casing', 'elevated', '#cdb98a', 2.6, 15),
      line('elevated', 'elevated', '#f6e8c6', 1.6, 11),
      {
        id: 'metro-line', type: 'line', source: 'basemap', filter: is('metro-line'),
        paint: { 'line-color': '#9d8fb8', 'line-width': widening(1, 3.2), 'line-dasharray': [6, 2] },
      },
      line('district-edge', 'district', '#8796a5', 1.4, 2.4),
      {
        id: 'metro-station', type: 'circle', source: 'basemap', minzoom: 12, filter: is('metro-station'),
        paint: {
          'circle-radius': widening(2, 5), 'circle-color': '#ffffff',
          'circle-stroke-color': '#7d6ca3', 'circle-stroke-width': 1.4,
        },
      },
      label('road-label', 'road', '#66717d', 11, 13, true),
      label('water-label', 'water', '#4f7896', 11, 12.5, true),
      label('station-label', 'metro-station', '#65558c', 11, 13.2, false),
      label('subdistrict-label', 'subdistrict', '#4b5865', ['interpolate', ['linear'], ['zoom'], 11.5, 10, 13, 13], 10, false),
    ],
  }
}
