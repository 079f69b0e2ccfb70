import { ABSENT, decimal, percent } from '@/format/number'
import { t, type Key } from '@/language'

/** The figures that two states of a network are compared by. */
export const FIGURES: { name: 'outdoor' | 'road' | 'indoor' | 'mean_rate_mbps'; title: Key }[] = [
  { name: 'outdoor', title: 'coverage.outdoorShare' },
  { name: 'road', title: 'coverage.roadShare' },
  { name: 'indoor', title: 'coverage.indoorShare' },
  { name: 'mean_rate_mbps', title: 'coverage.meanRate' },
]

export function figureText(name: string, value: number | null): string {
  return name === 'mean_rate_mbps' ? decimal(value, 1) : percent(value, 2)
}

/** The difference with its sign; shares in percentage points. */
export function differenceText(name: string, before: number | null, after: number | null): { text: string; number: string; sign: number } {
  if (before === null || after === null) return { text: ABSENT, number: ABSENT, sign: 0 }
  const rate = name === 'mean_rate_mbps'
  const digits = rate ? 2 : 3
  const value = rate ? after - before : 100 * (after - before)
  const rounded = Number(value.toFixed(digits))
  const number = `${rounded > 0 ? '+' : rounded < 0 ? '−' : '±'}${decimal(Math.abs(rounded), digits)}`
  return { text: rate ? number : t('coverage.points', { n: number }), number, sign: Math.sign(rounded) }
}
