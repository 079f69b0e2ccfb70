/** The sheet of a pole as `/api/poles/{id}` answers it; what the page draws of it. */
export interface PoleMount {
  id: string
  slot: string
  device: string
  name: string
  thing: string
  owner: string
  weight_kg: number
  wind_area_m2: number
  rated_w: number
  height_m: number
  azimuth_deg: number | null
  bays: number[]
}

export interface PoleSlot {
  name: string
  place: 'top' | 'arm' | 'band' | 'base'
  low_m: number
  high_m: number
  weight_kg: number
  wind_area_m2: number
  interfaces: string[]
  mounts: PoleMount[]
  free: boolean
}

export interface Room {
  limit: number
  used: number
  left: number
}

export interface PoleConflict {
  name: string
  where: string
  field: string
  rule: string
  limit: number | null
  used: number | null
  wanted: number | null
  left: number | null
  unit: string
}

export interface PoleSheetAnswer {
  id: string
  height_m: number
  road: string
  status: string
  type_title: { zh: string; en: string } | null
  verified: boolean
  slots: PoleSlot[]
  sums: { weight_kg: Room; wind_area_m2: Room; rated_w: number; demand_w: number } | null
  conflicts: PoleConflict[]
  equipment_box: {
    id: string
    name: string
    bays: { number: number; mounts: { id: string; pole: string; device: string; name: string }[] }[]
    power_w: Room
    conflicts: PoleConflict[]
  } | null
  circuits: { power_box: string; circuit: number; load_percent: number | null; rating_a: number | null; voltage_v: number | null; power_w: Room | null; conflicts: PoleConflict[] }[]
  history: { at: string; mount: string; slot: string; device: string; name: string; owner: string; what: string; by: string }[]
}

export interface Drawn {
  slot: PoleSlot
  x: number
  y: number
  width: number
  height: number
}

export const DRAWING = { width: 470, height: 440, pole: 250, box: 92, gap: 6, top: 14, ground: 416 }

/** Where each slot stands: bands left of the pole, arms and the base right, the top above it. Slots
 *  that share a height stand beside each other. */
export function drawnSlots(slots: PoleSlot[]): { drawn: Drawn[]; y: (metres: number) => number; highest: number } {
  const highest = Math.max(1, ...slots.map((slot) => slot.high_m))
  const y = (metres: number) => DRAWING.ground - (metres / highest) * (DRAWING.ground - DRAWING.top)
  const columns: Record<'left' | 'right', PoleSlot[][]> = { left: [], right: [] }
  const drawn = slots.map((slot) => {
    const [top, bottom] = [y(slot.high_m), y(slot.low_m)]
    const size = { y: top + 1, height: Math.max(16, bottom - top - 2), width: DRAWING.box }
    if (slot.place === 'top') return { slot, x: DRAWING.pole - DRAWING.box / 2, ...size }
    const side = slot.place === 'band' ? 'left' : 'right'
    const free = columns[side].findIndex((column) => column.every((other) => other.low_m >= slot.high_m || other.high_m <= slot.low_m))
    const column = free < 0 ? columns[side].push([]) - 1 : free
    columns[side][column]?.push(slot)
    const step = DRAWING.gap + 4 + column * (DRAWING.box + DRAWING.gap)
    return { slot, x: side === 'left' ? DRAWING.pole - step - DRAWING.box : DRAWING.pole + step, ...size }
  })
  return { drawn, y, highest }
}
