import { drawn, encoded } from './shrink'

/** Burns lines of text (time, place, case number) into the lower left of a picture.
 *  What is burnt in cannot be separated from the picture; it is a mark for people, not a proof. */
export async function watermarked(file: Blob, lines: string[]): Promise<Blob> {
  const canvas = await drawn(file)
  const context = canvas.getContext('2d') as CanvasRenderingContext2D
  const size = Math.max(14, Math.round(Math.min(canvas.width, canvas.height) / 32))
  const pad = Math.round(size * 0.7)
  const step = Math.round(size * 1.45)
  const height = step * lines.length + pad * 1.4
  context.font = `500 ${size}px "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif`
  context.fillStyle = 'rgb(0 0 0 / 55%)'
  context.fillRect(0, canvas.height - height, canvas.width, height)
  context.fillStyle = '#ffffff'
  context.textBaseline = 'top'
  lines.forEach((line, index) =>
    context.fillText(line, pad, canvas.height - height + pad * 0.9 + index * step, canvas.width - 2 * pad),
  )
  return encoded(canvas)
}
