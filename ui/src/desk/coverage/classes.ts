import { t } from '@/language'
import type { Ramp } from '@/map/coverageColors'

/** A class of a ramp as a legend writes it, the lowest first. */
export interface RampClass {
  color: string
  text: string
  low: number | undefined
  high: number | undefined
}

export function classesOf(ramp: Ramp): RampClass[] {
  return ramp.colors.map((color, at) => {
    const [low, high] = [ramp.borders[at - 1], ramp.borders[at]]
    const text = low === undefined ? `< ${high}` : high === undefined ? `≥ ${low}` : t('coverage.range', { low, high })
    return { color, text, low, high }
  })
}
