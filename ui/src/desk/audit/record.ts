import { reachTitle } from '@/api/administration'
import { areaTitle, kindTitle } from '@/api/district'
import type { AuditRecord } from '@/api/administration'
import type { Rule } from '@/api/types'
import { count } from '@/format/number'
import { timeText } from '@/format/time'
import { known, listed, t, titled, word, type Key } from '@/language'
import { conditionText } from '../rules/condition'

/** Records of the audit chain in words: what was done, to what, and with which values. */

/** The first part of an action names its subject, `user` of `user.add`. */
export function actionText(action: string): string {
  return known(`action.${action}`) ? t(`action.${action}` as Key) : action
}

/** Every action that has a name, by subject. */
export const ACTIONS = [
  'session.open', 'session.refuse', 'session.close', 'access.refuse', 'list.export',
  'user.add', 'user.change', 'user.password', 'user.reset-password', 'token.issue', 'token.end',
  'credential.issue', 'credential.revoke', 'rule.put', 'things.import',
  'class.put', 'class.import', 'department.put', 'calendar.put', 'calendar.declare', 'shift.put', 'shift.delete', 'worker.put',
  'report.import', 'report.file', 'report.move', 'report.rate', 'report.adopt', 'question.answer', 'open311.codes', 'open311.sent',
  'spot-check', 'job.start', 'job.cancel', 'backup.make', 'history.adopt', 'case.adopt',
  'coverage.sites', 'coverage.buildings', 'coverage.drive-test', 'coverage.drive-test.remove', 'scenario.create', 'scenario.change', 'scenario.remove',
  'pole.import', 'pole.mounts-import', 'pole.mount', 'pole.move', 'pole.unmount', 'pole.circuits', 'pole.types', 'pole.take-over',
] as const

/** `GET /api/users/li` as `查看：用户`. */
function requestText(what: string): string {
  const [method, path] = what.split(' ')
  if (!path) return word('refused', what)
  const subject = path.replace('/api/', '').split(/[/?]/)[0] ?? ''
  return t(method === 'GET' ? 'audit.read' : 'audit.write', { what: word('subject', subject) })
}

/** What was done to: a path of the API by its subject, anything else by its name. */
export function objectText(record: AuditRecord): string {
  const detail = detailOf(record)
  if (record.action === 'rule.put' && detail && 'title' in detail) return titled((detail as unknown as Rule).title)
  if (record.object.startsWith('/api/')) return word('subject', record.object.replace('/api/', '').split('/')[0])
  return known(`subject.${record.object}`) ? word('subject', record.object) : record.object
}

type Detail = Record<string, unknown>

function detailOf(record: AuditRecord): Detail | null {
  try {
    const read: unknown = JSON.parse(record.detail || 'null')
    if (Array.isArray(read)) return { items: read }
    return read !== null && typeof read === 'object' ? (read as Detail) : read === null ? null : { value: read }
  } catch {
    return null
  }
}

const WORDS: Record<string, string> = { severity: 'severity', source: 'source', post: 'post', posts: 'post', role: 'role' }

function valueOf(name: string, value: unknown): string {
  if (value === null || value === '') return t(name === 'things' ? 'common.all' : 'common.none')
  if (typeof value === 'boolean') return t(value ? 'common.yes' : 'common.no')
  if (typeof value === 'number') {
    // Unix microseconds of this century: nothing else that is recorded is as large.
    return value > 1e15 ? timeText(value / 1000) : Number.isInteger(value) ? count(value) : String(value)
  }
  if (Array.isArray(value)) return value.length > 5 ? t('audit.nItems', { n: value.length }) : value.length ? listed(value.map((each) => valueOf(name, each))) : t('common.none')
  if (typeof value === 'object') {
    const known = value as { zh?: string; en?: string }
    if (known.zh !== undefined) return titled({ zh: known.zh, en: known.en ?? known.zh })
    return listed(Object.entries(value as Detail).map(([key, each]) => `${fieldText(key)} ${valueOf(key, each)}`))
  }
  const text = String(value)
  if (name === 'area') return titled(areaTitle(text))
  if (name === 'kind') return titled(kindTitle(text))
  return name in WORDS ? word(WORDS[name] as string, text) : text
}

function fieldText(name: string): string {
  return word('audit.field', name)
}

/** The values of a record, each with its name; a whole rule is told by its condition. */
export function detailLines(record: AuditRecord): { name: string; value: string }[] {
  const detail = detailOf(record)
  if (!detail) return []
  const line = (name: string, value: unknown) => ({ name: fieldText(name), value: valueOf(name, value) })
  if (record.action === 'rule.put' && 'condition' in detail) {
    const rule = detail as unknown as Rule
    return [
      line('kind', rule.kind),
      { name: fieldText('condition'), value: conditionText(rule) },
      { name: fieldText('area'), value: titled(reachTitle(rule.area)) },
      line('enabled', rule.enabled),
    ]
  }
  if (Array.isArray(detail.refused)) {
    return (detail.refused as { what: string; name: string; address: string; count: number }[]).map(({ what, name, address, count: n }) => ({
      name: requestText(what),
      value: t('audit.refusedBy', { name: name || t('audit.unknown'), address: address || t('audit.unknown'), n }),
    }))
  }
  return Object.entries(detail)
    .filter(([, value]) => !(Array.isArray(value) && !value.length))
    .map(([name, value]) => (name === 'area' && value === '' ? { name: fieldText(name), value: titled(reachTitle('')) } : line(name, value)))
}

const FAULTS: [RegExp, Key][] = [
  [/^record (\d+) is missing/, 'fault.missing'],
  [/^altered/, 'fault.altered'],
  [/differs from its checkpoint|checkpoint differs/, 'fault.checkpoint'],
  [/^checkpointed record is missing/, 'fault.cut'],
  [/unreadable/, 'fault.unreadable'],
  [/^case (\S+) has (\d+) steps and should have (\d+)/, 'fault.steps'],
  [/^(?:case|report) (\S+) .*is missing/, 'fault.rowMissing'],
  [/^(?:case|report) (\S+) has no link/, 'fault.noLink'],
  [/^(?:case|report) (\S+) was bound by a newer/, 'fault.newer'],
  [/^(?:case|report) (\S+) /, 'fault.rowAltered'],
]

/** A fault of the chain in the words of the page. */
export function faultText({ chain, id, what }: { chain: string; id: number; what: string }): string {
  const where = word('chain', chain)
  for (const [pattern, key] of FAULTS) {
    const match = pattern.exec(what)
    if (match) return `${where}${t('fault.colon')}${t(key, { id: match[1] ?? id, n: id, has: match[2] ?? '', should: match[3] ?? '' })}`
  }
  return `${where}${t('fault.colon')}${what}`
}
