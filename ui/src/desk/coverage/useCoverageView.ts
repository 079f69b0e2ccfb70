import { computed, onScopeDispose, ref, shallowRef, watch, type Ref } from 'vue'
import { readGrid, type CoverageSummary, type LayerName, type Sector } from '@/api/coverage'
import { get, problemText } from '@/api/request'
import { decimal } from '@/format/number'
import { rampOf, rampTable, serverTable, type Ramp } from '@/map/coverageColors'

/** Which map: `revision` tells two states of a scenario apart; an empty scenario is today. */
export interface Asked {
  operator: string
  layer: LayerName
  scenario: string
  revision: number
}

const UNITS: Record<LayerName, string> = { rsrp: 'dBm', sinr: 'dB', rate: 'Mbit/s', server: '' }

/** The classes of a layer by the thresholds that the house counts as covered; none for servers. */
export function rampFor(summary: CoverageSummary, layer: LayerName): Ramp | null {
  if (layer === 'server') return null
  const { rsrp_dbm, sinr_db } = summary.parameters.covered
  return rampOf(layer, { rsrp: rsrp_dbm, sinr: sinr_db, rate: null }[layer])
}

interface Shown {
  key: string
  layer: LayerName
  numbers: Int16Array
  sectors: Sector[]
}

/** Numbers, colours and sectors of one map. The last ones stay until all of the next have come. */
export function useCoverageView(summary: Ref<CoverageSummary>, asked: () => Asked) {
  const shown = shallowRef<Shown | null>(null)
  const reading = ref(false)
  const problem = ref('')
  let current: AbortController | null = null

  async function read(): Promise<void> {
    const { operator, layer, scenario, revision } = asked()
    current?.abort()
    const mine = new AbortController()
    current = mine
    reading.value = true
    try {
      const [numbers, sectors] = await Promise.all([
        readGrid(operator, layer, scenario, mine.signal),
        get<{ items: Sector[] }>('/api/coverage/sectors', { operator, scenario }, mine.signal),
      ])
      if (mine !== current) return
      shown.value = { key: `${operator} ${layer} ${scenario} ${revision}`, layer, numbers, sectors: sectors.items }
      problem.value = ''
    } catch (error) {
      if (mine === current) problem.value = problemText(error)
    } finally {
      if (mine === current) reading.value = false
    }
  }
  watch(() => [Object.values(asked()).join(' '), summary.value.computed_at], () => void read(), { immediate: true })
  onScopeDispose(() => {
    const last = current
    current = null
    last?.abort()
  })

  const sectors = computed(() => shown.value?.sectors ?? [])
  const numbers = computed(() => shown.value?.numbers ?? null)
  const stations = computed(() => {
    const known = new Map<string, number>()
    return sectors.value.map(({ station }) => {
      if (!known.has(station)) known.set(station, known.size)
      return known.get(station) as number
    })
  })
  const table = computed(() => {
    const now = shown.value
    if (!now) return null
    const ramp = rampFor(summary.value, now.layer)
    return ramp ? rampTable(ramp, summary.value.layers[now.layer].scale) : serverTable(stations.value)
  })
  function describe(number: number): string {
    const now = shown.value
    if (!now) return ''
    if (now.layer === 'server') {
      const sector = now.sectors[number]
      return sector ? `${sector.name} · ${decimal(sector.azimuth_deg, 0)}°` : ''
    }
    const scale = summary.value.layers[now.layer].scale
    return `${decimal(number * scale, scale < 1 ? 1 : 0)} ${UNITS[now.layer]}`
  }
  const key = computed(() => shown.value?.key ?? '')
  return { numbers, table, sectors, describe, reading, problem, key, read }
}
