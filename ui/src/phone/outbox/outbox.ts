import { liveQuery } from 'dexie'
import { computed, ref, shallowRef } from 'vue'
import { houseTime } from '@/api/houseClock'
import { newId } from '@/api/newId'
import { RequestError } from '@/api/request'
import { session } from '@/api/session'
import { database, type Job, type Sent } from '../database'
import { plain } from '../useDraft'
import { deliver } from './deliver'

/** Everything that a person does on the phone goes through here: it is kept before it is sent, sent
 *  in the order in which it was done, tried again with growing pauses, and never done twice. */

const FIRST_PAUSE_MS = 2_000
const LONGEST_PAUSE_MS = 300_000
const BUSY_ELSEWHERE_MS = 4_000
const SENT_KEPT = 50
// Too early, too often, timed out: not the fault of what was sent.
const TRY_AGAIN = [408, 425, 429]

export const jobs = shallowRef<Job[]>([])
export const sent = shallowRef<Sent[]>([])
export const sending = ref('')
/** When the next try is due, in browser milliseconds; 0 when none waits. */
export const nextTry = ref(0)
/** The session has ended: what belongs to a person waits for the sign-in. */
export const signedOut = ref(false)

export const refused = computed(() => jobs.value.filter((job) => job.state === 'refused'))
export const waiting = computed(() => jobs.value.filter((job) => job.state === 'waiting'))

const listeners = new Set<(job: Job, answer: Record<string, unknown>) => void>()

/** Calls `listener` whenever a job has been done by the server. */
export function whenSent(listener: (job: Job, answer: Record<string, unknown>) => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

export type NewJob = Pick<Job, 'kind' | 'title' | 'path' | 'body'> & Partial<Pick<Job, 'subject' | 'action' | 'photos'>>

/** Keeps a job and starts sending. Resolves when it is kept: from then on it is not lost. */
export async function enqueue(job: NewJob): Promise<Job> {
  const open = job.kind === 'public-report' || job.kind === 'rating'
  const whole: Job = {
    subject: '', action: '', photos: {}, ...plain(job),
    client_id: newId('phone'), owner: open ? '' : (session.value?.name ?? ''),
    made_at: new Date(houseTime()).toISOString(), state: 'waiting', problem: null, tries: 0,
  }
  whole.seq = await database.jobs.add(whole)
  void wake()
  return whole
}

/** Sends a refused job again, with what the person changed. It keeps its id: if an earlier try was
 *  stored after all, the server answers as it did then. */
export async function again(seq: number, change: Partial<Job> = {}): Promise<void> {
  await database.jobs.update(seq, { ...change, state: 'waiting', problem: null, tries: 0 })
  void wake(true)
}

export async function drop(seq: number): Promise<void> {
  await database.jobs.delete(seq)
  void wake(true)
}

/** Jobs of a case that was refused hold back the later ones about the same case. */
export function held(job: Job, among: Job[]): boolean {
  return job.subject !== '' && among.some((other) => other.subject === job.subject && other.state === 'refused' && (other.seq ?? 0) < (job.seq ?? 0))
}

function mine(job: Job): boolean {
  return job.owner === '' || job.owner === session.value?.name
}

async function next(): Promise<Job | undefined> {
  const all = await database.jobs.orderBy('seq').toArray()
  return all.find((job) => job.state === 'waiting' && mine(job) && !(signedOut.value && job.owner) && !held(job, all))
}

async function done(job: Job, answer: Record<string, unknown>): Promise<void> {
  const { client_id, kind, owner, subject, title } = job
  await database.transaction('rw', database.jobs, database.sent, async () => {
    await database.jobs.delete(job.seq as number)
    await database.sent.put({ client_id, kind, owner, subject, title, answer: small(answer), sent_at: new Date(houseTime()).toISOString() })
    const old = await database.sent.orderBy('sent_at').reverse().offset(SENT_KEPT).primaryKeys()
    await database.sent.bulkDelete(old)
  })
  listeners.forEach((listener) => listener(job, answer))
}

/** What is worth keeping of an answer: names and states, not the whole case. */
function small(answer: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(answer).filter(([, value]) => value === null || typeof value !== 'object' || 'zh' in value))
}

/** One job; false when sending must pause. */
async function sendOne(job: Job): Promise<boolean> {
  sending.value = job.client_id
  try {
    await done(job, await deliver(job))
    return true
  } catch (error) {
    const seq = job.seq as number
    if (error instanceof RequestError && error.status === 401) {
      signedOut.value = true
      return true
    }
    if (job.kind === 'rating' && job.tries > 0 && error instanceof RequestError && error.status === 409) {
      // A rating is given once: the answer to an earlier try was lost.
      await done(job, {})
      return true
    }
    if (error instanceof RequestError && error.status < 500 && !TRY_AGAIN.includes(error.status)) {
      await database.jobs.update(seq, { state: 'refused', problem: error.problem, tries: job.tries + 1 })
      return true
    }
    await database.jobs.update(seq, { tries: job.tries + 1 })
    pause(job.tries, error instanceof RequestError ? error.retryAfter : null)
    return false
  } finally {
    sending.value = ''
  }
}

let timer: ReturnType<typeof setTimeout> | undefined
function pause(tries: number, wanted: number | null): void {
  // Jitter: a thousand phones that come back at once do not ask at once.
  const backOff = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(tries, 12)) * (0.7 + 0.6 * Math.random())
  wait(wanted ? wanted * 1000 : backOff)
}
function wait(milliseconds: number): void {
  clearTimeout(timer)
  nextTry.value = Date.now() + milliseconds
  timer = setTimeout(() => void wake(true), milliseconds)
}

async function run(): Promise<void> {
  for (let job = await next(); job; job = await next()) if (!(await sendOne(job))) return
}

let running = false
let asked = false
/** Sends what waits. `now` does not wait for the pause to end. */
export async function wake(now = false): Promise<void> {
  asked = true
  if (running || (!now && nextTry.value > Date.now())) return
  running = true
  clearTimeout(timer)
  nextTry.value = 0
  try {
    while (asked && nextTry.value === 0) {
      asked = false
      // Two tabs must not send at the same time; without locks (an insecure page) the id alone guards.
      if (!('locks' in navigator)) await run()
      else {
        await navigator.locks.request('xinji-outbox', { ifAvailable: true }, async (lock) => {
          if (lock) await run()
          else wait(BUSY_ELSEWHERE_MS)
        })
      }
    }
  } finally {
    running = false
  }
}

/** Follows the kept jobs and sends whenever the network may be back. Called once, at the start. */
export function startOutbox(): void {
  liveQuery(() => database.jobs.orderBy('seq').toArray()).subscribe((rows) => (jobs.value = rows))
  liveQuery(() => database.sent.orderBy('sent_at').reverse().toArray()).subscribe((rows) => (sent.value = rows))
  window.addEventListener('online', () => void wake(true))
  document.addEventListener('visibilitychange', () => void (document.visibilityState === 'visible' && wake(true)))
  void wake(true)
}
