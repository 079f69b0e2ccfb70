import { problemText, RequestError } from '@/api/request'
import { t, type Key } from './index'

/** What a refused request means in the words of its page: by the field that the server names, then by
 *  what every page has in common, else as the server says it. */
export function problemIn(error: unknown, fields: Record<string, Key> = {}): string {
  if (!(error instanceof RequestError)) return t('problem.unreachable')
  const { status, problem, retryAfter } = error
  const field = problem.field ?? ''
  const key = fields[field] ?? fields[field.split(/[.[]/)[0] ?? '']
  if (key) return t(key, { field, rule: problem.rule ?? '' })
  if (status === 403) return t('problem.notAllowed')
  if (status === 404) return t('problem.gone')
  if (status === 503) return t('problem.busy', { seconds: retryAfter ?? 5 })
  return problemText(error)
}
