import { fileURLToPath, URL } from 'node:url'
import vue from '@vitejs/plugin-vue'
import { defineConfig, type Plugin } from 'vite'
import { compressed } from './compressed'
import { phoneShell } from './phoneShell'

/** Vant's icons: the font inside the style sheet is all that is needed, not the copy elsewhere. */
function ownIcons(): Plugin {
  return {
    name: 'own-icons',
    enforce: 'pre',
    transform(code, id) {
      if (!/vant\/es\/icon\/index\.css/.test(id)) return null
      return { code: code.replace(/,\s*url\("?\/\/[^)]*\)\s*format\([^)]*\)/g, ''), map: null }
    },
  }
}

export default defineConfig({
  plugins: [vue(), ownIcons(), phoneShell(), compressed()],
  resolve: { alias: { '@': fileURLToPath(new URL('./src', import.meta.url)) } },
  // The worker of MapLibre is an ES module that imports a shared chunk.
  worker: { format: 'es' },
  build: {
    outDir: '../src/xinji/web/page',
    emptyOutDir: true,
    target: 'es2022',
    // The map and the charts are large by nature and loaded only by the pages that draw them.
    chunkSizeWarningLimit: 1300,
    // The wall gets its own HTML file beside these.
    rollupOptions: { input: { desk: 'index.html', phone: 'phone.html' } },
  },
  server: {
    proxy: { '/api': { target: process.env.XINJI_URL ?? 'http://127.0.0.1:8080' } },
  },
})
