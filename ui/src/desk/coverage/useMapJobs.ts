import { computed, onScopeDispose, ref, watch, type Ref } from 'vue'
import type { CoverageSummary, Job, MapJob } from '@/api/coverage'
import { get, post, problemText } from '@/api/request'
import { t } from '@/language'
import { failureText } from './imports/rules'

const RUNNING_MS = 1000
const IDLE_MS = 10_000

/** Computations that change the maps, whoever began them: a reload or a second person finds them as
 *  they are, since the summary of the house tells of them. */
export function useMapJobs(summary: Ref<CoverageSummary | null>, read: () => Promise<void>) {
  const problem = ref('')
  const starting = ref(false)
  const jobs = computed(() => summary.value?.jobs ?? [])
  let mine = new Set<string>()
  let timer: ReturnType<typeof setTimeout> | undefined
  let gone = false

  /** Why a computation of this person came to nothing. */
  async function look(id: string): Promise<void> {
    const job = await get<Job<unknown>>(`/api/jobs/${id}`).catch(() => null)
    if (job?.state === 'failed') problem.value = failureText(job.failure)
    else if (job?.state === 'cancelled') problem.value = t('coverage.cancelled')
  }
  watch(jobs, (now) => {
    const left = new Set(now.map((job) => job.id))
    for (const id of mine) if (!left.has(id)) void look(id)
    mine = new Set(now.filter((job) => job.mine).map((job) => job.id))
  })
  async function start(path: string, body: unknown): Promise<void> {
    problem.value = ''
    starting.value = true
    try {
      mine.add((await post<Job<unknown>>(path, body)).id)
      await read()
    } catch (error) {
      problem.value = problemText(error)
    } finally {
      starting.value = false
    }
  }
  async function cancel(job: MapJob): Promise<void> {
    try {
      await post(`/api/jobs/${job.id}/cancel`, {})
      await read()
    } catch (error) {
      problem.value = problemText(error)
    }
  }
  async function again(): Promise<void> {
    if (!document.hidden) await read()
    if (!gone) wait()
  }
  function wait(): void {
    clearTimeout(timer)
    const soon = jobs.value.length > 0 || (summary.value !== null && !summary.value.computed_at)
    timer = setTimeout(() => void again(), soon ? RUNNING_MS : IDLE_MS)
  }
  watch(() => jobs.value.length, wait)
  wait()
  onScopeDispose(() => {
    gone = true
    clearTimeout(timer)
  })
  return { jobs, problem, starting, start, cancel }
}
export type MapJobs = ReturnType<typeof useMapJobs>
