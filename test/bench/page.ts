// The page in a browser on loopback: how soon it is painted, and how smooth it stays with 100 nodes, 10,000 shards and
// 1,000 moves while everything is read anew.
import type { Browser, Page } from 'playwright-core';
import { loadConfig } from '../../src/config.ts';
import { startRedis } from '../../src/fleet/redis.ts';
import { readPage } from '../../src/api/page.ts';
import { startApi } from '../../src/service.ts';
import { apiSettings } from '../support/api.ts';
import { openBrowser, openContext } from '../support/browser.ts';
import { bigFleet } from '../support/page-answers.ts';
import { untilTrue } from '../support/until.ts';
import { type BenchResult, median, round, say } from './print.ts';

const VISITS = 10;
const FRAMES = 240;
const PAINT_LIMIT_MS = 1_000;
const WEIGHT_LIMIT_BYTES = 60_000;

const PAINTS = 'performance.getEntriesByName("first-contentful-paint")';

/** With nothing cached: each visit is a browser's first. */
async function firstPaintMs(browser: Browser, url: string): Promise<number> {
  const { context } = await openContext(browser, url);
  const page = await context.newPage();
  await page.goto('/');
  // Asked from here: what waits within the page would need a policy that lets it evaluate texts.
  await untilTrue(async () => (await page.evaluate(`${PAINTS}.length`)) === 1);
  const ms = await page.evaluate(`${PAINTS}[0].startTime`);
  await context.close();
  return Number(ms);
}

/** Times between frames while the element is scrolled a little in each of them. */
const framesMs = (page: Page, selector: string): Promise<number[]> =>
  page.evaluate(`new Promise((resolve) => {
    const element = document.querySelector('${selector}');
    const times = [];
    let last = performance.now();
    const step = (now) => {
      times.push(now - last);
      last = now;
      element.scrollTop += times.length % 80 < 40 ? 24 : -24;
      if (times.length < ${FRAMES}) requestAnimationFrame(step);
      else resolve(times);
    };
    requestAnimationFrame(step);
  })`);

const percentile = (values: readonly number[], part: number): number =>
  values.toSorted((a, b) => a - b)[Math.floor(part * (values.length - 1))] ?? NaN;

export async function benchPage(): Promise<BenchResult> {
  const redis = await startRedis({ aof: 'off' });
  const api = await startApi(loadConfig(apiSettings(redis.url)));
  const browser = await openBrowser();
  try {
    const paints: number[] = [];
    for (let visit = 0; visit < VISITS; visit += 1) paints.push(await firstPaintMs(browser, api.apiUrl));
    say(`first paint: median ${round(median(paints), 0)} ms, at most ${round(Math.max(...paints), 0)} ms`);

    const { context } = await openContext(browser, api.apiUrl, { viewport: { width: 1280, height: 900 } });
    const answers = bigFleet({ nodes: 100, shards: 10_000, moves: 1_000 });
    await context.route('**/v1/**', (route) => {
      const answer = answers(new URL(route.request().url()));
      return answer === null ? route.fallback() : route.fulfill({ json: answer });
    });
    const page = await context.newPage();
    await page.goto('/');
    await page.locator('.legend', { hasText: 'copying' }).waitFor();
    const map = await framesMs(page, '.map');
    const moves = await framesMs(page, '.moves .rows');
    for (const [name, frames] of [
      ['shard map', map],
      ['list of moves', moves],
    ] as const) {
      say(
        `${name}, scrolled: frames of ${round(median(frames), 1)} ms, 95 % below ${round(percentile(frames, 0.95), 1)} ms, longest ${round(Math.max(...frames), 0)} ms`,
      );
    }
    const bytes = [...(await readPage()).values()].reduce((sum, { packed }) => sum + packed.length, 0);
    return {
      valid: Math.max(...paints) < PAINT_LIMIT_MS && bytes < WEIGHT_LIMIT_BYTES,
      figures: {
        first_paint_ms_median: round(median(paints), 0),
        first_paint_ms_max: round(Math.max(...paints), 0),
        map_frame_ms_median: round(median(map), 1),
        map_frame_ms_p95: round(percentile(map, 0.95), 1),
        map_frame_ms_max: round(Math.max(...map), 0),
        moves_frame_ms_median: round(median(moves), 1),
        moves_frame_ms_p95: round(percentile(moves, 0.95), 1),
        moves_frame_ms_max: round(Math.max(...moves), 0),
        elements: Number(await page.evaluate('document.querySelectorAll("*").length')),
        packed_bytes: bytes,
      },
    };
  } finally {
    await browser.close();
    await api.close();
    await redis.stop();
  }
}
