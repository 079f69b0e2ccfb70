import { ref, shallowRef } from 'vue'

/** The installed app: its service worker, its storage, its place on the home screen. */

export const newVersion = ref(false)
export const persisted = ref<boolean | null>(null)
export const online = ref(navigator.onLine)

interface InstallPrompt extends Event {
  prompt: () => Promise<unknown>
}
export const installPrompt = shallowRef<InstallPrompt | null>(null)

let waitingWorker: ServiceWorker | null = null

function offer(worker: ServiceWorker | null): void {
  if (!worker || !navigator.serviceWorker.controller) return
  waitingWorker = worker
  newVersion.value = true
}

/** Takes the new version; the page reloads once it is in charge. */
export function takeNewVersion(): void {
  navigator.serviceWorker.addEventListener('controllerchange', () => location.reload(), { once: true })
  waitingWorker?.postMessage('take-over')
}

async function register(): Promise<void> {
  if (!('serviceWorker' in navigator) || !import.meta.env.PROD) return
  const registration = await navigator.serviceWorker.register('/phone-worker.js', { scope: '/phone' })
  offer(registration.waiting)
  registration.addEventListener('updatefound', () => {
    const worker = registration.installing
    worker?.addEventListener('statechange', () => worker.state === 'installed' && offer(worker))
  })
}

/** Keeps the map library for days without a network. */
export async function keepMap(): Promise<void> {
  if (!('serviceWorker' in navigator) || !import.meta.env.PROD) return
  const { active } = await navigator.serviceWorker.ready
  active?.postMessage('keep-map')
}

/** Asks the browser not to throw away what waits when space is short. */
async function persist(): Promise<void> {
  const storage = navigator.storage as StorageManager | undefined
  if (!storage?.persist) return
  persisted.value = (await storage.persisted()) || (await storage.persist())
}

export function startShell(): void {
  window.addEventListener('online', () => (online.value = true))
  window.addEventListener('offline', () => (online.value = false))
  window.addEventListener('beforeinstallprompt', (event) => {
    event.preventDefault()
    installPrompt.value = event as InstallPrompt
  })
  // Without a service worker (an insecure page) everything works but the start without a network.
  void register().catch(() => undefined)
  void persist().catch(() => undefined)
}

/** Photos of cases are not left behind for the next person. */
export async function forgetPhotos(): Promise<void> {
  if ('caches' in window) await caches.delete('xinji-photos')
}
