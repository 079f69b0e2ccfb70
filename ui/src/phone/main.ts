import { createApp } from 'vue'
import './vant'
import '@/theme/theme.css'
import './phone.css'
import { whenUnauthorized } from '@/api/request'
import App from './App.vue'
import { startDuty } from './duty'
import { signedOut, startOutbox } from './outbox/outbox'
import { router } from './router'
import { startShell } from './shell'

// A session that ended does not throw away what is on the screen: the outbox says so, and the next
// page that needs the server asks for the sign-in.
whenUnauthorized(() => {
  signedOut.value = true
  const here = router.currentRoute.value
  if (!here.meta.open) void router.push({ name: 'sign-in', query: { next: here.fullPath } })
})

createApp(App).use(router).mount('#phone')
startOutbox()
startDuty()
startShell()
