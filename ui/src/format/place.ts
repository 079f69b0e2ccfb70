import { isChinese } from '@/language'
import { ABSENT } from './number'

const EARTH_M = 6_371_008.8
const radians = (degrees: number) => (degrees * Math.PI) / 180

/** Metres between two places (longitude, latitude in degrees), on the sphere. */
export function distance(a: readonly [number, number], b: readonly [number, number]): number {
  const [x1, y1, x2, y2] = [radians(a[0]), radians(a[1]), radians(b[0]), radians(b[1])]
  const h = Math.sin((y2 - y1) / 2) ** 2 + Math.cos(y1) * Math.cos(y2) * Math.sin((x2 - x1) / 2) ** 2
  return 2 * EARTH_M * Math.asin(Math.sqrt(h))
}

/** `85 米`, `1.2 公里`. */
export function distanceText(metres: number | null | undefined): string {
  if (metres === null || metres === undefined) return ABSENT
  if (metres < 1000) return `${Math.round(metres)} ${isChinese.value ? '米' : 'm'}`
  return `${(metres / 1000).toFixed(1)} ${isChinese.value ? '公里' : 'km'}`
}
