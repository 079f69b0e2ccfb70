import { onScopeDispose, ref, shallowRef, type Ref, type ShallowRef } from 'vue'
import { RequestError } from './request'

export interface Read<T> {
  data: ShallowRef<T | null>
  error: Ref<Error | null>
  reading: Ref<boolean>
  /** True when the answer was 404: it does not exist for this user. */
  missing: Ref<boolean>
  read: () => Promise<void>
}

/** One thing read from the server: the last answer stays while the next is on its way, and an
 *  answer that was overtaken by a newer question is dropped. */
export function useRead<T>(ask: (signal: AbortSignal) => Promise<T>): Read<T> {
  const data = shallowRef<T | null>(null)
  const error = ref<Error | null>(null)
  const reading = ref(false)
  const missing = ref(false)
  let current: AbortController | null = null

  async function read(): Promise<void> {
    current?.abort()
    const mine = new AbortController()
    current = mine
    reading.value = true
    try {
      const answer = await ask(mine.signal)
      if (mine !== current) return
      data.value = answer
      error.value = null
      missing.value = false
    } catch (problem) {
      if (mine !== current) return
      error.value = problem as Error
      missing.value = problem instanceof RequestError && problem.status === 404
    } finally {
      if (mine === current) reading.value = false
    }
  }

  onScopeDispose(() => {
    const last = current
    current = null
    last?.abort()
  })
  return { data, error, reading, missing, read }
}
