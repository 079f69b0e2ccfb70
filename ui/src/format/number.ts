import { titled } from '@/language'
import type { Property } from '@/api/types'
import { t } from '@/language'

const grouped = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })

export const ABSENT = '–'

export function count(value: number | null | undefined): string {
  return value === null || value === undefined ? ABSENT : grouped.format(value)
}

export function decimal(value: number | null | undefined, decimals: number): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return ABSENT
  return value.toLocaleString('en-US', {
    minimumFractionDigits: decimals,
    maximumFractionDigits: decimals,
  })
}

/** With its sign, also that of a gain. */
export function signed(value: number, decimals: number): string {
  const size = decimal(Math.abs(value), decimals)
  return Number(value.toFixed(decimals)) === 0 ? size : `${value > 0 ? '+' : '−'}${size}`
}

export function percent(share: number | null | undefined, decimals = 0): string {
  return share === null || share === undefined ? ABSENT : `${(share * 100).toFixed(decimals)}%`
}

/** The probability that log-odds state. */
export function likelihood(logOdds: number): number {
  return 1 / (1 + Math.exp(-logOdds))
}

/** UCUM codes whose printed form differs from the code. */
const UNITS: Record<string, string> = {
  '1': '',
  Cel: '°C',
  'ug/m3': 'µg/m³',
  'mg/m3': 'mg/m³',
  'm3/h': 'm³/h',
  m2: 'm²',
  m3: 'm³',
  deg: '°',
  'm/s': 'm/s',
  '[ppm]': 'ppm',
  'kW.h': 'kWh',
  'W/m2': 'W/m²',
  'dB[mW]': 'dBm',
  'dB(mW)': 'dBm',
  'Mbit/s': 'Mbit/s',
}

export function unitText(unit: string): string {
  // An annotation in braces is all that UCUM says of a counted thing.
  return (UNITS[unit] ?? unit).replace(/^1?\{(.+)\}$/, '$1')
}

/** A value with its unit; the name of the state when the property is a state. */
export function valueText(value: number | null | undefined, property: Property | undefined): string {
  if (value === null || value === undefined) return ABSENT
  if (!property) return String(value)
  const state = property.states[Math.round(value)]
  if (state) return titled(state)
  const unit = unitText(property.unit)
  const number = decimal(value, property.decimals)
  if (!unit) return number
  return unit === '%' || unit === '°' ? `${number}${unit}` : `${number} ${unit}`
}

export function measured(value: number | null | undefined, unit: string, decimals: number): string {
  if (value === null || value === undefined) return ABSENT
  const text = unitText(unit)
  const number = decimal(value, Number.isInteger(value) && decimals <= 1 ? 0 : decimals)
  if (!text) return number
  return text === '%' ? `${number}%` : `${number} ${text}`
}

export function booleanText(value: boolean): string {
  return t(value ? 'common.yes' : 'common.no')
}
