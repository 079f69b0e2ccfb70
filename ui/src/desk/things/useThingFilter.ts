import { computed } from 'vue'
import { useRoute, useRouter } from 'vue-router'
import { district } from '@/api/district'
import type { Filter } from '@/api/request'

const NAMES = ['kind', 'state', 'area', 'q'] as const
export type ThingFilterName = (typeof NAMES)[number]

/** The filter of the list of things. It lives in the address, so that a view can be sent on. */
export function useThingFilter() {
  const route = useRoute()
  const router = useRouter()
  const value = (name: string) => String(route.query[name] ?? '')

  const system = computed(() =>
    district.value?.families.flatMap((family) => family.systems).find((item) => item.name === value('system')),
  )
  /** Kinds to choose from: those of the system, when the menu led here through one. */
  const kinds = computed(() =>
    (district.value?.kinds ?? []).filter((kind) => !system.value || system.value.kinds.includes(kind.name)),
  )
  const filter = computed<Filter>(() => ({
    kind: value('kind'),
    // the server knows its kinds; a system without any lists nothing rather than everything
    system: value('system'),
    state: value('state'),
    area: value('area'),
    q: value('q'),
  }))
  const any = computed(() => NAMES.some((name) => value(name) !== ''))

  function set(name: ThingFilterName, to: string | undefined): void {
    void router.replace({ query: { ...route.query, [name]: to ? to : undefined } })
  }
  function clear(): void {
    void router.replace({ query: { system: route.query.system } })
  }

  return { value, system, kinds, filter, any, set, clear }
}
