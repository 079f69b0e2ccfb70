import type { FeatureCollection } from 'geojson'
import { computed, ref, shallowRef, watch } from 'vue'
import type { DriveSamples, DriveTest } from '@/api/coverage'
import { get, problemText, RequestError } from '@/api/request'
import { decimal } from '@/format/number'
import { t } from '@/language'
import { colorIn, RESIDUAL_RAMP } from '@/map/coverageColors'

/** Where there is nothing to compare with. */
const UNKNOWN = '#9aa5b1'

const colorOf = (residual: number | null) => (residual === null ? UNKNOWN : colorIn(RESIDUAL_RAMP, residual))

/** Drive tests of the house; `there` is false on a server that has none of them. */
export function useDriveTests() {
  const there = ref(false)
  const list = shallowRef<DriveTest[]>([])
  const chosen = ref('')
  const samples = shallowRef<DriveSamples | null>(null)
  const problem = ref('')

  async function readList(): Promise<void> {
    try {
      list.value = (await get<{ items: DriveTest[] }>('/api/coverage/drive-tests')).items
      there.value = true
    } catch (error) {
      there.value = !(error instanceof RequestError && (error.status === 404 || error.status === 403))
      if (there.value) problem.value = problemText(error)
    }
  }
  const choose = (id: string) => (chosen.value = id)
  watch(chosen, async (id) => {
    samples.value = null
    problem.value = ''
    if (!id) return
    try {
      const found = await get<DriveSamples>(`/api/coverage/drive-tests/${id}/samples`)
      if (id === chosen.value) samples.value = found
    } catch (error) {
      problem.value = problemText(error)
    }
  })

  const features = computed<FeatureCollection | null>(() => {
    const now = samples.value
    if (!now) return null
    const text = (value: number | null | undefined) => (value === null || value === undefined ? t('coverage.noPrediction') : decimal(value, 1))
    return {
      type: 'FeatureCollection',
      features: now.longitude.map((longitude, at) => ({
        type: 'Feature',
        geometry: { type: 'Point', coordinates: [longitude, now.latitude[at] as number] },
        properties: {
          color: colorOf(now.residual_db[at] ?? null),
          text: t('coverage.sampleTip', { measured: text(now.measured_dbm[at]), predicted: text(now.predicted_dbm[at]), residual: text(now.residual_db[at]) }),
        },
      })),
    }
  })
  /** Count, mean and standard deviation of the residuals. */
  const figures = computed(() => {
    const known = (samples.value?.residual_db ?? []).filter((value): value is number => value !== null)
    if (!known.length) return null
    const mean = known.reduce((sum, value) => sum + value, 0) / known.length
    const deviation = Math.sqrt(known.reduce((sum, value) => sum + (value - mean) ** 2, 0) / known.length)
    return { n: known.length, mean, deviation }
  })
  return { there, list, chosen, choose, features, figures, problem, readList }
}
export type DriveTests = ReturnType<typeof useDriveTests>
