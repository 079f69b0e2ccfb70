/** What the server says, as docs/api.md writes it. Times are RFC 3339 in UTC. */

export interface Title {
  zh: string
  en: string
}

export type Source = 'measured' | 'replayed' | 'simulated'
export type ThingState = 'good' | 'alarm' | 'silent' | 'no data' | 'not reporting' | 'stale'
export type Light = 'ahead' | 'on path' | 'behind' | 'no data'
export type Severity = 'critical' | 'major' | 'minor' | 'warning'
export type Role = 'viewer' | 'operator' | 'administrator'

/** RFC 9457, `application/problem+json`. */
export interface Problem {
  type: string
  title: string
  status: number
  detail?: string
  field?: string
  rule?: string
}

export interface Page<T> {
  items: T[]
  next: string | null
  total: number
}

export interface Session {
  name: string
  role: Role
  area: string
  must_change_password: boolean
  posts?: string[]
  department?: string
}

export interface Property {
  name: string
  title: Title
  unit: string
  minimum: number | null
  maximum: number | null
  states: Title[]
  expected_seconds: number | null
  decimals: number
}

export interface Attribute {
  name: string
  title: Title
  type: 'text' | 'number' | 'integer' | 'boolean'
  unit: string
}

export interface Kind {
  name: string
  title: Title
  icon: string
  things: number
  properties: Property[]
  attributes: Attribute[]
}

export interface System {
  name: string
  title: Title
  tasks: number[]
  grade: 'bronze' | 'silver' | 'gold'
  kinds: string[]
}

export interface SystemFamily {
  name: string
  title: Title
  systems: System[]
}

export interface CaseState {
  name: string
  title: Title
  stage: string
  clock: 'run' | 'pause' | 'stop'
  final: boolean
}

export interface CaseType {
  name: string
  title: Title
  states: CaseState[]
  actions: { name: string; title: Title; source: string[]; target: string | null }[]
}

export interface CaseClass {
  name: string
  title: Title
  type: string
}

export interface RuleName {
  id: string
  title: Title
  severity: Severity
}

export type ConditionType = 'threshold' | 'out-of-range' | 'rate-of-change' | 'stuck' | 'silence' | 'count-in-area' | 'deviation'

/** Which fields a type has is in docs/rules.md; values in the unit of the property, times in seconds. */
export interface Condition {
  type: ConditionType
  op?: string
  limit?: number
  clear?: number | null
  low?: number
  high?: number
  limit_per_minute?: number
  seconds?: number
  tolerance?: number
  least?: number
  level?: string
  factor?: number
  hold_seconds?: number
  clear_hold_seconds?: number
}

/** A condition on a property of a kind, and what becomes of the event. */
export interface Rule extends RuleName {
  kind: string
  property: string
  condition: Condition
  case_class: string
  area: string
  things: string[]
  /** The declaring system, or `operator` when it was entered. */
  system: string
  enabled: boolean
}

/** What a rule would have found in the last days; `by_day` by the district's days. */
export interface RulePreview {
  from: string
  to: string
  rows: number
  complete: boolean
  series: number
  episodes: number
  things: number
  seconds: { total: number; median: number | null; longest: number | null }
  by_day: Record<string, number>
  present: number
  items: {
    thing: string
    thing_name: string
    area: string
    started_at: string
    ended_at: string | null
    seconds: number
    value: number
    extreme: number
    limit: number
  }[]
}

export interface District {
  name: string
  title: Title
  code: string
  illustrative: boolean
  time_zone: string
  center: [number, number]
  bounds: [number, number, number, number]
  simulated: boolean
  families: SystemFamily[]
  kinds: Kind[]
  case_types: CaseType[]
  case_classes: CaseClass[]
  rules: RuleName[]
}

export interface AreaProperties {
  code: string
  level: string
  title: Title
  parent: string | null
  area_km2: number | null
}

export interface Thing {
  id: string
  kind: string
  name: string
  longitude: number
  latitude: number
  area: string
  owner: string
  attributes: Record<string, string | number | boolean | null>
  source: Source
  state: ThingState
  last_seen: string | null
  open_events: number
  open_cases: number
  retired_at: string | null
}

export interface Latest {
  property: string
  time: string
  value: number
  quality: string
  source: Source
  unit: string
  /** Too old to be shown as live, by the server's judgement when it was read. */
  stale?: boolean
}

