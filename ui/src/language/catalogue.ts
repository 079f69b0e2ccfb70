import { isChinese } from './index'

/** Sentences of the house in Chinese: they are the keys of a catalogue, with what varies in braces. */
export type Catalogue = Record<string, string>

interface Template {
  pattern: RegExp
  names: string[]
  text: string
}

const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')

function templateOf([sentence, text]: [string, string]): Template {
  const names: string[] = []
  const pattern = sentence.split(/\{(\w+)\}/).map((part, at) => {
    if (at % 2 === 0) return escaped(part)
    names.push(part)
    return '(.+?)'
  }).join('')
  return { pattern: new RegExp(`^${pattern}$`, 's'), names, text }
}

/** A sentence in the language of the page; one that the catalogue does not know stays as it is. */
export function sayer(catalogue: Catalogue): (sentence: string) => string {
  // The longest first: the rule that says most is the one that is meant.
  const templates = Object.entries(catalogue).sort(([a], [b]) => b.length - a.length).map(templateOf)
  return (sentence) => {
    if (!isChinese.value) return sentence
    for (const { pattern, names, text } of templates) {
      const found = pattern.exec(sentence)
      if (found) return names.reduce((whole, name, at) => whole.replaceAll(`{${name}}`, found[at + 1] ?? ''), text)
    }
    return sentence
  }
}
