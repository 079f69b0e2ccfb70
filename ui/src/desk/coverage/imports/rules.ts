import { isChinese, word } from '@/language'
import { sayer } from '@/language/catalogue'
import catalogue from './rules.json'

/** What the house says of a file in the language of the page; `rules.json` is the catalogue. */
export const ruleText = sayer(catalogue.rules)
export const noteText = sayer(catalogue.notes)
export const failureText = sayer(catalogue.failures)
const addedText = sayer(catalogue.values)

/** A value of the file as it stands there; what the house adds to it is put into words. */
export function valueText(value: unknown): string {
  if (value === null || value === undefined) return ''
  return typeof value === 'string' ? addedText(value) : Array.isArray(value) ? value.join(', ') : String(value)
}

/** The column that is meant; several are parted by commas. */
export const fieldText = (field: string) => field.split(', ').map((name) => word('coverage.column', name)).join(isChinese.value ? '、' : ', ')
