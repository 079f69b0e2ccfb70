import type { Problem } from './types'

/** An answer that is not 2xx, with the problem that the server states. */
export class RequestError extends Error {
  constructor(
    readonly status: number,
    readonly problem: Problem,
    /** Seconds of `Retry-After`, when the server gave it. */
    readonly retryAfter: number | null,
  ) {
    super(problem.detail ?? problem.title)
  }
}

let onUnauthorized: () => void = () => undefined

/** What to do when the session has ended; the router sets it once. */
export function whenUnauthorized(handler: () => void): void {
  onUnauthorized = handler
}

export type Filter = Record<string, string | number | boolean | null | undefined>

/** A path with the filters that are set; an empty one is left out. */
export function address(path: string, filter: Filter = {}): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(filter)) {
    if (value !== '' && value !== null && value !== undefined && value !== false) {
      query.set(name, String(value))
    }
  }
  const text = query.toString()
  return text ? `${path}?${text}` : path
}

async function problemOf(response: Response): Promise<Problem> {
  try {
    return (await response.json()) as Problem
  } catch {
    return { type: 'about:blank', title: response.statusText, status: response.status }
  }
}

async function request<T>(path: string, init: RequestInit, quiet = false): Promise<T> {
  const response = await fetch(path, { credentials: 'same-origin', ...init })
  if (!response.ok) {
    if (response.status === 401 && !quiet) onUnauthorized()
    const wait = response.headers.get('Retry-After')
    throw new RequestError(response.status, await problemOf(response), wait ? Number(wait) : null)
  }
  if (response.status === 204) return undefined as T
  return (await response.json()) as T
}

/** GET; the browser's cache answers with the ETag by itself. `quiet` leaves a 401 to the caller. */
export function get<T>(path: string, filter: Filter = {}, signal?: AbortSignal, quiet = false): Promise<T> {
  return request<T>(address(path, filter), { signal: signal ?? null }, quiet)
}

/** POST of JSON. `quiet` leaves a 401 to the caller (sign-in itself). */
export function post<T>(path: string, body: unknown, quiet = false): Promise<T> {
  const init = {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  }
  return request<T>(path, init, quiet)
}

/** PUT of JSON. */
export function put<T>(path: string, body: unknown): Promise<T> {
  return request<T>(path, {
    method: 'PUT',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  })
}

/** DELETE. */
export function remove(path: string): Promise<void> {
  return request<void>(path, { method: 'DELETE' })
}

/** POST of bytes as they are: a picture, a table. */
export function send<T>(path: string, filter: Filter, body: Blob, quiet = false): Promise<T> {
  const init = { method: 'POST', headers: { 'Content-Type': body.type || 'application/octet-stream' }, body }
  return request<T>(address(path, filter), init, quiet)
}

/** What a refused request says, with the field and the rule it broke. */
export function problemText(error: unknown): string {
  if (!(error instanceof RequestError)) return error instanceof Error ? error.message : String(error)
  const { field, rule, detail, title } = error.problem
  const said = detail ?? title
  const why = rule && !said.includes(rule) ? `${said}: ${rule}` : said
  return field && !why.includes(field) ? `${field}: ${why}` : why
}
