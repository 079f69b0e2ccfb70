import type { Link } from '@/api/coverage'
import type { EChartsOption } from '@/charts/echarts'
import { decimal } from '@/format/number'
import { t } from '@/language'
import { INK, INK_SOFT, LINE } from '@/theme/colors'

const BLOCKED = '#d7263d'

/** From where to where the line runs below a roof, in metres from the antenna. */
export function blockedParts(link: Link): [number, number][] {
  const parts: [number, number][] = []
  for (const each of link.crossings) {
    if (each.depth_m <= 0) continue
    const [a, b] = [each.line_at_entry_m, each.line_at_exit_m]
    // The line falls: where it is above the roof at the entry, it goes in where it meets the roof.
    const meets = a === b ? each.entry_m : each.entry_m + ((a - each.top_m) / (a - b)) * (each.exit_m - each.entry_m)
    if (a <= each.top_m && b <= each.top_m) parts.push([each.entry_m, each.exit_m])
    else if (a > each.top_m) parts.push([Math.min(each.exit_m, meets), each.exit_m])
    else parts.push([each.entry_m, Math.max(each.entry_m, meets)])
  }
  return parts
}

/** Heights along a link: the line from antenna to phone, buildings as blocks, what it runs through. */
export function profileOption(link: Link, phoneHeight: number): EChartsOption {
  const line = (at: number) => link.station_height_m + (at / link.distance_m) * (phoneHeight - link.station_height_m)
  const top = Math.max(link.station_height_m, ...link.crossings.map((each) => each.top_m))
  const blocks = link.crossings.map((each) => [
    {
      xAxis: each.entry_m, yAxis: 0, name: decimal(each.top_m, 0),
      itemStyle: { color: each.depth_m > 0 ? '#e9b8bd' : '#cdd4dc', borderColor: each.depth_m > 0 ? BLOCKED : '#8a95a1', borderWidth: 1 },
      label: { show: each.exit_m - each.entry_m > link.distance_m / 30, position: 'insideTop' as const, fontSize: 10, color: INK_SOFT },
    },
    { xAxis: each.exit_m, yAxis: each.top_m },
  ])
  return {
    animation: false,
    grid: { left: 8, right: 14, top: 26, bottom: 20, containLabel: true },
    tooltip: {
      trigger: 'axis',
      formatter: (items) => {
        const at = Number((Array.isArray(items) ? items[0] : items)?.value instanceof Array ? ((Array.isArray(items) ? items[0] : items)?.value as number[])[0] : 0)
        const inside = link.crossings.find((each) => at >= each.entry_m && at <= each.exit_m)
        const first = `${decimal(at, 0)} m · ${t('coverage.profileLine')} ${decimal(line(at), 1)} m`
        return inside ? `${first}<br/>${inside.building} ${decimal(inside.top_m, 1)} m` : first
      },
    },
    xAxis: {
      type: 'value', min: 0, max: Math.ceil(link.distance_m), axisLabel: { color: INK_SOFT, hideOverlap: true, showMaxLabel: false, formatter: '{value} m' },
      axisLine: { lineStyle: { color: '#8a95a1' } }, splitLine: { show: false },
    },
    yAxis: {
      type: 'value', min: 0, max: Math.ceil((top * 1.1) / 10) * 10, name: `${t('coverage.height')} m`, nameTextStyle: { color: INK_SOFT, align: 'left' },
      axisLabel: { color: INK_SOFT }, splitLine: { lineStyle: { color: LINE } },
    },
    series: [
      {
        type: 'line', showSymbol: false, lineStyle: { color: INK, width: 1.8 }, itemStyle: { color: INK },
        data: Array.from({ length: 41 }, (_, step) => [(step / 40) * link.distance_m, line((step / 40) * link.distance_m)]),
        markArea: { silent: true, data: blocks as never },
      },
      {
        type: 'scatter', silent: true, symbolSize: 9, itemStyle: { color: INK, borderColor: '#fff', borderWidth: 1.5 },
        data: [[0, link.station_height_m], [link.distance_m, phoneHeight]],
      },
      ...blockedParts(link).map(([from, to]) => ({
        type: 'line' as const, silent: true, showSymbol: false, tooltip: { show: false },
        lineStyle: { color: BLOCKED, width: 4 }, data: [[from, line(from)], [to, line(to)]],
      })),
    ],
  }
}
