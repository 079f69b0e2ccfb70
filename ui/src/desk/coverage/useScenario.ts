import { computed, ref, shallowRef } from 'vue'
import type { Edit, OperatorEdit, Scenario, ScenarioItem } from '@/api/coverage'
import { houseTime } from '@/api/houseClock'
import { get, post, problemText, put, remove as removeAt, RequestError } from '@/api/request'
import { shortTime } from '@/format/time'
import { t } from '@/language'

const PATH = '/api/coverage/scenarios'

/** The scenario that is edited, and the list of all. A first edit makes one; every edit is stored. */
export function useScenario(allowed: () => boolean) {
  const list = shallowRef<ScenarioItem[]>([])
  const scenario = shallowRef<Scenario | null>(null)
  const busy = ref(false)
  const problem = ref('')
  const id = computed(() => scenario.value?.id ?? '')
  const revision = computed(() => scenario.value?.revision ?? 0)

  async function during<T>(work: () => Promise<T>): Promise<T | null> {
    busy.value = true
    problem.value = ''
    try {
      return await work()
    } catch (error) {
      problem.value = problemText(error)
      // A stale revision: what is stored is what counts.
      if (error instanceof RequestError && error.status === 409 && scenario.value) {
        scenario.value = await get<Scenario>(`${PATH}/${scenario.value.id}`).catch(() => null)
        problem.value = t('coverage.changedElsewhere')
      }
      return null
    } finally {
      busy.value = false
    }
  }
  async function readList(): Promise<void> {
    if (!allowed()) return
    list.value = (await get<{ items: ScenarioItem[] }>(PATH).catch(() => ({ items: [] as ScenarioItem[] }))).items
  }
  async function choose(chosen: string): Promise<void> {
    if (!chosen) {
      scenario.value = null
      return
    }
    const found = await during(() => get<Scenario>(`${PATH}/${chosen}`))
    if (found) scenario.value = found
  }
  async function create(name: string, edits: OperatorEdit[], origin?: Record<string, unknown>): Promise<Scenario | null> {
    const made = await during(() => post<Scenario>(PATH, { name, edits, ...(origin ? { origin } : {}) }))
    if (made) scenario.value = made
    await readList()
    return made
  }
  async function store(name: string, edits: OperatorEdit[]): Promise<void> {
    const now = scenario.value
    if (!now) return
    const changed = await during(() => put<Scenario>(`${PATH}/${now.id}`, { name, edits, revision: now.revision }))
    if (changed) scenario.value = changed
    await readList()
  }
  async function edit(operator: string, change: Edit): Promise<void> {
    const now = scenario.value
    if (now) return store(now.name, [...now.edits, { operator, edit: change }])
    await create(t('coverage.scenarioName', { time: shortTime(houseTime()) }), [{ operator, edit: change }])
  }
  async function undo(): Promise<void> {
    const now = scenario.value
    if (now?.edits.length) await store(now.name, now.edits.slice(0, -1))
  }
  async function rename(name: string): Promise<void> {
    const now = scenario.value
    if (now && name) await store(name, now.edits)
  }
  async function remove(): Promise<void> {
    const now = scenario.value
    if (!now) return
    await during(() => removeAt(`${PATH}/${now.id}`))
    if (!problem.value) scenario.value = null
    await readList()
  }
  return { list, scenario, id, revision, busy, problem, readList, choose, create, edit, undo, rename, remove }
}
export type ScenarioState = ReturnType<typeof useScenario>
