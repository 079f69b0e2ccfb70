import type { FeatureCollection } from 'geojson'
import { address, get, RequestError } from './request'
import type { Problem, Source, Title } from './types'

/** What `/api/coverage` answers, as docs/coverage.md writes it. */

export type PredictedLayer = 'rsrp' | 'sinr' | 'server' | 'rate'
export const PREDICTED_LAYERS: readonly PredictedLayer[] = ['rsrp', 'sinr', 'server', 'rate']
/** What drive tests add to today's map, and the map with it. */
export type MeasuredLayer = 'residual' | 'corrected'
export const MEASURED_LAYERS: readonly MeasuredLayer[] = ['residual', 'corrected']
export type LayerName = PredictedLayer | MeasuredLayer

export const isMeasured = (layer: LayerName): layer is MeasuredLayer => (MEASURED_LAYERS as readonly string[]).includes(layer)

/** Shares of 1; null where there is nothing to share. */
export interface Share {
  outdoor: number | null
  road: number | null
  indoor: number | null
  mean_rate_mbps: number | null
  grades: Record<string, number>
}

export interface Candidate {
  type: string
  cost: number
  height_m: number
  eirp_dbm: number
  tilt_deg: number
  frequency_ghz: number
}

export interface CoverageParameters {
  receiver: { height_m: number }
  covered: { rsrp_dbm: number; sinr_db: number }
  grades: { name: string; title: Title; rsrp_dbm: number; sinr_db: number }[]
  candidates: Record<string, Candidate>
}

export interface Grid {
  rows: number
  columns: number
  cell_m: number
  /** NW, NE, SE, SW as longitude and latitude. */
  corners: [[number, number], [number, number], [number, number], [number, number]]
}

/** How good the interpolated residual is, by runs held out; X is before, offset or after. */
export interface ResidualFigures {
  runs: number
  samples: number
  /** Ids of the drive tests that it comes from. */
  tests: string[]
  mean_db: number
  spread_db: number
  /** As far as a measurement is near, metres. */
  range_m: number
  rmse_before_db: number
  rmse_offset_db: number
  rmse_after_db: number
}

/** A computation that changes the maps, whoever began it. */
export interface MapJob {
  id: string
  name: 'coverage.compute' | 'coverage.residuals' | 'coverage.confidence'
  state: 'waiting' | 'running'
  done: number
  total: number
  mine: boolean
  may_cancel: boolean
}

export interface OperatorSummary {
  operator: string
  stations: number
  sectors: number
  carriers_ghz: number[]
  residual: ResidualFigures | null
  /** By code of area; the empty code is the whole district. */
  areas: Record<string, Share>
}

export interface CoverageSummary {
  sectors: number
  buildings: number
  computed_at: string | null
  stale: boolean
  source?: Source
  grid?: Grid
  parameters: CoverageParameters
  layers: Record<LayerName | 'deviation', { unit: string; scale: number }>
  operators: OperatorSummary[]
  jobs: MapJob[]
}

export interface Sector {
  sector: string
  station: string
  name: string
  type: string
  longitude: number
  latitude: number
  height_m: number
  azimuth_deg: number
  tilt_deg: number
  /** Of one resource element; null when it is switched off. */
  eirp_dbm: number | null
  frequency_ghz: number
  pci: number | null
  mounted_on: string
}

export interface Crossing {
  building: string
  entry_m: number
  exit_m: number
  top_m: number
  line_at_entry_m: number
  line_at_exit_m: number
  depth_m: number
}

export interface Link {
  sector: string
  station: string
  name: string
  distance_m: number
  station_height_m: number
  in_sight: boolean
  depth_m: number
  gain_db: number
  off_axis_deg: number
  loss_db: number
  loss_in_sight_db: number
  rsrp_dbm: number
  crossings: Crossing[]
}

export interface CoveragePlace {
  longitude: number
  latitude: number
  building: string | null
  rsrp_dbm: number | null
  sinr_db: number | null
  rate_mbps: number
  covered: boolean
  missing: ('rsrp' | 'sinr')[]
  server: string | null
  /** What drive tests add here; null where nobody measured near. */
  residual: { residual_db: number; deviation_db: number; corrected_dbm: number } | null
  links: Link[]
}

export type Edit =
  | { change: 'sector'; sector: string; azimuth_deg?: number | null; tilt_deg?: number | null; eirp_dbm?: number | null }
  | { change: 'height'; station: string; height_m: number }
  | { change: 'remove'; station: string }
  | {
      change: 'add'
      station: string
      name?: string
      type: 'macro' | 'pole'
      longitude: number
      latitude: number
      height_m: number
      sectors: { azimuth_deg: number; tilt_deg: number; eirp_dbm: number; frequency_ghz: number }[]
    }

