import { createRouter, createWebHistory } from 'vue-router'
import { closeChanges, openChanges } from '@/api/changes'
import { district, readDistrict } from '@/api/district'
import { RequestError } from '@/api/request'
import { readSession, session } from '@/api/session'
import type { Role } from '@/api/types'
import type { Key } from '@/language'
import DeskShell from './shell/DeskShell.vue'
import SignInPage from './pages/SignInPage.vue'

declare module 'vue-router' {
  interface RouteMeta {
    title?: Key
    open?: boolean
    /** The least role that the page is for. */
    role?: Role
  }
}

export const router = createRouter({
  history: createWebHistory(),
  routes: [
    { path: '/sign-in', name: 'sign-in', component: SignInPage, meta: { open: true, title: 'signIn.title' } },
    {
      path: '/',
      component: DeskShell,
      children: [
        { path: '', name: 'overview', component: () => import('./pages/OverviewPage.vue'), meta: { title: 'nav.overview' } },
        { path: 'things', name: 'things', component: () => import('./pages/ThingsPage.vue'), meta: { title: 'nav.things' } },
        { path: 'things/:id', name: 'thing', component: () => import('./pages/ThingPage.vue'), props: true, meta: { title: 'nav.things' } },
        { path: 'cases/:id?', name: 'cases', component: () => import('./pages/CasesPage.vue'), props: true, meta: { title: 'nav.cases' } },
        { path: 'plan/:id?', name: 'plan', component: () => import('./pages/PlanPage.vue'), props: true, meta: { title: 'nav.plan' } },
        { path: 'intake', name: 'intake', component: () => import('./pages/IntakePage.vue'), meta: { title: 'nav.intake' } },
        { path: 'reports', name: 'reports', component: () => import('./pages/ReportsPage.vue'), meta: { title: 'nav.reports' } },
        { path: 'questions', name: 'questions', component: () => import('./pages/QuestionsPage.vue'), meta: { title: 'nav.questions' } },
        { path: 'dispatch', name: 'dispatch', component: () => import('./pages/DispatchPage.vue'), meta: { title: 'nav.dispatch' } },
        { path: 'checks', name: 'checks', component: () => import('./pages/ChecksPage.vue'), meta: { title: 'nav.checks' } },
        { path: 'evaluation', name: 'evaluation', component: () => import('./pages/EvaluationPage.vue'), meta: { title: 'nav.evaluation' } },
        { path: 'classes/:tab?', name: 'classes', component: () => import('./pages/ClassesPage.vue'), props: true, meta: { title: 'nav.classes' } },
        { path: 'coverage/:tab?', name: 'coverage', component: () => import('./pages/CoveragePage.vue'), props: true, meta: { title: 'nav.coverage' } },
        { path: 'rules/:id?', name: 'rules', component: () => import('./pages/RulesPage.vue'), props: true, meta: { title: 'nav.rules' } },
        { path: 'audit', name: 'audit', component: () => import('./pages/AuditPage.vue'), meta: { title: 'nav.audit', role: 'administrator' } },
        { path: 'refusals', name: 'refusals', component: () => import('./pages/RefusalsPage.vue'), meta: { title: 'nav.refusals', role: 'operator' } },
        { path: 'tokens', name: 'tokens', component: () => import('./pages/TokensPage.vue'), meta: { title: 'nav.tokens' } },
        { path: 'credentials', name: 'credentials', component: () => import('./pages/CredentialsPage.vue'), meta: { title: 'nav.credentials', role: 'administrator' } },
        { path: 'users/:name?', name: 'users', component: () => import('./pages/UsersPage.vue'), props: true, meta: { title: 'nav.users', role: 'administrator' } },
        { path: ':rest(.*)*', component: () => import('./pages/NotFoundPage.vue'), meta: { title: 'app.notFound' } },
      ],
    },
  ],
})

/** Ends what belongs to the session and goes to sign-in, which leads back to where one was. */
export function leaveForSignIn(): void {
  session.value = null
  closeChanges()
  const here = router.currentRoute.value
  if (here.meta.open) return
  void router.push({ name: 'sign-in', query: { next: here.fullPath, ended: '1' } })
}

router.beforeEach(async (to) => {
  if (to.meta.open) return true
  try {
    if (!session.value && !(await readSession())) return { name: 'sign-in', query: { next: to.fullPath } }
    if (session.value?.must_change_password) return { name: 'sign-in', query: { next: to.fullPath } }
    if (!district.value) await readDistrict()
    openChanges()
    return true
  } catch (error) {
    const unreachable = !(error instanceof RequestError) || error.status !== 401
    return { name: 'sign-in', query: { next: to.fullPath, ...(unreachable ? { unreachable: '1' } : {}) } }
  }
})
