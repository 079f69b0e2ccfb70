import type { EvaluationRow, UnderReporting, Waiting } from '@/api/urban'
import { count, decimal, percent } from '@/format/number'
import { t, titled } from '@/language'
import { ACCENT, INK, INK_SOFT, LINE } from '@/theme/colors'
import type { EChartsOption } from './echarts'

const label = { color: INK, fontSize: 12, width: 150, overflow: 'truncate' as const }
const across = { left: 8, right: 64, top: 8, bottom: 26, containLabel: true }

/** Height of a chart of so many bars, so that each stays readable. */
export function heightOf(rows: number): number {
  return Math.max(140, 44 + rows * 26)
}

/** One rate, a bar for each row, worst at the top: that is where to look. `whole` names the count
 *  that it is a share of: 100 % of two is not 100 % of two hundred. */
export function rateOption(rows: EvaluationRow[], name: string, whole: string | undefined, down: boolean): EChartsOption {
  const sign = down ? -1 : 1
  const known = rows.filter((row) => row.rates[name] !== null && row.rates[name] !== undefined).sort((a, b) => sign * (b.rates[name]! - a.rates[name]!))
  const among = (index: number) => {
    const n = whole ? known[index]?.counts[whole] : undefined
    return n ? `  {soft|n=${count(n)}}` : ''
  }
  return {
    grid: { ...across, right: 104 },
    tooltip: { trigger: 'axis', axisPointer: { type: 'shadow' }, valueFormatter: (value) => percent(Number(value), 1) },
    xAxis: { type: 'value', min: 0, max: 1, axisLabel: { color: INK_SOFT, formatter: (value: number) => percent(value) }, splitLine: { lineStyle: { color: LINE } } },
    yAxis: { type: 'category', data: known.map((row) => titled(row.title) || row.key), axisLabel: label, axisTick: { show: false }, axisLine: { lineStyle: { color: LINE } } },
    series: [{
      type: 'bar', barMaxWidth: 16, itemStyle: { color: ACCENT }, data: known.map((row) => row.rates[name] ?? 0),
      label: { show: true, position: 'right', color: INK, formatter: ({ value, dataIndex }) => `${percent(Number(value), 1)}${among(dataIndex)}`, rich: { soft: { color: INK_SOFT, fontSize: 11 } } },
    }],
  }
}

/** A rate with its interval for each area: a bar from lower to upper, the estimate as a mark. */
export function underReportingOption(rows: UnderReporting[]): EChartsOption {
  const known = rows.filter((row) => row.rate_per_day !== null).sort((a, b) => b.rate_per_day! - a.rate_per_day!)
  const names = known.map((row) => titled(row.title) || row.area)
  return {
    grid: { ...across, bottom: 42 },
    tooltip: {
      trigger: 'axis', axisPointer: { type: 'shadow' },
      formatter: (items) => {
        const row = known[(Array.isArray(items) ? items[0] : items)?.dataIndex ?? 0]
        return row ? `${titled(row.title)}<br/>${decimal(row.rate_per_day, 2)}（${decimal(row.lower, 2)} – ${decimal(row.upper, 2)}）<br/>${t('evaluation.incidents', { n: row.incidents })}` : ''
      },
    },
    xAxis: { type: 'value', min: 0, name: t('evaluation.underAxis'), nameLocation: 'middle', nameGap: 26, nameTextStyle: { color: INK_SOFT }, axisLabel: { color: INK_SOFT }, splitLine: { lineStyle: { color: LINE } } },
    yAxis: { type: 'category', data: names, axisLabel: label, axisTick: { show: false }, axisLine: { lineStyle: { color: LINE } } },
    series: [
      { type: 'bar', stack: 'interval', silent: true, itemStyle: { color: 'transparent' }, data: known.map((row) => row.lower ?? row.rate_per_day!) },
      { type: 'bar', stack: 'interval', barWidth: 8, itemStyle: { color: '#8fadca', borderRadius: 4 }, data: known.map((row) => (row.upper ?? row.rate_per_day!) - (row.lower ?? row.rate_per_day!)) },
      { type: 'scatter', symbolSize: 11, itemStyle: { color: ACCENT, borderColor: '#fff', borderWidth: 1.5 }, data: known.map((row, index) => [row.rate_per_day!, index]) },
    ],
  }
}

/** How many times as long as elsewhere, with its interval where there are enough cases. */
function against(row: Waiting | undefined): string {
  if (typeof row?.ratio !== 'number') return ''
  const interval = typeof row.lower === 'number' && typeof row.upper === 'number' ? ` (${decimal(row.lower, 1)}–${decimal(row.upper, 1)})` : ''
  return `×${decimal(row.ratio, 2)}${interval}`
}

/** Median and ninth decile of the hours to closing, longest at the top. */
export function waitingOption(rows: Waiting[]): EChartsOption {
  const known = rows.filter((row) => row.median_hours !== null).sort((a, b) => a.median_hours! - b.median_hours!)
  return {
    grid: { ...across, right: 128, top: 34 },
    legend: { top: 0, right: 0, textStyle: { color: INK_SOFT }, data: [t('evaluation.median'), t('evaluation.p90')] },
    tooltip: {
      trigger: 'axis', axisPointer: { type: 'shadow' },
      formatter: (items) => {
        const row = known[(Array.isArray(items) ? items[0] : items)?.dataIndex ?? 0]
        if (!row) return ''
        const hours = `${t('evaluation.median')} ${decimal(row.median_hours, 1)} · ${t('evaluation.p90')} ${decimal(row.p90_hours, 1)} ${t('evaluation.hours')}`
        const open = row.open === undefined ? '' : ` · ${t('evaluation.stillOpen', { n: row.open })}`
        return `${titled(row.title)}<br/>${hours}<br/>n=${count(row.cases)}${open}`
      },
    },
    xAxis: { type: 'value', min: 0, name: t('evaluation.hours'), nameTextStyle: { color: INK_SOFT }, axisLabel: { color: INK_SOFT }, splitLine: { lineStyle: { color: LINE } } },
    yAxis: { type: 'category', data: known.map((row) => titled(row.title) || row.area), axisLabel: label, axisTick: { show: false }, axisLine: { lineStyle: { color: LINE } } },
    series: [
      { name: t('evaluation.median'), type: 'bar', barMaxWidth: 9, itemStyle: { color: ACCENT }, data: known.map((row) => row.median_hours!) },
      {
        name: t('evaluation.p90'), type: 'bar', barMaxWidth: 9, itemStyle: { color: '#8fadca' }, data: known.map((row) => row.p90_hours ?? 0),
        label: { show: true, position: 'right', color: INK_SOFT, formatter: ({ dataIndex }) => against(known[dataIndex]) },
      },
    ],
  }
}
