import { computed } from 'vue'
import { useRoute, useRouter } from 'vue-router'
import { midnight } from '@/format/time'

const DAY_MS = 86_400_000

/** A filter that lives in the address, so that a view can be sent on; with the days `from` and `to`. */
export function useAddressFilter(names: readonly string[]) {
  const route = useRoute()
  const router = useRouter()
  const value = (name: string) => String(route.query[name] ?? '')
  const any = computed(() => [...names, 'from', 'to'].some((name) => value(name) !== ''))

  /** From the first midnight up to the one after the last day, RFC 3339. */
  const days = computed(() => {
    const last = value('to') && new Date(Date.parse(value('to')) + DAY_MS).toISOString().slice(0, 10)
    return {
      from: value('from') ? new Date(midnight(value('from'))).toISOString() : '',
      to: last ? new Date(midnight(last)).toISOString() : '',
    }
  })
  function set(name: string, to: string | undefined): void {
    void router.replace({ query: { ...route.query, [name]: to ? to : undefined } })
  }
  function clear(): void {
    void router.replace({ query: {} })
  }
  return { value, any, days, set, clear }
}
