import { houseTime } from '@/api/houseClock'
import type { Case } from '@/api/types'
import { ranBetween } from '@/format/workClock'

/** What the clock of a case is counted from. */
export type Clocked = Pick<Case, 'clock_seconds' | 'clock_running' | 'limit_seconds' | 'calendar'>

/** A case and the house time at which the server's clock reading arrived. */
export type HeldCase<T extends Clocked = Case> = T & { received: number }

export function hold<T extends Clocked>(item: T): HeldCase<T> {
  return { ...item, received: houseTime() }
}

/** Seconds on the case's clock now: the server's reading, and what ran since it arrived. */
export function clockSeconds(item: HeldCase<Clocked>, now: number): number {
  const since = item.clock_running ? ranBetween(item.calendar ?? '', item.received, now) / 1000 : 0
  return item.clock_seconds + since
}

/** Seconds until the limit, negative when over; null without a limit. */
export function secondsLeft(item: HeldCase<Clocked>, now: number): number | null {
  return item.limit_seconds === null ? null : item.limit_seconds - clockSeconds(item, now)
}
