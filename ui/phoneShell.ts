import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Plugin } from 'vite'

const ENTRY = 'phone.html'
const TEMPLATE = fileURLToPath(new URL('./src/phone/serviceWorker.js', import.meta.url))
const BESIDE = ['/phone.webmanifest', '/xinji.svg', '/phone-192.png']

/** Writes `phone-worker.js`: the service worker with the list of every file that the phone may ask
 *  for. A file is needed when a needed file names it, which holds for chunks, styles and workers. */
export function phoneShell(): Plugin {
  return {
    name: 'phone-shell',
    apply: 'build',
    enforce: 'post',
    generateBundle(_options, bundle) {
      const text = (name: string): string => {
        const part = bundle[name]
        if (!part) return ''
        if (part.type === 'chunk') {
          const styles = part.viteMetadata?.importedCss ?? []
          return [part.code, ...part.imports, ...part.dynamicImports, ...styles].join(' ')
        }
        return typeof part.source === 'string' ? part.source : ''
      }
      const names = Object.keys(bundle).filter((name) => name.startsWith('assets/'))
      const needed = new Set<string>()
      const follow = (from: string): void => {
        const said = text(from)
        for (const name of names) {
          if (needed.has(name) || !said.includes(name.slice('assets/'.length))) continue
          needed.add(name)
          follow(name)
        }
      }
      follow(ENTRY)
      if (!needed.size) this.error(`${ENTRY}: no file of it was found`)
      // what comes by way of the map library alone: kept for workers, who have maps on every page
      const map = new Set<string>()
      for (const part of Object.values(bundle)) {
        if (part.type !== 'chunk' || !part.moduleIds.some((id) => id.includes('/maplibre-gl/'))) continue
        for (const name of [part.fileName, ...(part.viteMetadata?.importedCss ?? [])]) map.add(name)
      }
      for (const name of names) if (name.includes('maplibre-gl-worker')) map.add(name)
      const all = [...needed].sort().map((name) => `/${name}`)
      const later = all.filter((name) => map.has(name.slice(1)))
      const files = [...all.filter((name) => !later.includes(name)), ...BESIDE]
      const worker = readFileSync(TEMPLATE, 'utf-8')
      const version = createHash('sha256').update(files.join() + later.join() + worker + text(ENTRY)).digest('hex').slice(0, 12)
      const source = worker.replace('__VERSION__', version).replace('__FILES__', JSON.stringify(files)).replace('__MAP__', JSON.stringify(later))
      this.emitFile({ type: 'asset', fileName: 'phone-worker.js', source })
    },
  }
}
