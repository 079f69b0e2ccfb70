import { computed, ref, watchEffect } from 'vue'
import type { Title } from '@/api/types'
import { en } from './en'
import { zh } from './zh'

export type Language = 'zh-CN' | 'en'
export type Key = keyof typeof zh

const STORED = 'xinji-language'
const messages = { 'zh-CN': zh, en } as const

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

/** The message of a key, with `{name}` replaced. */
export function t(key: Key, values: Record<string, string | number> = {}): string {
  let text: string = messages[language.value][key]
  for (const [name, value] of Object.entries(values)) text = text.replaceAll(`{${name}}`, String(value))
  return text
}

/** A title of the server in the language of the page. */
export function titled(title: Title | undefined): string {
  if (!title) return ''
  return isChinese.value ? title.zh : title.en
}
