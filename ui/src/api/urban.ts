/** Urban cases, as docs/urban-cases.md writes them. Times are RFC 3339 in UTC, places WGS-84 degrees. */

import { get } from './request'
import type { Case, CaseAction, CaseDetail, Severity, Source, Title } from './types'

export type Channel = 'camera' | 'sensor' | 'patrol' | '12345' | '110' | 'open311' | 'resident'
export const CHANNELS: readonly Channel[] = ['12345', '110', 'patrol', 'camera', 'sensor', 'resident', 'open311']

export type Calendar = 'emergency-hours' | 'work-hours' | 'work-days' | 'natural-days'
export const CALENDARS: readonly Calendar[] = ['emergency-hours', 'work-hours', 'work-days', 'natural-days']

export type PhotoKind = 'scene' | 'before' | 'after' | 'near' | 'far' | 'look'

export interface StoredPhoto {
  id: string
  media_type: string
  bytes: number
  width: number
  height: number
  screened: boolean
  taken_at: string
}

export interface CasePhoto {
  id: string
  kind: PhotoKind
  taken_at: string
  step: number | null
  thing: string
  screened: boolean
  report: string | null
  longitude: number | null
  latitude: number | null
}

export interface Report {
  id: string
  channel: Channel
  case_class: string
  class_title: Title
  class_confidence: number
  text: string
  address: string
  longitude: number
  latitude: number
  area: string
  happened_at: string
  received_at: string
  photos: string[]
  thing: string
  confidence: number | null
  case: string | null
  disposition: 'filed' | 'merged' | 'asked' | 'attached' | 'split'
  score: number | null
  rating: number | null
  urgency: string
  source: Source
}

/** What is sent to the one door. */
export interface ReportBody {
  client_id: string
  channel: Channel
  case_class?: string
  condition?: string
  text?: string
  address?: string
  longitude: number
  latitude: number
  place_error_m?: number
  happened_at?: string
  photos?: string[]
  urgency?: string
  external_id?: string
  contact?: { name: string; phone: string }
}

export interface ReportAnswer {
  report: string
  case: string
  disposition: 'filed' | 'merged' | 'asked'
  score: number | null
  case_class: string
  class_title: Title
  class_confidence: number
  address: string
  follow_code: string
  state: string
}

export interface TextReading {
  classes: { case_class: string; title: Title; confidence: number }[]
  place: { name: string; longitude: number; latitude: number; confidence: number } | null
  urgency: string
  urgency_confidence: number
}

export interface NearCase {
  case: string
  title: Title
  class_title: Title
  state: string
  state_title?: Title
  distance_m: number
  opened_at: string
  reports?: number
  log_odds: number | null
}

export interface RowError {
  row: number
  field: string
  rule: string
}

export interface ImportAnswer {
  dry_run?: boolean
  accepted: number
  merged: number
  repeated: number
  errors: RowError[]
}

export interface Question {
  id: number
  report: Report
  case: Pick<Case, 'id' | 'title' | 'case_class' | 'state' | 'stage' | 'opened_at' | 'longitude' | 'latitude'> & { reports: Report[] }
  score: number
  reasons: Record<string, number>
  asked_at: string
}

export interface ClassOfCase {
  code: string
  title: Title
  big: Title
  department: Title | string
  skill: string
  closing: Title | null
  condition_title: Title | null
  limit: { amount: number; calendar: Calendar } | null
  verified: boolean
}

export interface Look {
  id: number
  round: number
  thing: string
  thing_name: string
  asked_at: string
  due_at: string
  answered_at: string | null
  verdict: 'present' | 'absent' | 'blind' | 'expired' | null
  score: number | null
  posterior: number | null
  photo: string | null
  model: string
}

export interface ClockSpan {
  from: string
  to: string | null
  running: boolean
  seconds: number
  /** What the clock of the limit ran in it; less than `seconds` outside working hours. */
  counted_seconds?: number
  reason: Title
}

export interface Proposal {
  proposed: string | null
  explanation: Title
  alternatives: { worker: string; name?: string; minutes: number; late_minutes: number }[]
}

export interface UrbanDetail extends CaseDetail {
  address: string
  class: ClassOfCase | null
  reports_list: Report[]
  photos: CasePhoto[]
  looks: Look[]
  recheck: { posterior: number | null; bound: number; explanation?: Title; most_looks?: number } | null
  clock_story: ClockSpan[]
  dispatch: Proposal | null
  merged: string[]
  spot_check: { asked_at: string; answered_at: string | null; still_there: boolean | null } | null
}

