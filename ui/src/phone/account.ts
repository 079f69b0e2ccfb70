import { district, readDistrict } from '@/api/district'
import { RequestError } from '@/api/request'
import { readSession, session, signIn as askSignIn, signOut as askSignOut } from '@/api/session'
import type { District, Session } from '@/api/types'
import { database, keep, kept } from './database'
import { signedOut, wake } from './outbox/outbox'
import { forgetPhotos, keepMap } from './shell'

/** Who uses the phone. Without a network the last person goes on with what is kept. */

export async function resume(): Promise<Session | null> {
  try {
    const found = await readSession()
    if (found) {
      await keep('session', found)
      signedOut.value = false
      void keepMap().catch(() => undefined)
    }
    return found
  } catch (error) {
    if (error instanceof RequestError && error.status < 500) return null
    session.value = (await kept<Session>('session'))?.value ?? null
    return session.value
  }
}

/** The declarations of the district, the kept ones without a network. */
export async function knowDistrict(): Promise<void> {
  try {
    await readDistrict()
    await keep('district', district.value)
  } catch {
    district.value ??= (await kept<District>('district'))?.value ?? null
  }
}

export async function signIn(name: string, password: string): Promise<void> {
  const found = await askSignIn(name, password)
  if (found.must_change_password) {
    // The desk's sign-in asks for the new password; the server answers nothing else before.
    location.assign('/sign-in')
    return
  }
  await keep('session', found)
  signedOut.value = false
  void keepMap().catch(() => undefined)
  void wake(true)
}

export async function signOut(): Promise<void> {
  const name = session.value?.name ?? ''
  await askSignOut().catch(() => undefined)
  session.value = null
  // What waits stays; what was only read goes.
  await database.kept.where('key').startsWith(`${name}/`).delete()
  await database.kept.delete('session')
  await forgetPhotos()
}
