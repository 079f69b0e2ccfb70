import { createRouter, createWebHashHistory } from 'vue-router'
import { district } from '@/api/district'
import { session } from '@/api/session'
import type { Key } from '@/language'
import { knowDistrict, resume } from './account'
import TasksPage from './pages/TasksPage.vue'

declare module 'vue-router' {
  interface RouteMeta {
    title?: Key
    open?: boolean
    /** Shows the bar of the workers' pages below. */
    bar?: boolean
  }
}

export const router = createRouter({
  history: createWebHashHistory(),
  routes: [
    { path: '/', redirect: '/tasks' },
    { path: '/tasks', name: 'tasks', component: TasksPage, meta: { bar: true, title: 'phone.tasks' } },
    { path: '/case/:id', name: 'case', component: () => import('./pages/CasePage.vue'), props: true, meta: { title: 'phone.details' } },
    { path: '/report', name: 'report', component: () => import('./pages/ReportPage.vue'), meta: { bar: true, title: 'phone.report' } },
    { path: '/checks', name: 'checks', component: () => import('./pages/ChecksPage.vue'), meta: { bar: true, title: 'phone.checks' } },
    { path: '/queue', name: 'queue', component: () => import('./pages/QueuePage.vue'), meta: { bar: true, open: true, title: 'phone.queue' } },
    { path: '/me', name: 'me', component: () => import('./pages/MePage.vue'), meta: { bar: true, title: 'phone.me' } },
    { path: '/sign-in', name: 'sign-in', component: () => import('./pages/SignInPage.vue'), meta: { open: true, title: 'signIn.title' } },
    { path: '/resident/:tab?', name: 'resident', component: () => import('./resident/ResidentPage.vue'), props: true, meta: { open: true, title: 'resident.title' } },
    { path: '/:rest(.*)*', redirect: '/tasks' },
  ],
})

let resumed = false
router.beforeEach(async (to) => {
  if (!resumed) {
    resumed = true
    // A resident has no session, and asking for one is no error.
    await resume()
  }
  if (to.meta.open) return true
  if (!session.value) return { name: 'sign-in', query: { next: to.fullPath } }
  if (!district.value) await knowDistrict()
  return true
})
