import type { FeatureCollection, Geometry } from 'geojson'
import { computed, shallowRef } from 'vue'
import { get } from './request'
import type { AreaProperties, District, Kind, Property, SystemFamily, Title } from './types'

/** What every page needs once: declarations of systems, kinds, case types. */
export const district = shallowRef<District | null>(null)

export type Areas = FeatureCollection<Geometry | null, AreaProperties>
export const areas = shallowRef<AreaProperties[]>([])

/** Reads the district and its areas, once per sign-in. */
export async function readDistrict(): Promise<void> {
  const [read, collection] = await Promise.all([
    get<District>('/api/district'),
    get<Areas>('/api/areas'),
  ])
  areas.value = collection.features.map((feature) => feature.properties)
  district.value = read
}

const kinds = computed(() => new Map((district.value?.kinds ?? []).map((kind) => [kind.name, kind])))
const areaTitles = computed(() => new Map(areas.value.map((area) => [area.code, area.title])))
const classTitles = computed(
  () => new Map((district.value?.case_classes ?? []).map((item) => [item.name, item.title])),
)

export function kindOf(name: string): Kind | undefined {
  return kinds.value.get(name)
}

export function kindTitle(name: string): Title {
  return kinds.value.get(name)?.title ?? { zh: name, en: name }
}

export function propertyOf(kind: string, name: string): Property | undefined {
  return kinds.value.get(kind)?.properties.find((property) => property.name === name)
}

export function areaTitle(code: string): Title {
  return areaTitles.value.get(code) ?? { zh: code, en: code }
}

export function classTitle(name: string): Title {
  return classTitles.value.get(name) ?? { zh: name, en: name }
}

/** The four families of a plan, in the plan's order, also those without a system yet. */
export function familiesInOrder(): SystemFamily[] {
  const order = ['network', 'facilities', 'platforms', 'terminals']
  const rank = (name: string) => (order.includes(name) ? order.indexOf(name) : order.length)
  return [...(district.value?.families ?? [])].sort((a, b) => rank(a.name) - rank(b.name))
}
