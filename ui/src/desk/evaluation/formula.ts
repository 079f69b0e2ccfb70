import type { Definition } from '@/api/urban'
import { t, titled, word } from '@/language'

/** Formulas name counts and rates by their keys; a reader knows their titles. */

const RATE = /^(\w+) \/ (\w+)(.*)$/
const EXEMPT_LEFT_OUT = ', exempt cases left out'

export type Definitions = Map<string, Definition>

/** The two counts of a rate; null when the definition is no plain rate. */
export function partsOf(definition: Definition | undefined, known: Definitions): { part: string; whole: string } | null {
  const found = typeof definition?.formula === 'string' ? RATE.exec(definition.formula) : null
  return found && known.has(found[1] ?? '') && known.has(found[2] ?? '') ? { part: found[1] as string, whole: found[2] as string } : null
}

/** A formula in words. */
export function spelled(definition: Definition | undefined, known: Definitions): string {
  if (!definition) return ''
  if (typeof definition.formula !== 'string') return titled(definition.formula)
  const title = (name: string) => titled(known.get(name)?.title) || name
  const parts = partsOf(definition, known)
  if (parts) {
    const rest = definition.formula.replace(RATE, '$3')
    return `${title(parts.part)} ÷ ${title(parts.whole)}${rest === EXEMPT_LEFT_OUT ? t('evaluation.exemptLeftOut') : rest}`
  }
  return withTitles(definition.formula, title)
}

/** The part of the score's formula that holds for one post; empty when there is none. */
export function scoreOf(post: string, known: Definitions): string {
  const formula = known.get('score')?.formula
  if (typeof formula !== 'string') return ''
  const own = formula.split('; ').find((part) => part.startsWith(`${post}: `))
  return own ? withTitles(own, (name) => titled(known.get(name)?.title) || name) : ''
}

function withTitles(formula: string, title: (name: string) => string): string {
  return formula
    .replace(/(^|; )([a-z-]+): /g, (_, before: string, post: string) => `${before}${word('post', post)}: `)
    .replace(/[a-z]+(?:_[a-z]+)+/g, title)
}
