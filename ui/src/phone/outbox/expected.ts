import { district } from '@/api/district'
import type { Task } from '@/api/urban'
import type { Job } from '../database'

/** What the phone expects a case to be once the jobs that wait are done, so that a worker without a
 *  network can accept, work and report done in one go. */
export function expected(task: Pick<Task, 'id' | 'state'>, jobs: Job[]): { state: string; waits: Job[] } {
  const table = district.value?.case_types.find((type) => type.name === 'urban')?.actions ?? []
  const waits = jobs.filter((job) => job.subject === task.id && (job.kind === 'action' || job.kind === 'spot-check'))
  let state = task.state
  for (const job of waits) state = table.find((action) => action.name === job.action)?.target || state
  return { state, waits }
}

/** Names of the actions that the table allows in a state. */
export function possible(state: string): string[] {
  const table = district.value?.case_types.find((type) => type.name === 'urban')?.actions ?? []
  return table.filter((action) => action.source.includes(state)).map((action) => action.name)
}
