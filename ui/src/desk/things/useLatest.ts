import { onScopeDispose, reactive, shallowRef, watch, type Ref } from 'vue'
import { watchThing } from '@/api/changes'
import type { Latest, LatestChange, ThingDetail } from '@/api/types'

const SHOWN_AS_CHANGED_MS = 800

/** Latest values of a thing that follow the stream, and which of them just changed. */
export function useLatest(thing: Ref<ThingDetail | null>) {
  const latest = shallowRef<Latest[]>([])
  const changed = reactive(new Set<string>())
  let stop: (() => void) | undefined

  function apply(change: LatestChange): void {
    const merged = new Map(latest.value.map((item) => [item.property, item]))
    change.thing.forEach((id, index) => {
      const name = change.property[index]
      const time = change.time[index]
      const value = change.value[index]
      if (id !== thing.value?.id || name === undefined || time === undefined || value === undefined) return
      const before = merged.get(name)
      if (before && before.time >= time) return
      merged.set(name, {
        quality: 'good', source: thing.value.source, unit: '', ...before, property: name, time, value, stale: false,
      })
      changed.add(name)
      setTimeout(() => changed.delete(name), SHOWN_AS_CHANGED_MS)
    })
    latest.value = [...merged.values()]
  }

  watch(thing, (now, before) => {
    latest.value = now?.latest ?? []
    if (now?.id === before?.id) return
    stop?.()
    stop = now ? watchThing(now.id, apply) : undefined
  })
  onScopeDispose(() => stop?.())
  return { latest, changed }
}
