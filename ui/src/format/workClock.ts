import { shallowRef } from 'vue'
import { get } from '@/api/request'
import type { WorkYear } from '@/api/urban'
import { timeText } from './time'

/** Whether the clock of a limit runs at a moment: office hours of working days, or always. */

const DAY_MS = 86_400_000
const year = shallowRef<WorkYear | null>(null)
let asked = 0

async function learn(of: number): Promise<void> {
  if (asked === of) return
  asked = of
  try {
    year.value = await get<WorkYear>('/api/calendar', { year: of })
  } catch {
    // Without a calendar every hour counts until the next reading of the case.
  }
}

function working(day: string, weekday: number): boolean {
  const stated = year.value?.days.find((item) => item.day === day)
  return stated ? stated.working : weekday !== 0 && weekday !== 6
}

/** Spans of a day of the district in which the calendar runs, in milliseconds since its midnight. */
function spans(calendar: string, day: string, weekday: number): [number, number][] {
  if (!working(day, weekday)) return []
  if (calendar === 'work-days') return [[0, DAY_MS]]
  return (year.value?.hours ?? [[0, 24]]).map(([from, to]) => [from * 3600_000, to * 3600_000])
}

/** Milliseconds that a calendar ran between two moments of the house. */
export function ranBetween(calendar: string, from: number, to: number): number {
  if (to <= from) return 0
  if (calendar !== 'work-hours' && calendar !== 'work-days') return to - from
  const local = timeText(from)
  void learn(Number(local.slice(0, 4)))
  if (!year.value) return to - from
  const [hour, minute, second] = local.slice(11).split(':').map(Number) as [number, number, number]
  let midnight = from - ((hour * 60 + minute) * 60 + second) * 1000 - (from % 1000)
  let ran = 0
  for (; midnight < to; midnight += DAY_MS) {
    const day = timeText(midnight + DAY_MS / 2).slice(0, 10)
    for (const [start, end] of spans(calendar, day, new Date(`${day}T00:00:00Z`).getUTCDay())) {
      ran += Math.max(0, Math.min(to, midnight + end) - Math.max(from, midnight + start))
    }
  }
  return ran
}

/** True when the clock of a calendar stands still because nobody works now. */
export function offHours(calendar: string, now: number): boolean {
  return ranBetween(calendar, now, now + 1000) === 0
}
