// The phone's shell without a network. The build writes the three names in capitals.
const VERSION = '__VERSION__'
const FILES = __FILES__
// A third of all bytes: kept when a worker signs in, not for a resident who may never open a map.
const MAP = __MAP__

const SHELL = `xinji-phone-${VERSION}`
const PHOTOS = 'xinji-photos'
const LASTING = 'xinji-lasting'
const MOST_PHOTOS = 300

self.addEventListener('install', (event) => {
  event.waitUntil(caches.open(SHELL).then((cache) => cache.addAll(['/phone', ...FILES])))
})

self.addEventListener('activate', (event) => {
  const kept = [SHELL, PHOTOS, LASTING]
  event.waitUntil(
    caches
      .keys()
      .then((names) => Promise.all(names.filter((name) => name.startsWith('xinji-') && !kept.includes(name)).map((name) => caches.delete(name))))
      .then(() => self.clients.claim()),
  )
})

// A new version waits until the person agrees: a form that is being filled in is not lost.
self.addEventListener('message', (event) => {
  if (event.data === 'take-over') void self.skipWaiting()
  if (event.data === 'keep-map') event.waitUntil(keepMap())
})

async function keepMap() {
  const cache = await caches.open(SHELL)
  const known = (await cache.keys()).map((request) => new URL(request.url).pathname)
  await cache.addAll(MAP.filter((path) => !known.includes(path)))
}

async function shell(request) {
  const cache = await caches.open(SHELL)
  return (await cache.match(request, { ignoreSearch: true })) ?? fetch(request)
}

// A photo never changes: its name is the digest of its bytes.
async function photo(request) {
  const cache = await caches.open(PHOTOS)
  const known = await cache.match(request)
  if (known) return known
  const answer = await fetch(request)
  if (answer.ok) {
    await cache.put(request, answer.clone())
    const names = await cache.keys()
    for (const name of names.slice(0, Math.max(0, names.length - MOST_PHOTOS))) await cache.delete(name)
  }
  return answer
}

// The base map seldom changes: the network's if there is one, else the last.
async function lasting(request) {
  const cache = await caches.open(LASTING)
  try {
    const answer = await fetch(request)
    if (answer.ok) await cache.put(request, answer.clone())
    return answer
  } catch (error) {
    const known = await cache.match(request)
    if (known) return known
    throw error
  }
}

self.addEventListener('fetch', (event) => {
  const { request } = event
  const address = new URL(request.url)
  if (request.method !== 'GET' || address.origin !== self.location.origin) return
  const path = address.pathname
  if (request.mode === 'navigate') {
    if (path === '/phone' || path.startsWith('/phone/')) event.respondWith(shell('/phone'))
  } else if (FILES.includes(path) || MAP.includes(path)) event.respondWith(shell(request))
  else if (path.startsWith('/api/photos/')) event.respondWith(photo(request))
  else if (path === '/api/basemap') event.respondWith(lasting(request))
})
