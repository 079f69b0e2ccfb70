/** An id that nobody else makes: what is sent twice under it is done once.
 *  `crypto.randomUUID` needs a secure page; a district's own network may not be one. */
export function newId(prefix: string): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12))
  return `${prefix}:${[...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`
}