export interface OperatorEdit {
  operator: string
  edit: Edit
}

export interface Change {
  before: Share
  after: Share
}

export interface Figures extends Change {
  /** By code of sub-district. */
  areas: Record<string, Change>
}

export interface ScenarioItem {
  id: string
  name: string
  edits: number
  created_by: string
  created_at: string
  revision: number
}

export interface Scenario extends Omit<ScenarioItem, 'edits'> {
  edits: OperatorEdit[]
  figures: Record<string, Figures>
}

export interface Job<T> {
  id: string
  name: string
  state: 'waiting' | 'running' | 'done' | 'failed' | 'cancelled'
  done: number
  total: number
  answer: T | null
  failure: string
}

export interface PlanSite {
  layer: string
  id: string
  longitude: number
  latitude: number
  height_m: number
  cost: number
  gain: number
}

/** Shares in per cent. */
export interface PlanAnswer {
  objective: number
  bound: number
  gap: number
  how: string
  demand: number
  candidates: number
  cost: number
  coverage_before: Record<string, number>
  coverage_after: Record<string, number>
  rsrp_before: Record<string, number>
  rsrp_after: Record<string, number>
  sinr_before: Record<string, number>
  sinr_after: Record<string, number>
  roads_before: Record<string, number>
  roads_after: Record<string, number>
  indoor_before: number
  indoor_after: number
  /** Weight covered in the map with the new sites and not before, and the other way round. */
  kept: number
  lost: number
  sites: PlanSite[]
  operators: string[]
  edits: OperatorEdit[]
}

export interface IndoorItem {
  id: string
  name: string
  use: string
  height_m: number
  longitude: number
  latitude: number
  facade_dbm: number | null
  inside_dbm: number | null
  reached: boolean
}

export interface IndoorAnswer {
  items: IndoorItem[]
  total: number
  reached: number
  of: number
}

export interface RowFault {
  row: number
  field: string
  rule: string
  value: unknown
}

export interface ImportReport {
  dry_run: boolean
  read: number
  kept: number
  refused: number
  new?: number
  changed?: number
  faults: RowFault[]
  doubts: RowFault[]
  fault_counts: Record<string, number>
  doubt_counts?: Record<string, number>
  notes: string[]
  datum: { datum: string; confidence: number; inside: Record<string, number> } | null
}

export interface DriveTest {
  id: string
  name: string
  operator: string
  started_at: string
  samples: number
  refused: number
}

export interface DriveSamples {
  longitude: number[]
  latitude: number[]
  measured_dbm: number[]
  predicted_dbm: (number | null)[]
  residual_db: (number | null)[]
}

/** What a grid holds where there is nothing: outside, indoors, no signal. */
export const NOTHING = -32_768

/** The numbers of one layer, the southern row first. */
export async function readGrid(operator: string, layer: LayerName | 'deviation', scenario: string, signal?: AbortSignal): Promise<Int16Array> {
  const path = address(`/api/coverage/maps/${operator}/${layer}`, { scenario })
  const response = await fetch(path, { credentials: 'same-origin', signal: signal ?? null })
  if (!response.ok) {
    const problem = (await response.json().catch(() => ({ type: '', title: response.statusText, status: response.status }))) as Problem
    throw new RequestError(response.status, problem, null)
  }
  const bytes = new DataView(await response.arrayBuffer())
  const numbers = new Int16Array(bytes.byteLength / 2)
  for (let at = 0; at < numbers.length; at++) numbers[at] = bytes.getInt16(2 * at, true)
  return numbers
}

export function readBuildings(box: { west: number; south: number; east: number; north: number }, signal?: AbortSignal): Promise<FeatureCollection> {
  return get<FeatureCollection>('/api/coverage/buildings', box, signal)
}

/** Where a place lies in the grid, or -1 outside of it. The corners span a parallelogram. */
export function cellAt(grid: Grid, longitude: number, latitude: number): number {
  const [northWest, , southEast, southWest] = grid.corners
  const [ax, ay] = [southEast[0] - southWest[0], southEast[1] - southWest[1]]
  const [bx, by] = [northWest[0] - southWest[0], northWest[1] - southWest[1]]
  const [x, y] = [longitude - southWest[0], latitude - southWest[1]]
  const whole = ax * by - ay * bx
  const column = Math.floor(((x * by - y * bx) / whole) * grid.columns)
  const row = Math.floor(((ax * y - ay * x) / whole) * grid.rows)
  return column < 0 || row < 0 || column >= grid.columns || row >= grid.rows ? -1 : row * grid.columns + column
}
