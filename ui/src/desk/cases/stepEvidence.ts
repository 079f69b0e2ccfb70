import { calendarTitle, departmentTitle } from '@/api/classes'
import type { Title } from '@/api/types'
import { decimal, percent } from '@/format/number'
import { duration, timeText } from '@/format/time'
import { listed, t, titled, word, type Key } from '@/language'

/** What a step of a case rests on, in words. What has no words here (numbers of events and rules,
 *  logarithms of odds) is for programs and stands in the answer of the server, not on the page. */

type Show = (value: never) => string

const text = (value: unknown): string => (typeof value === 'string' || typeof value === 'number' ? String(value) : '')
const title = (value: Partial<Title> | null): string => (value?.zh !== undefined && value.en !== undefined ? titled(value as Title) : '')
const names = (value: unknown): string => (Array.isArray(value) ? listed(value.map(String)) : text(value))
const chance = (value: number): string => percent(value, value < 0.01 ? 2 : 0)

const WORDS: Record<string, [label: Key, show: Show]> = {
  assignee: ['case.assignee', text],
  department: ['cases.department', (code: string) => departmentTitle(code)],
  calendar: ['step.calendar', (name: string) => calendarTitle(name)],
  channel: ['step.channel', (name: string) => word('channel', name)],
  report: ['step.report', text],
  reports: ['case.reports', names],
  closing: ['case.closing', (met: boolean) => t(met ? 'common.yes' : 'common.no')],
  parent: ['urban.mergedInto', text],
  merged: ['urban.merged', text],
  unmerged: ['step.unmerged', text],
  split_from: ['step.splitFrom', text],
  value: ['step.value', (value: number) => decimal(value, 2)],
  limit: ['step.limit', (value: number) => decimal(value, 2)],
  relation: ['case.relation', title],
  node: ['case.node', title],
  members: ['case.members', text],
  arrive_at: ['step.arriveAt', (time: string) => timeText(time)],
  late_seconds: ['step.late', (seconds: number) => (seconds > 0 ? duration(seconds) : '')],
  posterior: ['step.posterior', chance],
  error_bound: ['step.errorBound', chance],
  bound: ['step.bound', chance],
  looks: ['step.looks', (looks: unknown[]) => String(looks.length)],
}

/** The facts of a step in a row; "" when there is none for people. */
export function evidenceText(evidence: Record<string, unknown> | null): string {
  const found: string[] = []
  const { set, text: written, ...others } = evidence ?? {}
  if (typeof written === 'string' && written) found.push(written)
  for (const [name, value] of Object.entries({ ...(set as object), ...others })) {
    const known = WORDS[name]
    const shown = known && value !== null ? known[1](value as never) : ''
    if (known && shown) found.push(t('common.labelled', { label: t(known[0]), value: shown }))
  }
  return found.join(t('common.semicolon'))
}
