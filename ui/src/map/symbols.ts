/** The symbols that a kind may name in `icon`; drawn on the map, in legends and in lists.
 *  Each is a stroke path in a box of 24 x 24, so that it stays legible at 12 pixels. */
export const SYMBOLS: Record<string, string> = {
  dot: 'M12 8a4 4 0 1 0 0 8a4 4 0 1 0 0-8',
  parking: 'M8 20V4h5.5a4.5 4.5 0 0 1 0 9H8',
  bay: 'M5 21V4h14v17M9 21v-5h6v5M12 8h0',
  lane: 'M6 21 9 3M18 21 15 3M12 5v3M12 11v3M12 17v3',
  'base-station': 'M12 9v12M8 21h8M12 6a1.5 1.5 0 1 0 0 3a1.5 1.5 0 1 0 0-3M7.5 12a6 6 0 0 1 0-9M16.5 12a6 6 0 0 0 0-9',
  pole: 'M12 3v18M8 21h8M12 5h7M19 5v3M12 10H7v5',
  camera: 'M3 8h12v8H3zM15 11l6-3v8l-6-3',
  charger: 'M13 2 5 14h6l-1 8 8-12h-6z',
  locker: 'M4 4h16v16H4zM4 12h16M12 4v16M9 8h0M17 8h0',
  bike: 'M6 13a4 4 0 1 0 0 8a4 4 0 1 0 0-8M18 13a4 4 0 1 0 0 8a4 4 0 1 0 0-8M6 17l4-9h5l3 9M9 5h3M10 8l5 9',
  screen: 'M3 4h18v12H3zM12 16v5M8 21h8',
  'station-air': 'M3 9h11a3 3 0 1 0-3-3M3 14h15a3 3 0 1 1-3 3M3 19h6',
  water: 'M12 3c4 5 6 8 6 11a6 6 0 0 1-12 0c0-3 2-6 6-11',
  building: 'M5 21V4h9v17M14 10h5v11M3 21h18M8 8h3M8 12h3M8 16h3',
  warehouse: 'M3 21V9l9-5 9 5v12M7 21v-8h10v8M7 17h10',
  vehicle: 'M3 16v-4l2-5h10l3 5h3v4zM7 16a2 2 0 1 0 .1 0M17 16a2 2 0 1 0 .1 0',
  bin: 'M5 7h14M9 7V4h6v3M7 7l1 14h8l1-14',
  health: 'M12 4v16M4 12h16',
  server: 'M4 4h16v6H4zM4 14h16v6H4zM8 7h0M8 17h0',
  person: 'M12 4a4 4 0 1 0 0 8a4 4 0 1 0 0-8M4 21c0-5 4-7 8-7s8 2 8 7',
  gateway: 'M12 15v6M6 21h12M4 11a11 11 0 0 1 16 0M8 14a6 6 0 0 1 8 0',
  thermometer: 'M10 14V5a2 2 0 0 1 4 0v9a4 4 0 1 1-4 0',
}

/** The path of a symbol; an unknown name falls back to a dot, so that a new kind always shows. */
export function symbolPath(icon: string): string {
  return SYMBOLS[icon] ?? (SYMBOLS.dot as string)
}

const SIZE = 24
const RATIO = 2

/** A white symbol for the map, at twice its size for sharp screens. */
export function drawSymbol(icon: string): ImageData {
  const canvas = document.createElement('canvas')
  canvas.width = canvas.height = SIZE * RATIO
  const context = canvas.getContext('2d') as CanvasRenderingContext2D
  context.scale(RATIO, RATIO)
  context.strokeStyle = '#ffffff'
  context.lineWidth = 2.6
  context.lineCap = 'round'
  context.lineJoin = 'round'
  context.stroke(new Path2D(symbolPath(icon)))
  return context.getImageData(0, 0, canvas.width, canvas.height)
}

export const SYMBOL_PIXEL_RATIO = RATIO
