import { setWorkerUrl } from 'maplibre-gl'
import workerUrl from 'maplibre-gl/dist/maplibre-gl-worker.mjs?worker&url'
import 'maplibre-gl/dist/maplibre-gl.css'

/** The map library with its style and worker; by far the largest part of the page, so that it is
 *  imported only when a map is about to be drawn. */

// MapLibre 6 cannot find its worker inside a bundle by itself.
setWorkerUrl(workerUrl)

export { AttributionControl, Map, NavigationControl, ScaleControl } from 'maplibre-gl'
