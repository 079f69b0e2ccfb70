import { computed, onScopeDispose, ref, shallowRef } from 'vue'
import { get, type Filter } from './request'
import type { Page } from './types'

const SIZE = 50

/** A list that is read page by page with the server's cursor. Rows keep their place while they
 *  change; new rows come only when the person asks. */
export function usePages<T>(path: string, filter: () => Filter) {
  const items = shallowRef<T[]>([])
  const next = ref<string | null>(null)
  const total = ref(0)
  const reading = ref(false)
  const error = ref<Error | null>(null)
  /** False until the first answer: "nothing found" is not "not asked yet". */
  const answered = ref(false)
  let current: AbortController | null = null

  async function ask(cursor: string | null): Promise<void> {
    current?.abort()
    const mine = new AbortController()
    current = mine
    reading.value = true
    try {
      const page = await get<Page<T>>(path, { ...filter(), limit: SIZE, cursor }, mine.signal)
      if (mine !== current) return
      items.value = cursor ? [...items.value, ...page.items] : page.items
      next.value = page.next
      total.value = page.total
      error.value = null
      answered.value = true
    } catch (problem) {
      if (mine === current) error.value = problem as Error
    } finally {
      if (mine === current) reading.value = false
    }
  }

  onScopeDispose(() => {
    const last = current
    current = null
    last?.abort()
  })

  return {
    items, next, total, reading, error, answered,
    read: () => ask(null),
    readMore: () => (next.value ? ask(next.value) : Promise.resolve()),
    /** How many the next page brings. */
    more: computed(() => Math.min(SIZE, total.value - items.value.length)),
  }
}
