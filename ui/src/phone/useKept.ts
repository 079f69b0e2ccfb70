import { onScopeDispose, ref, shallowRef } from 'vue'
import { RequestError } from '@/api/request'
import { session } from '@/api/session'
import { keep, kept } from './database'

/** An answer of the server that is also there without a network: the kept one at once, the new one
 *  when it comes. `staleAt` says from when it is while the server cannot be reached. */
export function useKept<T>(key: () => string, ask: (signal: AbortSignal) => Promise<T>) {
  const data = shallowRef<T | null>(null)
  const staleAt = ref<number | null>(null)
  const error = ref<Error | null>(null)
  const reading = ref(false)
  let current: AbortController | null = null

  async function read(): Promise<void> {
    current?.abort()
    const mine = new AbortController()
    current = mine
    reading.value = true
    // What one person may see is not shown to the next on the same phone.
    const name = `${session.value?.name ?? ''}/${key()}`
    if (data.value === null) {
      const before = await kept<T>(name)
      if (mine !== current) return
      if (before) [data.value, staleAt.value] = [before.value, before.at]
    }
    try {
      const answer = await ask(mine.signal)
      if (mine !== current) return
      data.value = answer
      staleAt.value = null
      error.value = null
      await keep(name, answer)
    } catch (problem) {
      if (mine !== current) return
      error.value = problem as Error
      // Refused is an answer: only a silent server leaves the old one standing.
      if (problem instanceof RequestError && problem.status < 500) data.value = null
      else if (data.value !== null) staleAt.value ??= (await kept(name))?.at ?? null
    } finally {
      if (mine === current) reading.value = false
    }
  }
  onScopeDispose(() => {
    const last = current
    current = null
    last?.abort()
  })
  return { data, staleAt, error, reading, read }
}
