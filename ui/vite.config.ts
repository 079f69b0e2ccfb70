import { fileURLToPath, URL } from 'node:url'
import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vite'

export default defineConfig({
  plugins: [vue()],
  resolve: { alias: { '@': fileURLToPath(new URL('./src', import.meta.url)) } },
  // The worker of MapLibre is an ES module that imports a shared chunk.
  worker: { format: 'es' },
  build: {
    outDir: '../src/xinji/web/page',
    emptyOutDir: true,
    target: 'es2022',
    // The map and the charts are large by nature and loaded only by the pages that draw them.
    chunkSizeWarningLimit: 1300,
    // Wall and phone get their own HTML file beside this one.
    rollupOptions: { input: { desk: 'index.html' } },
  },
  server: {
    proxy: { '/api': { target: process.env.XINJI_URL ?? 'http://127.0.0.1:8080' } },
  },
})
