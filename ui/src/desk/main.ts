import { createApp } from 'vue'
import './element'
import '@/theme/theme.css'
import { whenUnauthorized } from '@/api/request'
import App from './App.vue'
import { leaveForSignIn, router } from './router'

whenUnauthorized(leaveForSignIn)
createApp(App).use(router).mount('#desk')