export interface ThingDetail extends Thing {
  latest: Latest[]
}

export interface RawSeries {
  property: string
  unit: string
  step: 'raw'
  columns: { time: string[]; value: number[] }
}

export interface StepSeries {
  property: string
  unit: string
  step: string
  columns: { time: string[]; mean: number[]; min: number[]; max: number[]; count: number[] }
}

export interface EventItem {
  id: string
  rule: string
  title: Title
  thing: string
  thing_name: string
  area: string
  started_at: string
  detected_at: string
  ended_at: string | null
  severity: Severity
  value: number | null
  extreme: number | null
  limit: number | null
  source: Source
  case: string | null
}

export interface Case {
  id: string
  number: string
  type: string
  case_class: string
  class_title: Title
  state: string
  state_title: Title
  stage: string
  title: Title
  thing: string
  thing_name: string
  longitude: number | null
  latitude: number | null
  area: string
  severity: Severity
  opened_at: string
  due_at: string | null
  closed_at: string | null
  outcome: string | null
  assignee: string | null
  department: string
  overdue: boolean
  clock_seconds: number
  clock_running: boolean
  limit_seconds: number | null
  /** Of a supervision case: the indicator of the plan that is behind. */
  indicator?: string | null
  source: Source
  condition?: string
  calendar?: string
  level?: string
  parent?: string | null
  exempt?: boolean
  supervised?: boolean
  reopened?: number
  channel?: string
  reports?: number
}

export interface CaseStep {
  number: number
  at: string
  action: string
  action_title: Title
  from_state: string
  to_state: string
  to_title: Title
  actor: string
  role: string
  note: string
  evidence: Record<string, unknown>
  hash: string
}

export interface CaseAction {
  name: string
  title: Title
  /** `note`, `assignee`, `evidence`, or a field of the evidence. */
  requires: string[]
  /** Columns of the case that may come with the action. */
  sets?: string[]
}

export interface CaseDetail extends Case {
  steps: CaseStep[]
  /** Open ones first, at most 200. */
  events: EventItem[]
  event_counts: { total: number; open: number }
  actions: CaseAction[]
  /** What systems add to their own cases, by their package. */
  details: Record<string, object>
}

export interface Indicator {
  id: string
  title: Title
  clause: string
  promise: Title
  unit: string
  target: number | null
  op: string
  due: string | null
  path: 'linear' | 'step' | 'cumulative'
  baseline: { date: string; value: number } | null
  required_today: number | null
  value: number | null
  status: Light
  source: Source | null
  direction: string
  decimals: number
  /** Why the figure could not be computed, in the words of the engine. */
  fault?: string
}

export interface PlanTask {
  number: number
  name: string
  title: Title
  family: string
  systems: string[]
  indicators: Indicator[]
}

export interface ExistingSystem {
  number: number
  title: Title
  clause: string
  facts: Title
}

export interface Plan {
  id: string
  title: Title
  as_of: string
  computed_at: string
  families: { name: string; title: Title }[]
  existing: ExistingSystem[]
  tasks: PlanTask[]
  lights: Record<Light, number>
}

export interface IndicatorCard extends Indicator {
  /** Null, as is the lineage, while no system declares the indicator. */
  sql: string | null
  lineage: { tables: string[]; value_columns: string[]; filter_columns: string[] } | null
  rows: { columns: string[]; rows: unknown[][]; total: number }
  history: { date: string[]; value: (number | null)[]; required: (number | null)[] }
  last_change: string | null
  case: string | null
}

export type StateCounts = Record<ThingState, number> & { total: number }

export interface Stored {
  stored: number
  refused: number
  per_second: number
  last_at: string | null
}

export interface Freshness {
  kind: string
  expected_seconds: number | null
  median_age_seconds: number | null
  p95_age_seconds: number | null
  fresh_share: number | null
}

export interface Overview {
  things: StateCounts
  by_kind: (StateCounts & { kind: string })[]
  observations: Stored
  cases: {
    open: number
    overdue: number
    opened_today: number
    closed_today: number
    by_stage: Record<string, number>
  }
  events: { open: number }
  freshness: Freshness[]
  lights: Record<Light, number>
}

export interface LatestChange {
  thing: string[]
  property: string[]
  value: number[]
  time: string[]
}
