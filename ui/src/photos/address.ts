/** Where a stored photo is, whole or narrower for lists. */
export function photoAddress(id: string, width?: number): string {
  const path = `/api/photos/${encodeURIComponent(id)}`
  return width ? `${path}?width=${width}` : path
}
