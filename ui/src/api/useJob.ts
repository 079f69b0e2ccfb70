import { computed, onScopeDispose, ref, shallowRef } from 'vue'
import type { Job } from './coverage'
import { get, post, problemText } from './request'

const EVERY_MS = 500

/** A long computation of the server: begun, watched, cancelled; `done` gets its answer. */
export function useJob<T>(done: (answer: T, job: Job<T>) => void) {
  const job = shallowRef<Job<T> | null>(null)
  const problem = ref('')
  const starting = ref(false)
  let timer: ReturnType<typeof setTimeout> | undefined
  let gone = false

  const running = computed(() => starting.value || job.value?.state === 'waiting' || job.value?.state === 'running')
  /** From 0 to 1. */
  const progress = computed(() => (job.value?.total ? Math.min(1, job.value.done / job.value.total) : 0))

  function take(now: Job<T>): void {
    job.value = now
    if (now.state === 'done') done(now.answer as T, now)
    else if (now.state === 'failed') problem.value = now.failure
    else if (now.state !== 'cancelled' && !gone) timer = setTimeout(() => void look(), EVERY_MS)
  }
  async function look(): Promise<void> {
    try {
      const now = await get<Job<T>>(`/api/jobs/${job.value?.id}`)
      if (!gone) take(now)
    } catch (error) {
      problem.value = problemText(error)
      job.value = null
    }
  }
  async function start(path: string, body: unknown): Promise<void> {
    if (running.value) return
    problem.value = ''
    starting.value = true
    try {
      take(await post<Job<T>>(path, body))
    } catch (error) {
      problem.value = problemText(error)
    } finally {
      starting.value = false
    }
  }
  async function cancel(): Promise<void> {
    if (!job.value) return
    try {
      await post(`/api/jobs/${job.value.id}/cancel`, {})
    } catch (error) {
      problem.value = problemText(error)
    }
  }
  function forget(): void {
    clearTimeout(timer)
    job.value = null
    problem.value = ''
  }

  onScopeDispose(() => {
    gone = true
    clearTimeout(timer)
  })
  return { job, problem, running, progress, start, cancel, forget }
}
