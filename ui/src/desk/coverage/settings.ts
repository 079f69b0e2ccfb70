import { reactive } from 'vue'
import type { LayerName } from '@/api/coverage'

/** What all maps of the page share: which operator, which layer, how strong. */
export const settings = reactive({
  operator: '',
  layer: 'rsrp' as LayerName,
  opacity: 0.75,
  sites: true,
  buildings: true,
})
