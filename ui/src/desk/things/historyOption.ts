import type { EventItem, Property, RawSeries, Rule, StepSeries } from '@/api/types'
import { FONT, GRID, timeAxis, valueAxis } from '@/charts/axes'
import type { EChartsOption, SeriesOption } from '@/charts/echarts'
import { unitText, valueText } from '@/format/number'
import { timeText } from '@/format/time'
import { t, titled } from '@/language'
import { ACCENT, SEVERITY_COLORS } from '@/theme/colors'

type Point = [number, number | null]

function points(time: string[], values: number[]): Point[] {
  return time.map((at, index) => [Date.parse(at), values[index] ?? null])
}

function marked(events: EventItem[], [from, to]: [number, number]): SeriesOption['markArea' & keyof SeriesOption] {
  const inside = events.filter(
    (event) => Date.parse(event.started_at) < to && (event.ended_at ? Date.parse(event.ended_at) : to) > from,
  )
  return {
    silent: true,
    label: { show: inside.length <= 4, position: 'insideTop', fontSize: 11, color: '#7c2420' },
    data: inside.map((event) => [
      {
        name: titled(event.title),
        xAxis: Math.max(from, Date.parse(event.started_at)),
        itemStyle: { color: SEVERITY_COLORS[event.severity], opacity: 0.12 },
      },
      { xAxis: event.ended_at ? Math.min(to, Date.parse(event.ended_at)) : to },
    ]),
  } as never
}

/** The limits that rules watch, each with the rule's name. */
function limits(rules: Rule[], property: Property): SeriesOption['markLine' & keyof SeriesOption] {
  const marks = rules.flatMap(({ condition, severity, title }) =>
    [condition.limit, condition.low, condition.high]
      .filter((limit) => limit !== undefined && !property.states.length && condition.type !== 'deviation')
      .map((limit) => ({
        yAxis: limit,
        lineStyle: { color: SEVERITY_COLORS[severity], type: 'dashed', width: 1 },
        label: { formatter: `${titled(title)} ${condition.op ?? ''} ${valueText(limit, property)}`, color: SEVERITY_COLORS[severity], position: 'insideStartTop', fontSize: 11 },
      })),
  )
  return { silent: true, symbol: 'none', data: marks } as never
}

function lines(series: RawSeries | StepSeries, property: Property): SeriesOption[] {
  if (series.step === 'raw') {
    const { time, value } = (series as RawSeries).columns
    return [
      {
        name: t('thing.value1'),
        type: 'line',
        data: points(time, value),
        step: property.states.length ? 'end' : false,
        showSymbol: time.length < 80,
        symbolSize: 4,
        sampling: 'lttb',
        lineStyle: { width: 1.6 },
        itemStyle: { color: ACCENT },
      },
    ]
  }
  const { time, mean, min, max } = (series as StepSeries).columns
  const spread = max.map((high, index) => high - (min[index] ?? high))
  // ECharts draws a band as a stack: an invisible floor and the spread above it.
  const band: SeriesOption = {
    type: 'line', stack: 'range', stackStrategy: 'all', showSymbol: false, silent: true,
    lineStyle: { opacity: 0 }, tooltip: { show: false },
  }
  return [
    { ...band, name: 'floor', data: points(time, min) },
    { ...band, name: t('thing.range'), data: points(time, spread), areaStyle: { color: ACCENT, opacity: 0.16 }, itemStyle: { color: ACCENT, opacity: 0.3 } },
    {
      name: t('thing.mean'),
      type: 'line',
      data: points(time, mean),
      showSymbol: time.length < 40,
      symbolSize: 4,
      lineStyle: { width: 1.6 },
      itemStyle: { color: ACCENT },
    },
  ]
}

/** The chart of a series: values with their unit, the range of each step, and events as bands. */
export function historyOption(
  series: RawSeries | StepSeries, property: Property, events: EventItem[], rules: Rule[], range: [number, number],
): EChartsOption {
  const drawn = lines(series, property)
  const main = drawn[drawn.length - 1] as SeriesOption
  Object.assign(main, { markArea: marked(events, range), markLine: limits(rules, property) })
  const unit = unitText(property.unit)
  const states = property.states
  const minimum = states.length ? { min: 0, max: states.length - 1, interval: 1 } : {}
  return {
    textStyle: { fontFamily: FONT },
    animation: false,
    aria: { enabled: true },
    grid: GRID,
    legend: series.step === 'raw' ? { show: false } : { top: 4, right: 16, data: [t('thing.mean'), t('thing.range')], selectedMode: false },
    tooltip: {
      trigger: 'axis',
      formatter: (shown) => {
        const list = Array.isArray(shown) ? shown : [shown]
        const at = list[0]?.value as Point | undefined
        if (!at) return ''
        const index = list[0]?.dataIndex ?? 0
        const rows = [`<strong>${timeText(at[0])}</strong>`]
        if (series.step === 'raw') rows.push(valueText(at[1], property))
        else {
          const { mean, min, max, count } = (series as StepSeries).columns
          rows.push(`${t('thing.mean')} ${valueText(mean[index], property)}`)
          rows.push(`${valueText(min[index], property)} – ${valueText(max[index], property)} (n = ${count[index]})`)
        }
        return rows.join('<br>')
      },
    },
    xAxis: timeAxis(...range),
    yAxis: {
      ...valueAxis(unit ? `${titled(property.title)} (${unit})` : titled(property.title)),
      ...minimum,
      ...(states.length
        ? { axisLabel: { formatter: (value: number) => titled(states[value]) } }
        : {}),
    },
    dataZoom: [{ type: 'inside', filterMode: 'none' }],
    series: drawn,
  }
}
