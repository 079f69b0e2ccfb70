import { computed } from 'vue'
import { district } from '@/api/district'
import { houseTime } from '@/api/houseClock'
import { isChinese } from '@/language'
import { ABSENT } from './number'

const zone = computed(() => district.value?.time_zone ?? 'Asia/Shanghai')

const full = computed(
  () =>
    new Intl.DateTimeFormat('sv-SE', {
      timeZone: zone.value,
      dateStyle: 'short',
      timeStyle: 'medium',
    }),
)
const day = computed(() => new Intl.DateTimeFormat('sv-SE', { timeZone: zone.value, dateStyle: 'short' }))

/** Local time of the district, `2026-11-22 18:00:05`. */
export function timeText(time: string | number | null | undefined): string {
  return time === null || time === undefined ? ABSENT : full.value.format(new Date(time))
}

/** `11-22 18:00`, for lists where the year is plain. */
export function shortTime(time: string | number | null | undefined): string {
  return time === null || time === undefined ? ABSENT : timeText(time).slice(5, 16)
}

/** `18:00:05` of today, else with the day. */
export function clockTime(time: string | number | null | undefined): string {
  if (time === null || time === undefined) return ABSENT
  const text = timeText(time)
  return text.slice(0, 10) === today() ? text.slice(11) : text.slice(5)
}

/** The calendar day of the district, `2026-11-22`. */
export function today(): string {
  return day.value.format(houseTime())
}

/** The day of the week in the district, `周一`, `Mon`. */
export function weekday(time: number): string {
  const words = new Intl.DateTimeFormat(isChinese.value ? 'zh-CN' : 'en', { timeZone: zone.value, weekday: 'short' })
  return words.format(time)
}

/** A duration in its two largest parts: `3 小时 20 分`, `3 h 20 min`. */
export function duration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined) return ABSENT
  const whole = Math.max(0, Math.round(seconds))
  const units: [number, string, string][] = [
    [86400, '天', 'd'],
    [3600, '小时', 'h'],
    [60, '分', 'min'],
    [1, '秒', 's'],
  ]
  const first = units.findIndex(([size]) => whole >= size)
  if (first < 0) return isChinese.value ? '0 秒' : '0 s'
  let rest = whole
  const parts: string[] = []
  for (const [size, zh, en] of units.slice(first, first + 2)) {
    const n = Math.floor(rest / size)
    rest -= n * size
    if (n > 0) parts.push(`${n} ${isChinese.value ? zh : en}`)
  }
  return parts.join(' ')
}

/** A running clock, `27:03:09` with hours that may pass 24. */
export function stopwatch(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds))
  const two = (n: number) => String(n).padStart(2, '0')
  return `${two(Math.floor(whole / 3600))}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`
}

/** How long ago, `3 小时 20 分前`, by the clock of the house. */
export function ago(time: string | null | undefined, now: number): string {
  if (!time) return ABSENT
  const text = duration((now - Date.parse(time)) / 1000)
  return isChinese.value ? `${text}前` : `${text} ago`
}

/** Midnight of a calendar day of the district, `2026-11-22`, in Unix milliseconds. */
export function midnight(of: string): number {
  const noon = Date.parse(`${of}T12:00:00Z`)
  // The local hour at noon in UTC gives the offset of the zone on that day.
  const local = timeText(noon)
  const ahead = local.slice(0, 10) === of ? 0 : local.slice(0, 10) > of ? 24 : -24
  return noon - (Number(local.slice(11, 13)) + ahead) * 3600_000
}

/** Start of the day of the district that is `days` from today, in Unix milliseconds. */
export function dayStart(days = 0): number {
  return midnight(new Date(Date.parse(`${today()}T00:00:00Z`) + days * 86_400_000).toISOString().slice(0, 10))
}
