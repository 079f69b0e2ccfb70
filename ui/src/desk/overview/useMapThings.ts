import type { FeatureCollection, Point } from 'geojson'
import { computed, onScopeDispose, reactive, shallowRef, triggerRef, watch } from 'vue'
import { onChange, onReopened } from '@/api/changes'
import { district } from '@/api/district'
import { get } from '@/api/request'
import type { Thing, ThingState } from '@/api/types'
import type { MapThing } from '@/map/thingLayers'

/** At most one redraw in this time, however many states change. */
const REDRAW_MS = 1000

/** Every thing of the district for the map, with states that follow the live stream. */
export function useMapThings() {
  const things = shallowRef<Map<string, MapThing>>(new Map())
  const hiddenKinds = reactive(new Set<string>())
  const hiddenStates = reactive(new Set<ThingState>())
  const error = shallowRef<Error | null>(null)
  let timer: ReturnType<typeof setTimeout> | undefined

  async function read(): Promise<void> {
    try {
      const collection = await get<FeatureCollection<Point, Thing>>('/api/things', { format: 'geojson' })
      things.value = new Map(
        collection.features.map(({ geometry, properties }) => [
          properties.id,
          {
            id: properties.id,
            kind: properties.kind,
            name: properties.name,
            state: properties.state,
            position: geometry.coordinates.slice(0, 2) as [number, number],
          },
        ]),
      )
      error.value = null
    } catch (problem) {
      error.value = problem as Error
    }
  }

  onChange('thing', ({ id, state }) => {
    const thing = things.value.get(id)
    if (!thing || thing.state === state) return
    things.value.set(id, { ...thing, state })
    timer ??= setTimeout(() => {
      timer = undefined
      triggerRef(things)
    }, REDRAW_MS)
  })
  onReopened(() => void read())
  // The district is read again when things were registered.
  watch(district, () => void read())
  onScopeDispose(() => clearTimeout(timer))

  const shown = computed(() =>
    [...things.value.values()].filter(
      (thing) => !hiddenKinds.has(thing.kind) && !hiddenStates.has(thing.state),
    ),
  )
  const stateCounts = computed(() => {
    const counts: Record<ThingState, number> = { good: 0, alarm: 0, silent: 0, stale: 0, 'no data': 0, 'not reporting': 0 }
    for (const thing of things.value.values()) {
      if (!hiddenKinds.has(thing.kind)) counts[thing.state] += 1
    }
    return counts
  })

  return { things, shown, stateCounts, hiddenKinds, hiddenStates, error, read }
}
