import { computed, shallowRef } from 'vue'
import { isChinese, titled, word } from '@/language'
import { get, type Filter } from './request'
import type { Page } from './types'
import type { Calendar, Condition, Department, UrbanClass } from './urban'

/** Classes of urban cases and the departments that handle them, read once per sign-in. */
export const classes = shallowRef<UrbanClass[]>([])
export const departments = shallowRef<Department[]>([])

let reading: Promise<void> | null = null

/** Lists come as pages; classes and departments of a city fit into one. */
export async function all<T>(path: string, filter: Filter = {}): Promise<T[]> {
  const answer = await get<Partial<Page<T>> & { rows?: T[] } | T[]>(path, { ...filter, limit: 1000 })
  return Array.isArray(answer) ? answer : (answer.items ?? answer.rows ?? [])
}

async function ask(): Promise<void> {
  const [read, offices] = await Promise.all([all<UrbanClass>('/api/classes'), all<Department>('/api/departments')])
  classes.value = read
  departments.value = offices
}

/** Reads both unless they are known; `again` after an edit. */
export function readClasses(again = false): Promise<void> {
  if (again) reading = null
  reading ??= ask().catch((error: unknown) => {
    reading = null
    throw error
  })
  return reading
}

const byCode = computed(() => new Map(classes.value.map((item) => [item.code, item])))
const officeTitles = computed(() => new Map(departments.value.map((item) => [item.code, item.title])))

export function urbanClass(code: string): UrbanClass | undefined {
  return byCode.value.get(code)
}

/** The name of a department; its code while the list is not read. */
export function departmentTitle(code: string | null | undefined): string {
  const title = officeTitles.value.get(code ?? '')
  return title ? titled(title) : (code ?? '')
}

const UNIT: Record<Calendar, [zh: string, en: string]> = {
  'emergency-hours': ['紧急工作时', 'emergency hours'],
  'work-hours': ['工作时', 'working hours'],
  'work-days': ['工作日', 'working days'],
  'natural-days': ['自然日', 'calendar days'],
}

/** `4 个工作时`, `4 working hours`. */
export function limitText(limit: Pick<Condition, 'amount' | 'calendar'> | null | undefined): string {
  if (!limit) return ''
  const unit = UNIT[limit.calendar]
  if (!unit) return `${limit.amount} ${limit.calendar}`
  return isChinese.value ? `${limit.amount} 个${unit[0]}` : `${limit.amount} ${unit[1]}`
}

export function calendarTitle(name: string | undefined): string {
  return word('calendar', name)
}

/** Classes by family and big class, in the order of their codes, for a chooser. */
export const classTree = computed(() => {
  const groups = new Map<string, { key: string; family: string; title: UrbanClass['big']; classes: UrbanClass[] }>()
  for (const item of [...classes.value].sort((a, b) => a.code.localeCompare(b.code))) {
    const key = `${item.family}/${item.big.zh}`
    const group = groups.get(key) ?? { key, family: item.family, title: item.big, classes: [] }
    group.classes.push(item)
    groups.set(key, group)
  }
  return [...groups.values()]
})
