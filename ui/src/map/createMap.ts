import type { Map } from 'maplibre-gl'
import { watch, type WatchStopHandle } from 'vue'
import { district } from '@/api/district'
import { RequestError } from '@/api/request'
import { language, t } from '@/language'
import { basemapStyle, boundsOf, IDEOGRAPH_FONTS, LABEL_LAYERS, readBasemap } from './basemap'

/** The map of the district in `container`, resolved when it can take layers. */
export async function createMap(container: HTMLElement): Promise<Map> {
  const [library, basemap] = await Promise.all([import('./maplibre'), readBasemap()])
  const { AttributionControl, NavigationControl, ScaleControl } = library
  const [west, south, east, north] = district.value?.bounds ?? boundsOf(basemap)
  const pad = Math.max(east - west, north - south)
  const map = new library.Map({
    container,
    style: basemapStyle(basemap),
    bounds: [west, south, east, north],
    fitBoundsOptions: { padding: 16 },
    maxBounds: [west - pad, south - pad, east + pad, north + pad],
    maxZoom: 18,
    dragRotate: false,
    pitchWithRotate: false,
    attributionControl: false,
    localIdeographFontFamily: IDEOGRAPH_FONTS,
    locale: {
      'Map.Title': t('map.title'),
      'NavigationControl.ZoomIn': t('map.zoomIn'),
      'NavigationControl.ZoomOut': t('map.zoomOut'),
      'AttributionControl.ToggleAttribution': t('map.attribution'),
    },
  })
  map.touchZoomRotate.disableRotation()
  map.addControl(new NavigationControl({ showCompass: false }), 'top-right')
  map.addControl(new ScaleControl({ unit: 'metric' }), 'bottom-left')
  // Somebody without an account has no declaration of the district: the base map is taken as drawn.
  if (district.value?.illustrative ?? true) {
    map.addControl(new AttributionControl({ compact: false, customAttribution: t('app.illustrative') }))
  }
  await new Promise<void>((resolve) => map.once('load', () => resolve()))
  return map
}

/** Keeps the labels of the base map in the language of the page. */
export function followLanguage(map: Map): WatchStopHandle {
  return watch(
    language,
    (now) => {
      for (const layer of LABEL_LAYERS) {
        map.setLayoutProperty(layer, 'text-field', ['get', now === 'en' ? 'en' : 'zh'])
      }
    },
    { immediate: true },
  )
}

/** Why there is no map, for a person: the base map did not come, or the browser cannot draw. */
export function mapFailure(problem: unknown): string {
  return problem instanceof RequestError ? `${t('common.failed')}: ${problem.message}` : t('map.failed')
}

/** The view of the whole district. */
export function showDistrict(map: Map): void {
  const bounds = district.value?.bounds
  if (bounds) map.fitBounds(bounds, { padding: 16, duration: 400 })
}
