import type { Case } from '@/api/types'

/** A case and the moment at which the server's clock reading arrived. */
export type HeldCase<T extends Case = Case> = T & { received: number }

export function hold<T extends Case>(item: T): HeldCase<T> {
  return { ...item, received: Date.now() }
}

/** Seconds on the case's clock now: the server's reading, and what ran since it arrived. */
export function clockSeconds(item: HeldCase, now: number): number {
  const since = item.clock_running ? Math.max(0, now - item.received) / 1000 : 0
  return item.clock_seconds + since
}

/** Seconds until the limit, negative when over; null without a limit. */
export function secondsLeft(item: HeldCase, now: number): number | null {
  return item.limit_seconds === null ? null : item.limit_seconds - clockSeconds(item, now)
}
