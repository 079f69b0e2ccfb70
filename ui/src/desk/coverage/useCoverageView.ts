import { computed, onScopeDispose, ref, shallowRef, watch, type Ref } from 'vue'
import { isMeasured, NOTHING, readGrid, type CoverageSummary, type LayerName, type Sector } from '@/api/coverage'
import { get, problemText } from '@/api/request'
import { decimal, signed } from '@/format/number'
import { t } from '@/language'
import { rampOf, rampTable, RESIDUAL_RAMP, serverTable, type Ramp } from '@/map/coverageColors'

/** Which map: `revision` tells two states of a scenario apart; an empty scenario is today. */
export interface Asked {
  operator: string
  layer: LayerName
  scenario: string
  revision: number
}

export const UNITS: Record<LayerName, string> = { rsrp: 'dBm', sinr: 'dB', rate: 'Mbit/s', server: '', residual: 'dB', corrected: 'dBm' }

/** The classes of a layer by the thresholds that the house counts as covered; none for servers. */
export function rampFor(summary: CoverageSummary, layer: LayerName): Ramp | null {
  const { rsrp_dbm, sinr_db } = summary.parameters.covered
  switch (layer) {
    case 'server': return null
    case 'residual': return RESIDUAL_RAMP
    case 'corrected': return rampOf('rsrp', rsrp_dbm)
    default: return rampOf(layer, { rsrp: rsrp_dbm, sinr: sinr_db, rate: null }[layer])
  }
}

/** What the residual of a map was learnt from; empty while there is none. */
export function residualOf(summary: CoverageSummary, operator: string): string {
  return summary.operators.find((item) => item.operator === operator)?.residual?.tests.join() ?? ''
}

/** Predicted, residual and its deviation, cell by cell: what is said of a cell of a measured layer. */
interface Measured {
  predicted: Int16Array
  residual: Int16Array
  deviation: Int16Array
}

interface Shown {
  key: string
  layer: LayerName
  numbers: Int16Array
  measured: Measured | null
  sectors: Sector[]
}

/** Numbers, colours and sectors of one map. The last ones stay until all of the next have come. */
export function useCoverageView(summary: Ref<CoverageSummary>, asked: () => Asked) {
  const shown = shallowRef<Shown | null>(null)
  const reading = ref(false)
  const problem = ref('')
  let current: AbortController | null = null

  async function readNumbers({ operator, layer, scenario }: Asked, signal: AbortSignal): Promise<Pick<Shown, 'numbers' | 'measured'>> {
    const grid = (name: LayerName | 'deviation') => readGrid(operator, name, scenario, signal)
    if (!isMeasured(layer)) return { numbers: await grid(layer), measured: null }
    if (!residualOf(summary.value, operator)) {
      const { rows, columns } = summary.value.grid ?? { rows: 0, columns: 0 }
      return { numbers: new Int16Array(rows * columns).fill(NOTHING), measured: null }
    }
    const [predicted, residual, deviation, numbers] = await Promise.all([grid('rsrp'), grid('residual'), grid('deviation'), grid(layer)])
    return { numbers, measured: { predicted, residual, deviation } }
  }

  async function read(): Promise<void> {
    const now = asked()
    const { operator, layer, scenario, revision } = now
    current?.abort()
    const mine = new AbortController()
    current = mine
    reading.value = true
    try {
      const [found, sectors] = await Promise.all([
        readNumbers(now, mine.signal),
        get<{ items: Sector[] }>('/api/coverage/sectors', { operator, scenario }, mine.signal),
      ])
      if (mine !== current) return
      shown.value = { key: `${operator} ${layer} ${scenario} ${revision}`, layer, ...found, sectors: sectors.items }
      problem.value = ''
    } catch (error) {
      if (mine === current) problem.value = problemText(error)
    } finally {
      if (mine === current) reading.value = false
    }
  }
  watch(
    () => [Object.values(asked()).join(' '), summary.value.computed_at, isMeasured(asked().layer) ? residualOf(summary.value, asked().operator) : ''].join(' '),
    () => void read(), { immediate: true },
  )
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
  function describe(number: number, cell: number): string {
    const now = shown.value
    if (!now) return ''
    if (now.layer === 'server') {
      const sector = now.sectors[number]
      return sector ? `${sector.name} · ${decimal(sector.azimuth_deg, 0)}°` : ''
    }
    if (now.measured) {
      const [predicted, residual, deviation] = [now.measured.predicted, now.measured.residual, now.measured.deviation].map((each) => (each[cell] ?? 0) / 10) as [number, number, number]
      return t('coverage.cellMeasured', {
        predicted: decimal(predicted, 1), residual: signed(residual, 1), deviation: decimal(deviation, 1), corrected: decimal(predicted + residual, 1),
      })
    }
    const scale = summary.value.layers[now.layer].scale
    return `${decimal(number * scale, scale < 1 ? 1 : 0)} ${UNITS[now.layer]}`
  }
  const key = computed(() => shown.value?.key ?? '')
  return { numbers, table, sectors, describe, reading, problem, key, read }
}
