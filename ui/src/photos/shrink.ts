/** Pictures as phones make them are far larger than a case needs. */

const LONGEST = 1920
const QUALITY = 0.85

/** A picture drawn on a canvas no longer than `LONGEST` on its longer side; turned upright. */
export async function drawn(file: Blob): Promise<HTMLCanvasElement> {
  const picture = await createImageBitmap(file, { imageOrientation: 'from-image' })
  const scale = Math.min(1, LONGEST / Math.max(picture.width, picture.height))
  const canvas = document.createElement('canvas')
  canvas.width = Math.round(picture.width * scale)
  canvas.height = Math.round(picture.height * scale)
  const context = canvas.getContext('2d') as CanvasRenderingContext2D
  context.drawImage(picture, 0, 0, canvas.width, canvas.height)
  picture.close()
  return canvas
}

/** The canvas as JPEG. Rejects when the browser cannot encode it. */
export function encoded(canvas: HTMLCanvasElement): Promise<Blob> {
  return new Promise((resolve, reject) =>
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error('canvas: not encoded'))), 'image/jpeg', QUALITY),
  )
}

/** The picture as a JPEG no longer than `LONGEST`. */
export async function shrunk(file: Blob): Promise<Blob> {
  return encoded(await drawn(file))
}
