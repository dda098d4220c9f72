/** The last quarter of an hour: documents a second, and how long a write waited for a switch. */
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { useSize } from './element-size.ts';
import { durationText, rateText, shortText } from './format.ts';
import { Panel } from './panel.tsx';
import { nowMs, rates, throughput } from './store.ts';
import { colour, isDark } from './theme.ts';
import { chartOf, type Chart } from './throughput.ts';

const HEIGHT = 120;

export function ChartsPanel() {
  const chart = chartOf(throughput.value, rates.value.samples, nowMs.value);
  const last = chart.perSecond.findLast((one) => one !== null) ?? null;
  const waits = chart.waitMs.filter((wait) => wait !== null);
  return (
    <Panel name="charts" title="Last 15 minutes" command="miroir status -w">
      <div class="figures">
        <figure>
          <figcaption>
            documents copied <b>{last === null ? '–' : rateText(last)}</b>
          </figcaption>
          <Plot
            chart={chart}
            values={chart.perSecond}
            ink="accent"
            text={shortText}
            label="Documents copied a second"
          />
        </figure>
        {chart.hasWaits && (
          <figure>
            <figcaption>
              longest wait of a write <b>{waits.length === 0 ? '0 ms' : durationText(Math.max(...waits))}</b>
            </figcaption>
            <Plot
              chart={chart}
              values={chart.waitMs}
              ink="warn"
              text={(ms) => `${shortText(ms)} ms`}
              label="Longest wait of a write"
            />
          </figure>
        )}
      </div>
      {!chart.isStored && <p class="more">Measured since this page was opened.</p>}
    </Panel>
  );
}

interface PlotProps {
  readonly chart: Chart;
  readonly values: readonly (number | null)[];
  readonly ink: string;
  readonly text: (value: number) => string;
  readonly label: string;
}

function Plot({ chart, values, ink, text, label }: PlotProps) {
  const [element, size] = useSize<HTMLDivElement>();
  const plot = useRef<uPlot | null>(null);
  const { width } = size.value;
  useEffect(() => {
    const { current } = element;
    if (current === null || width === 0) return undefined;
    const axis = {
      stroke: colour('muted'),
      grid: { stroke: colour('line'), width: 1 },
      ticks: { show: false },
      font: '10px system-ui',
    };
    plot.current = new uPlot(
      {
        width,
        height: HEIGHT,
        cursor: { sync: { key: 'quarter' }, drag: { x: false, y: false }, points: { size: 6 } },
        legend: { show: false },
        scales: { x: { time: true }, y: { range: (_plot, _low, high) => [0, Math.max(1, high * 1.1)] } },
        axes: [
          { ...axis, size: 20, gap: 5, values: '{HH}:{mm}' },
          { ...axis, size: 44, gap: 4, space: 30, values: (_plot, splits) => splits.map(text) },
        ],
        series: [
          {},
          { stroke: colour(ink), fill: colour(`${ink}-soft`), width: 1.5, points: { show: false }, spanGaps: false },
        ],
      },
      [[], []],
      current,
    );
    return () => plot.current?.destroy();
  }, [width, isDark.value, ink]);
  useEffect(() => {
    plot.current?.setData([chart.seconds as number[], values as (number | null)[]]);
  }, [chart, width, isDark.value]);
  return <div class="plot" ref={element} role="img" aria-label={label} />;
}
