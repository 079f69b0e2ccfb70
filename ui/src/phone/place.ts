import { ref, shallowRef } from 'vue'

/** Where the phone is, in WGS-84 degrees as the browser gives them. */
export interface Place {
  longitude: number
  latitude: number
  /** Radius of 95 % certainty in metres; null when a person chose it. */
  error_m: number | null
  at: number
}

export const here = shallowRef<Place | null>(null)
export const locating = ref(false)
export const denied = ref(false)

const LARGEST_ERROR_M = 5000
const OPTIONS: PositionOptions = { enableHighAccuracy: true, timeout: 15_000, maximumAge: 20_000 }

/** Asks the browser for the place once; null when it gives none. `fresh` takes none it knew before. */
export function locate(fresh = false): Promise<Place | null> {
  if (!('geolocation' in navigator)) {
    denied.value = true
    return Promise.resolve(null)
  }
  locating.value = true
  return new Promise((resolve) =>
    navigator.geolocation.getCurrentPosition(
      ({ coords, timestamp }) => {
        locating.value = false
        // A guess by the network's address is no place to send anybody to.
        denied.value = coords.accuracy > LARGEST_ERROR_M
        if (denied.value) return resolve(null)
        here.value = { longitude: coords.longitude, latitude: coords.latitude, error_m: Math.max(1, Math.round(coords.accuracy)), at: timestamp }
        resolve(here.value)
      },
      () => {
        denied.value = true
        locating.value = false
        resolve(null)
      },
      fresh ? { ...OPTIONS, maximumAge: 0 } : OPTIONS,
    ),
  )
}

/** Latitude and longitude as people read them out. */
export function placeText(place: { longitude: number; latitude: number }): string {
  return `${place.longitude.toFixed(5)}, ${place.latitude.toFixed(5)}`
}
