import { areas, areaTitle } from './district'
import { session } from './session'
import type { AreaProperties, Role, Source, Title } from './types'

/** What administrators see of accounts, sessions, devices; docs/api.md says what each field is. */

export interface Account {
  name: string
  role: Role
  area: string
  disabled: boolean
  must_change_password: boolean
  created_at: string
  posts: string[]
  department: string
  sessions: number
  tokens: number
}

export interface Token {
  id: string
  kind: 'session' | 'token'
  label: string
  created_at: string
  last_used_at: string | null
  expires_at: string
}

/** How many were ended by a change. */
export interface Ended {
  sessions: number
  tokens: number
}

export interface Credential {
  name: string
  things: string[]
  source: Source
  area: string
  created_at: string
}

/** A link of the audit chain; `detail` is JSON, empty when there is nothing to tell. */
export interface AuditRecord {
  id: number
  at: string
  actor: string
  action: string
  object: string
  detail: string
  hash: string
}

export interface Refusal {
  id: number
  at: string
  sender: string
  reason: string
  detail: string
}

export interface RefusalCounts {
  total: number
  by_reason: { reason: string; count: number }[]
  by_sender: { sender: string; count: number }[]
  /** Requests that a fault of the program ended, since its start. */
  failures: { route: string; count: number }[]
}

/** Why an observation is refused. */
export const REASONS = ['unknown-thing', 'unknown-property', 'not-permitted', 'malformed', 'bad-time', 'future', 'not-finite', 'out-of-range', 'wrong-unit', 'too-many']

export const SOURCES: Source[] = ['measured', 'replayed', 'simulated']
export const ROLES: Role[] = ['viewer', 'operator', 'administrator']
export const POSTS = ['inspector', 'intake', 'shift-leader', 'dispatcher', 'department', 'worker', 'leader']
/** 1 to 64 letters, digits, `.`, `_` or `-`: the server's rule for names. */
export const NAME = /^[\p{L}\p{N}._-]{1,64}$/u

const WHOLE: Title = { zh: '全区', en: 'Whole district' }

/** Where an account or a credential reaches; nothing is the whole district. */
export function reachTitle(area: string): Title {
  return area ? areaTitle(area) : WHOLE
}

/** The areas that somebody made by this person may have. */
export function areasToGive(): Pick<AreaProperties, 'code' | 'title'>[] {
  const mine = session.value?.area ?? ''
  const inside = areas.value.filter((area) => area.level !== 'district' && area.code.startsWith(mine))
  return mine ? inside : [{ code: '', title: WHOLE }, ...inside]
}

/** Whether a person has at least a role. */
export function covers(role: Role | undefined): boolean {
  return !role || ROLES.indexOf(session.value?.role ?? 'viewer') >= ROLES.indexOf(role)
}
