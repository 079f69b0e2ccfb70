import type { Title } from '@/api/types'

/** The public stages of GB/T 30428 in their order; the API names a stage by its Chinese word. */
export const STAGES: readonly Title[] = [
  { zh: '受理', en: 'Received' },
  { zh: '立案', en: 'Filed' },
  { zh: '派遣', en: 'Dispatched' },
  { zh: '处置', en: 'Handling' },
  { zh: '核查', en: 'Verification' },
  { zh: '结案', en: 'Closed' },
]

export function stageTitle(stage: string): Title {
  return STAGES.find((title) => title.zh === stage) ?? { zh: stage, en: stage }
}
