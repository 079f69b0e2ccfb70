import { onScopeDispose, ref } from 'vue'
import { address } from './request'
import type { Case, EventItem, LatestChange, Stored, ThingState } from './types'

export interface Changes {
  latest: LatestChange
  thing: { id: string; state: ThingState }
  event: EventItem
  case: Case
  stored: Stored
}

type Listeners = { [Name in keyof Changes]: Set<(change: Changes[Name]) => void> }

/** Whether the shared stream is connected; the header shows it. */
export const streaming = ref(false)

const NAMES = ['latest', 'thing', 'event', 'case', 'stored'] as const

/** A Server-Sent Events line that opens again after a break and tells when it missed something. */
class Stream {
  private source: EventSource | null = null
  private timer: ReturnType<typeof setTimeout> | undefined
  private opened = false
  private begun: EventSource | null = null
  readonly listeners: Listeners = {
    latest: new Set(),
    thing: new Set(),
    event: new Set(),
    case: new Set(),
    stored: new Set(),
  }
  readonly reopened = new Set<() => void>()

  constructor(
    private readonly path: string,
    private readonly report: (open: boolean) => void,
  ) {}

  open(): void {
    const source = new EventSource(this.path)
    this.source = source
    source.onopen = () => {
      this.report(true)
      // A new line knows nothing of the one before: whoever listens reads again.
      if (this.opened && this.begun !== source) this.reread()
      this.opened = true
      this.begun = source
    }
    source.onerror = () => {
      this.report(false)
      // The browser tries again by itself, except after an HTTP error.
      if (source.readyState === EventSource.CLOSED) this.timer = setTimeout(() => this.open(), 5000)
    }
    // The browser's own line goes on where it was (Last-Event-ID); when it cannot, the server says so.
    source.addEventListener('behind', () => this.reread())
    for (const name of NAMES) this.relay(source, name)
  }

  private reread(): void {
    this.reopened.forEach((listener) => listener())
  }

  private relay<Name extends keyof Changes>(source: EventSource, name: Name): void {
    source.addEventListener(name, (message) => {
      const change = JSON.parse((message as MessageEvent<string>).data) as Changes[Name]
      this.listeners[name].forEach((listener) => listener(change))
    })
  }

  close(): void {
    clearTimeout(this.timer)
    this.source?.close()
    this.source = null
    this.opened = false
    this.report(false)
  }
}

const shared = new Stream('/api/changes', (open) => (streaming.value = open))
let sharedOpen = false

/** Opens the stream of the whole district; one per page, for as long as the session lasts. */
export function openChanges(): void {
  if (sharedOpen) return
  sharedOpen = true
  shared.open()
}

export function closeChanges(): void {
  if (!sharedOpen) return
  sharedOpen = false
  shared.close()
}

/** Calls `listener` at each change, until the calling component goes. */
export function onChange<Name extends keyof Changes>(
  name: Name,
  listener: (change: Changes[Name]) => void,
): void {
  shared.listeners[name].add(listener)
  onScopeDispose(() => shared.listeners[name].delete(listener))
}

/** Calls `listener` when changes were missed, by a break or a slow line: the page must read again. */
export function onReopened(listener: () => void): void {
  shared.reopened.add(listener)
  onScopeDispose(() => shared.reopened.delete(listener))
}

/** Latest values of one thing; returns the function that closes the line. */
export function watchThing(thing: string, listener: (change: LatestChange) => void): () => void {
  const stream = new Stream(address('/api/changes', { thing }), () => undefined)
  stream.listeners.latest.add(listener)
  stream.open()
  return () => stream.close()
}
