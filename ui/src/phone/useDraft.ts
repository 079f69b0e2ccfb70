import { onScopeDispose, reactive, ref, toRaw, watch } from 'vue'
import { database, keep, kept } from './database'

const REST_MS = 150

/** What is being filled in, kept as it grows: a browser that is killed in between loses nothing. */
export function useDraft<T extends object>(key: string, blank: () => T) {
  const draft = reactive(blank()) as T
  const ready = ref(false)
  let timer: ReturnType<typeof setTimeout> | undefined
  let stop: () => void = () => undefined
  let gone = false

  function store(): void {
    clearTimeout(timer)
    timer = undefined
    void keep(`draft/${key}`, plain(draft))
  }
  void kept<T>(`draft/${key}`).then((before) => {
    if (gone) return
    if (before) Object.assign(draft, before.value)
    ready.value = true
    stop = watch(draft, () => {
      clearTimeout(timer)
      timer = setTimeout(store, REST_MS)
    }, { deep: true })
  })
  async function clear(): Promise<void> {
    stop()
    clearTimeout(timer)
    timer = undefined
    Object.assign(draft, blank())
    await database.kept.delete(`draft/${key}`)
  }
  onScopeDispose(() => {
    gone = true
    stop()
    if (timer !== undefined) store()
  })
  return { draft, ready, clear }
}

/** A copy without the proxies of Vue, which IndexedDB cannot store. */
export function plain<T>(value: T): T {
  const raw = toRaw(value)
  if (raw instanceof Blob || raw === null || typeof raw !== 'object') return raw
  if (Array.isArray(raw)) return raw.map((item: unknown) => plain(item)) as T
  return Object.fromEntries(Object.entries(raw).map(([name, item]) => [name, plain(item as unknown)])) as T
}
