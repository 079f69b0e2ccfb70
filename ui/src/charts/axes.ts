import { timeText } from '@/format/time'
import { INK_SOFT, LINE } from '@/theme/colors'

export const FONT = 'PingFang SC, Microsoft YaHei, Noto Sans CJK SC, sans-serif'
export const GRID = { left: 12, right: 24, top: 40, bottom: 8, containLabel: true }

/** A time axis in the district's own time, whatever the zone of the browser. */
export function timeAxis(from: number, to: number) {
  const long = to - from > 36 * 3600_000
  return {
    type: 'time' as const,
    min: from,
    max: to,
    axisLabel: {
      color: INK_SOFT,
      hideOverlap: true,
      formatter: (time: number) => (long ? timeText(time).slice(5, 16) : timeText(time).slice(11, 16)),
    },
    axisLine: { lineStyle: { color: LINE } },
    splitLine: { show: false },
  }
}

export function valueAxis(name: string) {
  return {
    type: 'value' as const,
    name,
    nameTextStyle: { color: INK_SOFT, align: 'left' as const },
    scale: true,
    axisLabel: { color: INK_SOFT },
    splitLine: { lineStyle: { color: LINE } },
  }
}
