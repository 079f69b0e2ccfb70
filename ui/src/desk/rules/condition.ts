import { propertyOf } from '@/api/district'
import type { Condition, ConditionType, Property, Rule } from '@/api/types'
import { decimal, measured, valueText } from '@/format/number'
import { duration } from '@/format/time'
import { listed, t, titled, word, type Key } from '@/language'

/** The fields of each type of condition, as docs/rules.md lists them, and how each is entered. */
export interface Field {
  name: Exclude<keyof Condition, 'type'>
  /** `value` is in the unit of the property, `span` a number of it, `seconds` a duration. */
  as: 'op' | 'value' | 'span' | 'seconds' | 'number' | 'level'
  optional?: boolean
}

const op: Field = { name: 'op', as: 'op' }
const hold: Field[] = [
  { name: 'hold_seconds', as: 'seconds' },
  { name: 'clear_hold_seconds', as: 'seconds' },
]
export const FIELDS: Record<ConditionType, Field[]> = {
  threshold: [op, { name: 'limit', as: 'value' }, { name: 'clear', as: 'value', optional: true }, ...hold],
  'out-of-range': [{ name: 'low', as: 'value' }, { name: 'high', as: 'value' }, ...hold],
  'rate-of-change': [{ name: 'limit_per_minute', as: 'span' }, ...hold],
  stuck: [{ name: 'seconds', as: 'seconds' }, { name: 'tolerance', as: 'span' }],
  silence: [{ name: 'seconds', as: 'seconds' }],
  'count-in-area': [op, { name: 'limit', as: 'value' }, { name: 'least', as: 'number' }, { name: 'level', as: 'level' }],
  deviation: [{ name: 'factor', as: 'number' }, { name: 'least', as: 'span' }, ...hold],
}
export const TYPES = Object.keys(FIELDS) as ConditionType[]
export const OPS: Record<string, string> = { '>=': '≥', '>': '>', '<=': '≤', '<': '<' }
export const LEVELS = ['subdistrict', 'committee']

/** A condition of a type with what the server would assume, to be filled in. */
export function freshCondition(type: ConditionType): Condition {
  const assumed: Partial<Condition> = { op: '>=', hold_seconds: 0, clear_hold_seconds: 0, tolerance: 0, factor: 4, level: 'subdistrict' }
  const made: Condition = { type }
  for (const { name } of FIELDS[type]) if (name in assumed) Object.assign(made, { [name]: assumed[name] })
  return made
}

export function fieldTitle(type: ConditionType, name: Field['name']): string {
  const own = word('condition', `${name}.${type}`)
  return own === `${name}.${type}` ? word('condition', name) : own
}

/** Names of what is not filled in yet. */
export function missing(condition: Condition): string[] {
  return FIELDS[condition.type]
    .filter(({ name, optional }) => !optional && (condition[name] === undefined || condition[name] === null))
    .map(({ name }) => fieldTitle(condition.type, name))
}

function span(value: number | undefined, property: Property | undefined): string {
  return measured(value, property?.unit ?? '', property?.decimals ?? 2)
}

const COMPARE: Record<string, (value: number, limit: number) => boolean> = {
  '>=': (value, limit) => value >= limit,
  '>': (value, limit) => value > limit,
  '<=': (value, limit) => value <= limit,
  '<': (value, limit) => value < limit,
}

/** The names of the states that a threshold means: nobody says "less than normal". */
function statesMeant({ op: sign = '', limit = 0 }: Condition, property: Property): string {
  const meant = property.states.filter((_, index) => COMPARE[sign]?.(index, limit))
  return listed(meant.map(titled))
}

/** The same rule with a state as its limit: half of a state is none that a person could choose. */
export function inWholeStates(rule: Rule): Rule {
  const { op: sign = '', limit } = rule.condition
  if (!propertyOf(rule.kind, rule.property)?.states.length || limit === undefined || Number.isInteger(limit)) return rule
  const below = sign.startsWith('<')
  return { ...rule, condition: { ...rule.condition, op: below ? '<=' : '>=', limit: below ? Math.floor(limit) : Math.ceil(limit) } }
}

/** A condition in words, with the units of the property. */
export function conditionText({ condition, kind, property: name }: Pick<Rule, 'condition' | 'kind' | 'property'>): string {
  const property = propertyOf(kind, name)
  const value = (number: number | null | undefined) => valueText(number, property)
  const { type } = condition
  const states = type === 'threshold' && property?.states.length ? statesMeant(condition, property) : ''
  const said = states ? t('condition.text.states', { states }) : t(`condition.text.${type}` as Key, {
    op: OPS[condition.op ?? ''] ?? '',
    limit: type === 'rate-of-change' ? span(condition.limit_per_minute, property) : value(condition.limit),
    low: value(condition.low),
    high: value(condition.high),
    time: duration(condition.seconds),
    tolerance: span(condition.tolerance, property),
    least: type === 'deviation' ? span(condition.least, property) : decimal(condition.least, 0),
    level: word('level', condition.level),
    factor: decimal(condition.factor, Number.isInteger(condition.factor) ? 0 : 1),
  })
  return condition.hold_seconds ? said + t('condition.text.hold', { time: duration(condition.hold_seconds) }) : said
}
