import { shallowRef } from 'vue'
import type { PlanAnswer } from '@/api/coverage'

/** The last answer of siting, with the job whose files can be exported. */
export interface FoundPlan {
  job: string
  answer: PlanAnswer
}
export const plan = shallowRef<FoundPlan | null>(null)
