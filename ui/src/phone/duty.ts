import { ref, watch } from 'vue'
import { put } from '@/api/request'
import { session } from '@/api/session'
import { locate } from './place'

/** On duty, the phone says where it is once a minute. Only the latest place matters, so this is not
 *  kept in the outbox: a place of an hour ago helps nobody. */
const STORED = 'xinji-on-duty'
const EVERY_MS = 60_000

export const onDuty = ref(localStorage.getItem(STORED) === '1')
export const toldAt = ref<string | null>(null)
export const dutyProblem = ref('')

async function tell(): Promise<void> {
  if (!session.value) return
  const place = await locate()
  if (!place) return
  try {
    const { longitude, latitude } = place
    const answer = await put<{ seen_at?: string } | undefined>('/api/work/position', { longitude, latitude, on_duty: onDuty.value })
    toldAt.value = answer?.seen_at ?? new Date().toISOString()
    dutyProblem.value = ''
  } catch (error) {
    dutyProblem.value = (error as Error).message
  }
}

let timer: ReturnType<typeof setInterval> | undefined
/** Follows the switch, for as long as the app lives. */
export function startDuty(): void {
  watch(onDuty, (now, before) => {
    localStorage.setItem(STORED, now ? '1' : '0')
    clearInterval(timer)
    // Going off duty is told too; being off duty at the start is nothing new.
    if (now || before) void tell()
    if (now) timer = setInterval(() => void tell(), EVERY_MS)
  }, { immediate: true })
}
