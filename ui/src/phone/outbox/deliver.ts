import { address, RequestError } from '@/api/request'
import type { Problem } from '@/api/types'
import type { StoredPhoto } from '@/api/urban'
import { database, type Job, type JobPhoto } from '../database'

/** A mobile network may swallow an answer: after this the job is tried again, under its id. */
const PATIENCE_MS = 60_000

async function ask<T>(path: string, body: BodyInit, type: string): Promise<T> {
  const response = await fetch(path, {
    method: 'POST',
    credentials: 'same-origin',
    headers: { 'Content-Type': type },
    body,
    signal: AbortSignal.timeout(PATIENCE_MS),
  })
  if (response.ok) return (response.status === 204 ? {} : await response.json()) as T
  const wait = Number(response.headers.get('Retry-After')) || null
  const problem = (await response.json().catch(() => null)) as Problem | null
  throw new RequestError(response.status, problem ?? { type: 'about:blank', title: response.statusText || String(response.status), status: response.status }, wait)
}

async function storePhoto(job: Job, photo: JobPhoto): Promise<string> {
  const place = photo.longitude === null ? {} : { longitude: photo.longitude, latitude: photo.latitude }
  const path = job.kind === 'public-report' ? '/api/public/photos' : '/api/photos'
  const stored = await ask<StoredPhoto>(address(path, { kind: photo.kind, taken_at: photo.taken_at, ...place }), photo.blob, 'image/jpeg')
  return stored.id
}

/** The body with the ids of the photos where they belong. */
function complete(job: Job): Record<string, unknown> {
  const ids = Object.fromEntries(
    Object.entries(job.photos)
      .filter(([, photos]) => photos.length)
      .map(([field, photos]) => [field, photos.map((photo) => photo.stored)]),
  )
  if (job.kind !== 'action') return { ...job.body, ...ids, client_id: job.client_id }
  const evidence = { ...(job.body.evidence as Record<string, unknown> | undefined), ...ids }
  return { ...job.body, client_id: job.client_id, ...(Object.keys(evidence).length ? { evidence } : {}) }
}

/** Sends a job: its photos first, each kept as stored before the next, then what was done.
 *  Raises RequestError when refused, TypeError or DOMException when the network failed. */
export async function deliver(job: Job): Promise<Record<string, unknown>> {
  for (const photo of Object.values(job.photos).flat()) {
    if (photo.stored) continue
    photo.stored = await storePhoto(job, photo)
    await database.jobs.update(job.seq as number, { photos: job.photos })
  }
  return ask(job.path, JSON.stringify(complete(job)), 'application/json')
}
