import Dexie, { type Table } from 'dexie'
import type { PhotoKind } from '@/api/urban'
import type { Problem, Title } from '@/api/types'

/** What the phone keeps in IndexedDB. It outlives a killed browser. */

export interface JobPhoto {
  blob: Blob
  kind: PhotoKind
  taken_at: string
  longitude: number | null
  latitude: number | null
  /** Its id once it is stored on the server; sending goes on behind it. */
  stored: string | null
}

export type JobKind = 'report' | 'public-report' | 'action' | 'spot-check' | 'rating'

/** Something that a person did and that the server must hear of, exactly once. */
export interface Job {
  /** The order in which things were done. */
  seq?: number
  /** Made once, with the job; the server does nothing twice under it. */
  client_id: string
  kind: JobKind
  /** Who did it; empty for a resident. */
  owner: string
  /** The case it is about, or empty. */
  subject: string
  /** Of an action: its name. */
  action: string
  title: Title
  path: string
  body: Record<string, unknown>
  /** By the field of the body that takes their ids: `photos`, `before`, `after`. */
  photos: Record<string, JobPhoto[]>
  made_at: string
  state: 'waiting' | 'refused'
  problem: Problem | null
  tries: number
}

/** What a report became, for the list of the sent. */
export interface Sent {
  client_id: string
  kind: JobKind
  owner: string
  subject: string
  title: Title
  sent_at: string
  answer: Record<string, unknown>
}

interface Kept {
  key: string
  value: unknown
  at: number
}

class PhoneDatabase extends Dexie {
  jobs!: Table<Job, number>
  sent!: Table<Sent, string>
  kept!: Table<Kept, string>

  constructor() {
    super('xinji-phone')
    this.version(1).stores({ jobs: '++seq, &client_id, subject', sent: 'client_id, sent_at', kept: 'key' })
  }
}

export const database = new PhoneDatabase()

/** Keeps an answer of the server for the time without a network. */
export async function keep(key: string, value: unknown): Promise<void> {
  await database.kept.put({ key, value, at: Date.now() })
}

export async function kept<T>(key: string): Promise<{ value: T; at: number } | null> {
  const row = await database.kept.get(key)
  return row ? { value: row.value as T, at: row.at } : null
}
