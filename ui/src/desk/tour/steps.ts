import type { Key } from '@/language'

/** One stop of the tour: the page it stands on, what it points at, and its two texts. */
export interface Stop {
  page: string
  query?: Record<string, string>
  /** A selector; what is not there (a narrow screen hides the menu) is told in the middle. */
  target: string
  title: Key
  text: Key
}

const stop = (name: string, page: string, target: string, query?: Record<string, string>): Stop => ({
  page, target, query, title: `tour.${name}` as Key, text: `tour.${name}Text` as Key,
})

/** From what a leader sees first to where a number comes from; about half a minute each. */
export const STOPS: Stop[] = [
  stop('start', 'overview', '.header .brand'),
  stop('online', 'overview', '[data-test=counter-online]'),
  stop('map', 'overview', '.maplibregl-map'),
  stop('things', 'things', '[data-test=nav-things]'),
  stop('cases', 'cases', '[data-test=nav-cases]'),
  stop('urban', 'cases', '[data-test="nav-system-platforms.operations"]', { type: 'urban' }),
  stop('intake', 'intake', '[data-test=nav-intake]'),
  stop('dispatch', 'dispatch', '[data-test=nav-dispatch]'),
  stop('plan', 'plan', '[data-test=nav-plan]'),
  stop('end', 'overview', '[data-test=user-menu]'),
]
