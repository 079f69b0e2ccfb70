import { district } from '@/api/district'
import { RequestError } from '@/api/request'
import { listed, titled, word } from '@/language'
import { sayer } from '@/language/catalogue'
import { problemIn } from '@/language/problems'
import { noteText } from '../coverage/imports/rules'
import shared from '../coverage/imports/rules.json'
import own from './importRules.json'

/** A row of a file of things that is not as it should be. */
export interface ThingFault {
  row: number
  field: string
  /** `field: rule`, as the server says it. */
  rule: string
  value: unknown
}

const said = sayer({ ...shared.rules, ...own })

export function faultRule({ field, rule }: ThingFault): string {
  return said(rule.startsWith(`${field}: `) ? rule.slice(field.length + 2) : rule)
}

/** The columns that are meant: those of every thing by their names, attributes by their titles. */
export function faultField({ field }: ThingFault): string {
  return listed(field.split(', ').map((name) => {
    const attribute = name.replace('attributes.', '')
    if (attribute === name) return word('thingColumn', name)
    const known = district.value?.kinds.flatMap((kind) => kind.attributes).find((each) => each.name === attribute)
    return known ? titled(known.title) : attribute
  }))
}

/** Why a file cannot be read as a whole. */
export function fileProblem(error: unknown): string {
  const detail = error instanceof RequestError ? (error.problem.detail ?? error.problem.rule ?? '') : ''
  const text = [said, noteText].map((say) => say(detail)).find((each) => each !== detail)
  return text ?? problemIn(error)
}
