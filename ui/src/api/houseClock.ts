import { onScopeDispose, ref, shallowRef } from 'vue'
import { get } from './request'

/** The clock of the house. A simulated district may run faster than the clock of the reader, and a
 *  phone's clock may be wrong: ages and countdowns are counted against this one. */

interface Reading {
  /** House time in Unix milliseconds when it was read. */
  house: number
  /** The browser's clock at the same moment. */
  local: number
  /** House seconds in a second. */
  speed: number
}

/** What the house says of itself beside its time. */
export interface HouseState {
  /** House seconds in a second that were asked for; `speed` is less while it cannot keep up. */
  wanted: number
  /** Real seconds that what comes in waits for its commit. */
  behind: number
  /** Nothing is stored, as on a full disk. */
  readOnly: boolean
}

interface Answer {
  now: string
  speed: number
  wanted_speed: number
  behind_seconds: number
  read_only: boolean
}

const STORED = 'xinji-clock'
const READ_MS = 60_000
const HOLD_MS = 3_600_000

function last(): Reading {
  try {
    const kept = JSON.parse(localStorage.getItem(STORED) ?? '') as Reading
    if (Number.isFinite(kept.house) && Number.isFinite(kept.local) && kept.speed > 0) return kept
  } catch {
    // Nothing kept, or not ours: the browser's clock until the first answer.
  }
  return { house: Date.now(), local: Date.now(), speed: 1 }
}

let reading = last()

/** House seconds in one second of the reader. */
export const speed = ref(reading.speed)

/** Null until the house has answered. */
export const houseState = shallowRef<HouseState | null>(null)

/** House time now, in Unix milliseconds. */
export function houseTime(): number {
  return reading.house + (Date.now() - reading.local) * reading.speed
}

/** House time, once a second, for what counts live. */
export const now = ref(houseTime())

/** A clock that was slowed down is ahead of what it reads next: it stands still and does not run back. */
function tick(): void {
  const read = houseTime()
  if (!houseState.value || read > now.value || now.value - read > HOLD_MS) now.value = read
}

/** Asks the house for its time. Keeps the last reading when the house does not answer. */
export async function readClock(): Promise<void> {
  const asked = Date.now()
  try {
    const answer = await get<Answer>('/api/clock', {}, undefined, true)
    const came = Date.now()
    // The house read its clock about halfway between question and answer.
    reading = { house: Date.parse(answer.now) + ((came - asked) / 2) * answer.speed, local: came, speed: answer.speed }
    speed.value = answer.speed
    tick()
    houseState.value = { wanted: answer.wanted_speed, behind: answer.behind_seconds, readOnly: answer.read_only }
    localStorage.setItem(STORED, JSON.stringify(reading))
  } catch {
    // Offline: the last reading runs on.
  }
}

let users = 0
let ticking: ReturnType<typeof setInterval> | undefined
let asking: ReturnType<typeof setInterval> | undefined
const onReturn = () => void (document.visibilityState === 'visible' && readClock())

/** The clock of the house for as long as the calling scope lives, asked every `readMs`. */
export function useHouseClock(readMs = READ_MS) {
  if (users++ === 0) {
    void readClock()
    ticking = setInterval(tick, 1000)
    asking = setInterval(() => void readClock(), readMs)
    document.addEventListener('visibilitychange', onReturn)
  }
  onScopeDispose(() => {
    if (--users > 0) return
    clearInterval(ticking)
    clearInterval(asking)
    document.removeEventListener('visibilitychange', onReturn)
  })
  return { now, speed, houseTime }
}
