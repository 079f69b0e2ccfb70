import { ref, watch } from 'vue'

/** Whether the tour is offered: until it was taken or refused once in this browser. */
const STORED = 'xinji-tour'
export const offered = ref(localStorage.getItem(STORED) !== 'done')
export const running = ref(false)

watch(offered, (now) => now || localStorage.setItem(STORED, 'done'))
