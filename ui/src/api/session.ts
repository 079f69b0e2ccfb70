import { shallowRef } from 'vue'
import { get, post } from './request'
import type { Session } from './types'

/** The session of this page; null before sign-in and after its end. */
export const session = shallowRef<Session | null>(null)

/** Asks the server who this is; null when nobody is signed in. */
export async function readSession(): Promise<Session | null> {
  session.value = (await get<Session | undefined>('/api/session', {}, undefined, true)) ?? null
  return session.value
}

export async function signIn(name: string, password: string): Promise<Session> {
  session.value = await post<Session>('/api/sign-in', { name, password }, true)
  return session.value
}

export async function signOut(): Promise<void> {
  await post('/api/sign-out', {}, true)
  session.value = null
}

/** Changes the password. The server ends every session of the person, so this page signs in anew. */
export async function changePassword(old: string, replacement: string): Promise<void> {
  await post('/api/session/password', { old, new: replacement }, true)
  if (session.value) await signIn(session.value.name, replacement)
}
