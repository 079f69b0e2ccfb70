import type { Light, Severity, ThingState } from '@/api/types'

/** Colours of meaning, the same on the map, in charts and in lists. Told apart by colour-blind
 *  readers too: alarm is also larger, "no data" is hollow, and a word always stands beside. */
export const STATE_COLORS: Record<ThingState, string> = {
  good: '#23866f',
  alarm: '#cf2f2a',
  silent: '#b8730a',
  stale: '#8a6d3b',
  'no data': '#667280',
  'not reporting': '#667280',
}

export const STATES: readonly ThingState[] = ['alarm', 'silent', 'stale', 'no data', 'not reporting', 'good']
/** Those that a list is filtered by: what is stale is seen only when one looks. */
export const STATE_FILTERS: readonly ThingState[] = STATES.filter((state) => state !== 'stale')

export const LIGHT_COLORS: Record<Light, string> = {
  ahead: '#1f5a94',
  'on path': '#23866f',
  behind: '#cf2f2a',
  'no data': '#667280',
}

export const LIGHTS: readonly Light[] = ['behind', 'on path', 'ahead', 'no data']

export const SEVERITY_COLORS: Record<Severity, string> = {
  critical: '#a3151d',
  major: '#cf2f2a',
  minor: '#946000',
  warning: '#5f6b78',
}

export const INK = '#1c2733'
export const INK_SOFT = '#52606d'
export const LINE = '#dfe4ea'
export const ACCENT = '#1f5a94'
