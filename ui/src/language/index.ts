import { computed, ref, watchEffect } from 'vue'
import type { Title } from '@/api/types'
import { administration } from './administration'
import { audit } from './audit'
import { classes } from './classes'
import { coverage } from './coverage'
import { en } from './en'
import { evaluation } from './evaluation'
import { house } from './house'
import { operations } from './operations'
import { phone } from './phone'
import { poles } from './poles'
import { rules } from './rules'
import { thingImport } from './thingImport'
import { tour } from './tour'
import { urban } from './urban'
import { zh } from './zh'

export type Language = 'zh-CN' | 'en'

/** Subjects that keep both languages of a message side by side. */
const pairs = { ...urban, ...operations, ...evaluation, ...classes, ...phone, ...coverage, ...poles, ...house, ...administration, ...audit, ...rules, ...thingImport, ...tour } as const

export type Key = keyof typeof zh | keyof typeof pairs

const STORED = 'xinji-language'
const whole = { 'zh-CN': zh, en } as const

function initial(): Language {
  return localStorage.getItem(STORED) === 'en' ? 'en' : 'zh-CN'
}

/** The language of the page. Chinese until a person chooses otherwise. */
export const language = ref<Language>(initial())

watchEffect(() => {
  localStorage.setItem(STORED, language.value)
  document.documentElement.lang = language.value
})

export const isChinese = computed(() => language.value === 'zh-CN')

function message(key: Key): string {
  if (key in pairs) return pairs[key as keyof typeof pairs][isChinese.value ? 0 : 1]
  return whole[language.value][key as keyof typeof zh]
}

/** The message of a key, with `{name}` replaced. */
export function t(key: Key, values: Record<string, string | number> = {}): string {
  let text = message(key)
  for (const [name, value] of Object.entries(values)) text = text.replaceAll(`{${name}}`, String(value))
  return text
}

/** True when there is a message for a word of the server, such as a role or a channel. */
export function known(key: string): key is Key {
  return key in pairs || key in zh
}

/** The message of a word of the server below `subject`; the word itself when there is none. */
export function word(subject: string, name: string | null | undefined): string {
  const key = `${subject}.${name ?? ''}`
  return known(key) ? t(key) : (name ?? '')
}

/** Several words in a row, parted as the language of the page parts them. */
export function listed(words: readonly string[]): string {
  return words.join(isChinese.value ? '、' : ', ')
}

/** A title of the server in the language of the page. */
export function titled(title: Title | null | undefined): string {
  if (!title) return ''
  return isChinese.value ? title.zh : title.en
}
