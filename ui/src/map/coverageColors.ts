import { NOTHING, type PredictedLayer } from '@/api/coverage'

/** Colours of a layer in classes. Below the threshold of coverage warm and dark, above it viridis:
 *  the two families differ in blue against red and in lightness, so that colour-blind readers tell
 *  them apart as well. */
export interface Ramp {
  /** Upper borders of the classes but the last, rising. */
  borders: number[]
  /** One more than borders. */
  colors: string[]
  /** The border below which a cell is not covered. */
  threshold: number | null
}

const VIRIDIS = ['#31508c', '#277f8e', '#1fa187', '#4ac16d', '#a0da39', '#f3e51d']
const BELOW = ['#5d0a22', '#b5323f', '#e2725b']
/** Layers whose numbers are amounts. */
export type Amount = Exclude<PredictedLayer, 'server'>

const BORDERS: Record<Amount, number[]> = {
  rsrp: [-115, -105, -95, -85, -75, -65, -55],
  sinr: [-6, -3, 0, 5, 10, 15, 20],
  rate: [10, 25, 50, 100, 200, 400],
}

/** Measured minus predicted, dB: weaker than predicted is red, stronger blue, as in a difference;
 *  what fits is a pale yellow, which stays apart from bare ground. */
export const RESIDUAL_RAMP: Ramp = {
  borders: [-12, -6, -2, 2, 6, 12],
  colors: ['#a50f2b', '#e8623d', '#fbc384', '#f2eda6', '#abd6e3', '#5596c4', '#2b4a97'],
  threshold: null,
}

/** The colour of a value in a ramp. */
export function colorIn(ramp: Ramp, value: number): string {
  const at = ramp.borders.findIndex((border) => value < border)
  return ramp.colors[at < 0 ? ramp.colors.length - 1 : at] as string
}

/** More is blue, less is red, no change is clear: classes of a difference in the layer's own unit. */
export const DIFFERENCE_COLORS = ['#8c0d25', '#d6604d', '#f4a582', '', '#92c5de', '#4393c3', '#16437e']
const DIFFERENCE_BORDERS: Record<Amount, [number, number, number]> = { rsrp: [1, 3, 10], sinr: [1, 3, 10], rate: [5, 20, 100] }

/** Borders of a difference, rising, on both sides of none. */
export function differenceBorders(layer: Amount): number[] {
  const borders = DIFFERENCE_BORDERS[layer]
  return [...borders.map((border) => -border).reverse(), ...borders]
}

function mixed(from: string, to: string, share: number): string {
  const part = (text: string, at: number) => parseInt(text.slice(1 + 2 * at, 3 + 2 * at), 16)
  const hex = [0, 1, 2].map((at) => Math.round(part(from, at) + share * (part(to, at) - part(from, at))))
  return `#${hex.map((value) => value.toString(16).padStart(2, '0')).join('')}`
}

/** `count` colours spread over a scale. */
function spread(scale: string[], count: number): string[] {
  return Array.from({ length: count }, (_, at) => {
    const place = count > 1 ? (at * (scale.length - 1)) / (count - 1) : scale.length - 1
    const low = Math.min(scale.length - 2, Math.floor(place))
    return mixed(scale[low] as string, scale[low + 1] as string, place - low)
  })
}

/** The classes of a layer; the threshold of coverage is always one of the borders. */
export function rampOf(layer: Amount, threshold: number | null): Ramp {
  const borders = [...new Set([...BORDERS[layer], ...(threshold === null ? [] : [threshold])])].sort((a, b) => a - b)
  const below = threshold === null ? 0 : borders.indexOf(threshold) + 1
  return {
    borders,
    colors: [...spread(BELOW, below), ...spread(VIRIDIS, borders.length + 1 - below)],
    threshold,
  }
}

/** A hue for each station: neighbours in the list are far apart in hue, and lightness alternates. */
export function stationColor(number: number): [number, number, number] {
  const hue = (number * 137.508) % 360
  return rgbOf(hue, 0.62, [0.42, 0.56, 0.7][number % 3] as number)
}

function rgbOf(hue: number, saturation: number, lightness: number): [number, number, number] {
  const reach = saturation * Math.min(lightness, 1 - lightness)
  const channel = (turn: number) => {
    const k = (turn + hue / 30) % 12
    return Math.round(255 * (lightness - reach * Math.max(-1, Math.min(k - 3, 9 - k, 1))))
  }
  return [channel(0), channel(8), channel(4)]
}

function rgb(color: string): [number, number, number] {
  return [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16)) as [number, number, number]
}

/** Colours of every number that a layer may hold: `table[number - NOTHING]`, ABGR as a canvas keeps it. */
function tableOf(colorOf: (number: number) => [number, number, number] | null, from: number, to: number): Uint32Array {
  const table = new Uint32Array(65_536)
  for (let number = from; number <= to; number++) {
    const color = colorOf(number)
    if (!color) continue
    const [r, g, b] = color
    table[number - NOTHING] = (255 << 24) | (b << 16) | (g << 8) | r
  }
  return table
}

export function rampTable(ramp: Ramp, scale: number): Uint32Array {
  const colors = ramp.colors.map(rgb)
  return tableOf((number) => {
    const value = number * scale
    let at = 0
    while (at < ramp.borders.length && value >= (ramp.borders[at] as number) - 1e-9) at++
    return colors[at] as [number, number, number]
  }, -32_000, 32_000)
}

/** Colours of `after - before`; a change below the first border stays clear. */
export function differenceTable(layer: Amount, scale: number): Uint32Array {
  const borders = differenceBorders(layer)
  const colors = DIFFERENCE_COLORS.map((color) => (color ? rgb(color) : null))
  return tableOf((number) => {
    const value = number * scale
    const at = value < 0 ? borders.findIndex((border) => value <= border) : borders.length - [...borders].reverse().findIndex((border) => value >= border)
    const inside = value < 0 ? (at < 0 || at > 2 ? 3 : at) : at > 3 && at <= borders.length ? at : 3
    return colors[inside] ?? null
  }, -32_000, 32_000)
}

/** `stations[n]` numbers the station of sector `n`. */
export function serverTable(stations: number[]): Uint32Array {
  const colors = stations.map(stationColor)
  return tableOf((number) => colors[number] as [number, number, number], 0, stations.length - 1)
}

/** Paints numbers on a canvas; the southern row comes first and is drawn last. */
export function paintNumbers(canvas: HTMLCanvasElement, numbers: Int16Array, rows: number, columns: number, table: Uint32Array): void {
  canvas.width = columns
  canvas.height = rows
  const context = canvas.getContext('2d') as CanvasRenderingContext2D
  const image = context.createImageData(columns, rows)
  const pixels = new Uint32Array(image.data.buffer)
  for (let row = 0; row < rows; row++) {
    const from = row * columns
    const to = (rows - 1 - row) * columns
    for (let column = 0; column < columns; column++) {
      pixels[to + column] = table[(numbers[from + column] as number) - NOTHING] as number
    }
  }
  context.putImageData(image, 0, 0)
}
