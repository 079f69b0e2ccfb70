import { computed, shallowRef, watch } from 'vue'
import { useRoute, useRouter } from 'vue-router'
import { onChange, onReopened } from '@/api/changes'
import type { Filter } from '@/api/request'
import type { Case } from '@/api/types'
import { usePages } from '@/api/usePages'
import { hold, type HeldCase } from '@/format/caseClock'

/** The list of cases: its filter is in the address; rows change in place, so that neither scroll
 *  nor selection moves under the reader, and new ones wait until they are asked for. */
export function useCaseList() {
  const route = useRoute()
  const router = useRouter()
  const value = (name: string) => String(route.query[name] ?? '')
  // Open cases are the work; closed ones are shown when asked for.
  const onlyOpen = computed(() => value('open') !== '0')
  const onlyOverdue = computed(() => value('overdue') === '1')
  const filter = computed<Filter>(() => ({
    type: value('type'),
    stage: value('stage'),
    class: value('class'),
    area: value('area'),
    q: value('q'),
    open: onlyOpen.value,
    overdue: onlyOverdue.value,
  }))
  const any = computed(() => ['type', 'stage', 'class', 'area', 'q', 'overdue'].some((name) => value(name) !== ''))

  const pages = usePages<Case>('/api/cases', () => filter.value)
  const held = shallowRef<Map<string, HeldCase>>(new Map())
  const waiting = shallowRef<Set<string>>(new Set())

  watch(pages.items, (items) => {
    held.value = new Map(items.map((item) => [item.id, held.value.get(item.id) ?? hold(item)]))
  })
  async function read(): Promise<void> {
    held.value = new Map()
    waiting.value = new Set()
    await pages.read()
  }
  watch(() => JSON.stringify(filter.value), () => void read(), { immediate: true })
  onReopened(() => void read())

  // Only what the page can judge by itself; text is left to the server.
  function wanted(item: Case): boolean {
    return (
      (!value('stage') || item.stage === value('stage')) &&
      (!value('class') || item.case_class === value('class')) &&
      item.area.startsWith(value('area')) &&
      (!onlyOpen.value || item.closed_at === null) &&
      (!onlyOverdue.value || item.overdue) &&
      !value('q')
    )
  }
  onChange('case', (changed) => {
    if (held.value.has(changed.id)) {
      held.value = new Map(held.value).set(changed.id, hold(changed))
    } else if (wanted(changed)) {
      waiting.value = new Set(waiting.value).add(changed.id)
    }
  })

  function set(name: string, to: string | undefined): void {
    void router.replace({ params: route.params, query: { ...route.query, [name]: to ? to : undefined } })
  }
  function clear(): void {
    void router.replace({ params: route.params, query: {} })
  }

  const cases = computed(() => [...held.value.values()])
  return { ...pages, read, cases, waiting, value, filter, any, onlyOpen, onlyOverdue, set, clear }
}
