import { computed, onBeforeUnmount, onMounted, shallowRef } from 'vue'
import { onChange, onReopened } from '@/api/changes'
import { all } from '@/api/classes'
import { now } from '@/api/houseClock'
import { get } from '@/api/request'
import type { Case, Page } from '@/api/types'
import type { Worker, WorkPlan } from '@/api/urban'
import { useRead } from '@/api/useRead'
import { hold, secondsLeft, type HeldCase } from '@/format/caseClock'
import { haste, ROUTE_COLORS, type CaseMark, type PersonMark, type RouteMark } from '@/map/caseLayers'

const REST_MS = 1200
const REFRESH_MS = 30_000
/** Cases of a district that are open at once; beyond this the page says what it leaves out. */
const MOST = 1000

interface Board {
  workers: Worker[]
  plan: WorkPlan
  open: HeldCase[]
  total: number
}

/** Everything that the dispatch board draws, read together and again when cases change. */
export function useDispatch() {
  const { data, error, reading, read } = useRead<Board>(async (signal) => {
    const [workers, plan, open] = await Promise.all([
      all<Worker>('/api/work/workers'),
      get<WorkPlan>('/api/work/plan', {}, signal),
      get<Page<Case>>('/api/cases', { type: 'urban', open: true, limit: MOST }, signal),
    ])
    // Who has something in hand comes first; who handles nothing (inspectors) last.
    workers.sort((a, b) => b.open_cases - a.open_cases || Number(b.skills.length > 0) - Number(a.skills.length > 0) || a.person.localeCompare(b.person))
    return { workers, plan, open: open.items.map((item) => hold(item)), total: open.total }
  })
  const chosen = shallowRef('')

  const waiting = computed(() =>
    (data.value?.open ?? []).filter((item) => item.state === 'filed').sort((a, b) => (secondsLeft(a, now.value) ?? 1e12) - (secondsLeft(b, now.value) ?? 1e12)),
  )
  const byId = computed(() => new Map((data.value?.open ?? []).map((item) => [item.id, item])))
  const colors = computed(() => new Map((data.value?.plan.workers ?? []).filter((entry) => entry.route.length).map((entry, index) => [entry.person, ROUTE_COLORS[index % ROUTE_COLORS.length] as string])))
  const stops = computed(() => {
    const order = new Map<string, string>()
    for (const entry of data.value?.plan.workers ?? []) entry.route.forEach((stop, index) => order.set(stop.case, String(index + 1)))
    return order
  })
  const place = (item: { longitude: number | null; latitude: number | null } | undefined): [number, number] | null =>
    item && item.longitude !== null && item.latitude !== null ? [item.longitude, item.latitude] : null

  const marks = computed<CaseMark[]>(() =>
    (data.value?.open ?? []).flatMap((item) => {
      const position = place(item)
      return position ? [{ id: item.id, position, haste: haste(secondsLeft(item, now.value), item.limit_seconds, item.clock_running), label: stops.value.get(item.id) ?? '' }] : []
    }),
  )
  const people = computed<PersonMark[]>(() =>
    (data.value?.workers ?? []).flatMap((worker) => {
      const position = place(worker)
      return position ? [{ id: worker.person, position, label: worker.person, dim: !worker.on_duty, color: colors.value.get(worker.person) ?? '#1f5a94' }] : []
    }),
  )
  const routes = computed<RouteMark[]>(() =>
    (data.value?.plan.workers ?? []).flatMap((entry) => {
      const from = place(data.value?.workers.find((worker) => worker.person === entry.person))
      const path = entry.route.map((stop) => place(byId.value.get(stop.case))).filter((position) => position !== null)
      if (from) path.unshift(from)
      return path.length > 1 ? [{ path, color: colors.value.get(entry.person) as string }] : []
    }),
  )
  // The marks move with the clock: redrawn each minute of reading, not each second.
  let rest: ReturnType<typeof setTimeout> | undefined
  let again: ReturnType<typeof setInterval> | undefined
  onChange('case', (changed) => {
    if (changed.type !== 'urban') return
    clearTimeout(rest)
    rest = setTimeout(() => void read(), REST_MS)
  })
  onReopened(() => void read())
  onMounted(() => {
    void read()
    again = setInterval(() => void read(), REFRESH_MS)
  })
  onBeforeUnmount(() => {
    clearTimeout(rest)
    clearInterval(again)
  })
  return { data, error, reading, read, chosen, waiting, byId, colors, marks, people, routes }
}
