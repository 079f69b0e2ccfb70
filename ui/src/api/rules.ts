import { shallowRef } from 'vue'
import { get } from './request'
import type { Page, Rule, Thing } from './types'

/** Every rule that is at work in the area of the person. */
export const rules = shallowRef<Rule[]>([])

/** Reads the rules; an operator may have changed them since the last page. */
export async function readRules(): Promise<void> {
  rules.value = (await get<Page<Rule>>('/api/rules')).items
}

/** The rules in force on one property of a thing. */
export function rulesOf(thing: Thing, property: string): Rule[] {
  return rules.value.filter(
    (rule) =>
      rule.enabled &&
      rule.kind === thing.kind &&
      rule.property === property &&
      thing.area.startsWith(rule.area) &&
      (!rule.things.length || rule.things.includes(thing.id)),
  )
}

/** Whether an event is about a property; one of an unknown rule is about the whole thing. */
export function concerns(rule: string, property: string): boolean {
  const known = rules.value.find((item) => item.id === rule)
  return !known || known.property === property
}
