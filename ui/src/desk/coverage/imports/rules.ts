import { isChinese, word } from '@/language'
import catalogue from './rules.json'

/** What the house says of a file in the language of the page. Its rules are the keys, with what
 *  varies in braces; a rule that the catalogue does not know stays as it is. */
type Subject = keyof typeof catalogue

interface Template {
  pattern: RegExp
  names: string[]
  text: string
}

const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')

function templateOf([rule, text]: [string, string]): Template {
  const names: string[] = []
  const pattern = rule.split(/\{(\w+)\}/).map((part, at) => {
    if (at % 2 === 0) return escaped(part)
    names.push(part)
    return '(.+?)'
  }).join('')
  return { pattern: new RegExp(`^${pattern}$`, 's'), names, text }
}

// The longest first: the rule that says most is the one that is meant.
const templates = Object.fromEntries(
  Object.entries(catalogue).map(([subject, rules]) => [
    subject, Object.entries(rules).sort(([a], [b]) => b.length - a.length).map(templateOf),
  ]),
) as Record<Subject, Template[]>

function said(subject: Subject, text: string): string {
  if (!isChinese.value) return text
  for (const { pattern, names, text: chinese } of templates[subject]) {
    const found = pattern.exec(text)
    if (found) return names.reduce((whole, name, at) => whole.replaceAll(`{${name}}`, found[at + 1] ?? ''), chinese)
  }
  return text
}

export const ruleText = (rule: string) => said('rules', rule)
export const noteText = (note: string) => said('notes', note)
export const failureText = (failure: string) => said('failures', failure)

/** A value of the file as it stands there; what the house adds to it is put into words. */
export function valueText(value: unknown): string {
  if (value === null || value === undefined) return ''
  return typeof value === 'string' ? said('values', value) : Array.isArray(value) ? value.join(', ') : String(value)
}

/** The column that is meant; several are parted by commas. */
export const fieldText = (field: string) => field.split(', ').map((name) => word('coverage.column', name)).join(isChinese.value ? '、' : ', ')