/** A case with what city operation adds to it; null for a case of another type. */
export function asUrban(item: CaseDetail | null | undefined): UrbanDetail | null {
  const own = item?.details.operations
  return item && own ? ({ ...item, ...own } as UrbanDetail) : null
}

/** A case as the phone shows it; what city operation adds is missing in a case of another type. */
export async function readCase(id: string, signal?: AbortSignal, quiet = false): Promise<UrbanDetail> {
  const item = await get<CaseDetail>(`/api/cases/${encodeURIComponent(id)}`, {}, signal, quiet)
  return { ...item, ...item.details.operations } as UrbanDetail
}

/** A case as a person on the street needs it. */
export interface Task
  extends Pick<
    Case,
    | 'id' | 'title' | 'case_class' | 'class_title' | 'condition' | 'state' | 'state_title' | 'stage' | 'severity' | 'longitude' | 'latitude'
    | 'number' | 'assignee' | 'area' | 'opened_at' | 'due_at' | 'limit_seconds' | 'clock_seconds' | 'clock_running' | 'calendar' | 'overdue' | 'supervised' | 'reports' | 'source'
  > {
  closing: Title | null
  address?: string
  distance_m: number | null
  actions: CaseAction[]
  /** Of a check: what is asked. */
  check?: 'checking' | 'reviewing' | 'spot-check'
}

export interface Mine {
  items: Task[]
  route: string[]
}

export interface Worker {
  person: string
  department: string
  skills: string[]
  longitude: number | null
  latitude: number | null
  seen_at: string | null
  on_duty: boolean
  open_cases: number
}

export interface WorkPlan {
  made_at: string | null
  workers: { person: string; route: { case: string; arrive_at: string; due_at: string | null }[]; travel_m: number }[]
  unserved: { case: string; reason: string | Title }[]
  mean_wait_seconds: number | null
  late?: number
  travel_m?: number
  on_time?: number | null
}

export interface DispatchAnswer {
  dispatched: { case: string; worker: string; explanation: Title }[]
  left: { case: string; reason: string | Title }[]
}

export interface Shift {
  id?: number
  person: string
  post: string
  starts_at: string
  ends_at: string
}

export interface Condition {
  id: string
  title: Title
  amount: number
  calendar: Calendar
  closing: Title
  verified: boolean
}

export interface UrbanClass {
  code: string
  family: string
  big: Title
  title: Title
  department: string
  skill: string
  problem: string
  severity: Severity
  enabled: boolean
  excluded: { areas?: string[]; hours?: [number, number][] }
  evidence: string[]
  standard: string
  verified: boolean
  conditions: Condition[]
}

export interface Department {
  code: string
  title: Title
  level: string
  skills: string[]
  enabled?: boolean
}

export interface WorkYear {
  year: number
  known: boolean
  hours: [number, number][]
  days: { day: string; working: boolean; note: string }[]
}

export interface EvaluationRow {
  key: string
  title: Title
  counts: Record<string, number>
  rates: Record<string, number | null>
  score: number | null
  grade: string | null
}

export interface Definition {
  name: string
  title: Title
  formula: string | Title
  /** Less is better. */
  down?: boolean
}

export interface Evaluation {
  rows: EvaluationRow[]
  definitions: Definition[]
  /** False: weights and cut-offs were not read in the standard's own text. */
  verified?: boolean
  /** Minutes that each stage may take. */
  stage_minutes?: Record<string, number | boolean>
}

export interface UnderReporting {
  area: string
  title: Title
  rate_per_day: number | null
  lower: number | null
  upper: number | null
  incidents: number
  reports: number
}

export interface Waiting {
  area: string
  title: Title
  cases: number
  median_hours: number | null
  p90_hours: number | null
  /** Against the median of the same classes in the district, with its 95 % interval. */
  ratio: number | null
  lower?: number | null
  upper?: number | null
  open?: number
}

export interface WaitingAnswer {
  items: Waiting[]
  /** P-value of the test that areas wait alike. */
  alike_p?: number | null
}

export interface Followed {
  case_class_title: Title
  address: string
  stage: string
  state_title: Title
  received_at: string
  closed_at: string | null
  steps: { at: string; title: Title }[]
  rating: number | null
  photos_after: string[]
}

export interface PublicClass {
  code: string
  title: Title
  big?: Title
}
