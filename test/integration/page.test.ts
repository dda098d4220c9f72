// The page at `/` in a real browser, over real processes: a rebalance from its beginning to its end, what keys and keys
// of the keyboard may do, and that it needs nothing from elsewhere.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import axe from 'axe-core';
import { Worker } from 'bullmq';
import fastify from 'fastify';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { newApiKey } from '../../src/api/keys.ts';
import { readPage, servePage } from '../../src/api/page.ts';
import { loadConfig } from '../../src/config.ts';
import { type Running, startApi } from '../../src/service.ts';
import { openBrowser, openContext, type Visit } from '../support/browser.ts';
import { someDocuments, startTestFleet, type TestFleet } from '../support/fleet.ts';
import { bigFleet } from '../support/page-answers.ts';

const reader = newApiKey({ name: 'looker', scope: 'read' });
const operator = newApiKey({ name: 'boss', scope: 'operate' });
const PAGE_MAX_BYTES = 60_000;
let dir: string;
let browser: Browser;
let fleet: TestFleet;
let events: Worker;
let api: Running & { readonly apiUrl: string };
const visits: Visit[] = [];

/** A page opened with a key, as a browser's user gives it when asked for a password. */
async function open(path: string, key: string, options: BrowserContextOptions = {}): Promise<Page> {
  const httpCredentials = { username: 'me', password: key };
  const visit = await openContext(browser, api.apiUrl, {
    viewport: { width: 1280, height: 900 },
    httpCredentials,
    ...options,
  });
  visits.push(visit);
  const page = await visit.context.newPage();
  await page.goto(path);
  await page.locator('.nodes tbody tr').first().waitFor();
  return page;
}
const textOf = (page: Page, selector: string): Promise<string> => page.locator(selector).first().innerText();

const PROGRESS = {
  moves: 2,
  settled: 0,
  cleaned: 0,
  cancelled: 0,
  failed: 0,
  running: 1,
  docsMigrated: 5,
  documents: 10,
  differences: 0,
  windowsVerified: 0,
};

interface Glance {
  readonly state: string;
  readonly name: string;
  readonly percent: number | null;
  readonly ribbons: number;
  readonly activities: readonly string[];
  readonly title: string;
}
/** What can be seen now, all of it at one moment. */
const glance = (page: Page): Promise<Glance> =>
  page.evaluate(`(() => {
    const text = (selector) => document.querySelector(selector)?.textContent ?? '';
    return {
      state: text('.plan .state'),
      name: text('.plan .name'),
      percent: document.querySelector('.plan .percent') === null ? null : parseInt(text('.plan .percent')),
      ribbons: document.querySelectorAll('.ribbon').length,
      activities: [...document.querySelectorAll('.activity')].map((one) => one.textContent),
      title: document.title,
    };
  })()`);

/** What axe finds fault with. */
async function faultsOf(page: Page, where: string): Promise<unknown> {
  await page.evaluate(axe.source);
  return page.evaluate(
    `axe.run(${where}).then(({ violations }) => violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html.slice(0, 200))]))`,
  );
}

/** As an operator does it: planned, looked at, and carried out by typing what it is called. */
async function drainByPage(node: string): Promise<void> {
  const page = await open(`/#/nodes/${node}`, operator.key);
  await page.getByRole('button', { name: 'Plan to drain it…' }).click();
  await page.locator('.details', { hasText: 'Nothing moves before it is carried out' }).waitFor();
  expect(await page.locator('.details tbody tr').first().innerText()).toMatch(/n1\s+\d+ → 0\s+[\d,]+ → 0/);
  await page.getByRole('button', { name: 'Apply…' }).click();
  const apply = page.getByRole('button', { name: 'Apply it' });
  expect(await apply.isDisabled()).toBe(true);
  await page.getByRole('textbox').fill(new URL(page.url()).hash.replace('#/plans/', ''));
  await apply.click();
  await page.locator('.plan .state', { hasText: '▶ running' }).waitFor();
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'miroir-page-'));
  const keysFile = join(dir, 'keys.json');
  await writeFile(keysFile, JSON.stringify([reader.entry, operator.entry]));
  const node = { batchMs: 120, docsPerS: 600 };
  [browser, fleet] = await Promise.all([
    openBrowser(),
    startTestFleet({ nodes: 3, node, config: { grace_ms: 300, moves_per_node: 1 } }),
  ]);
  await fleet.createIndex({ documents: someDocuments(1_500) });
  await fleet.startWorker();
  events = new Worker('topology-events', ({ name, data }) => fleet.planner.handle(name, data), {
    connection: { url: fleet.redis.url },
    prefix: '{miroir}',
  });
  api = await startApi(loadConfig({ ...fleet.env, MIROIR_API_PORT: '0', MIROIR_API_KEYS_FILE: keysFile }));
});
afterEach(async () => {
  for (const { context, refused } of visits.splice(0)) {
    await context.close();
    if (refused.length > 0) throw new Error(`a page asked elsewhere: ${refused.join(', ')}`);
  }
});
afterAll(async () => {
  await browser.close();
  await events.close();
  await api.close();
  await fleet.stop();
  await rm(dir, { recursive: true });
});

describe('the page', { timeout: 90_000 }, () => {
  it('says how to begin, then shows a rebalance to its end', async () => {
    const page = await open('/', reader.key);
    expect(await textOf(page, '.plan')).toContain('miroir node drain n1 --wait');
    expect(await textOf(page, '.connection')).toContain('live');
    await drainByPage('n1');
    const ended = fleet.untilQuiet();
    const seen: Glance[] = [];
    while (seen.at(-1)?.state !== '✓ done') seen.push(await glance(page));
    await ended;
    const percents = seen.flatMap(({ percent }) => (percent === null ? [] : [percent]));
    expect(percents).toEqual(percents.toSorted((a, b) => a - b));
    expect(new Set(percents).size).toBeGreaterThan(2);
    const running = seen.filter(({ state }) => state === '▶ running');
    expect([...new Set(running.map(({ name }) => name))]).toEqual([expect.stringContaining('drain n1')]);
    expect(seen.some(({ ribbons }) => ribbons > 0)).toBe(true);
    expect(seen.some(({ activities }) => activities.some((one) => /copying|verifying|switching/.test(one)))).toBe(true);
    expect(seen.some(({ title }) => /^\d+%.* – Miroir$/.test(title))).toBe(true);
    expect(await textOf(page, '.plan .next')).toContain('miroir node remove n1');
    await expect.poll(() => textOf(page, '.nodes tbody tr')).toMatch(/n1\s+◓ drain(?:ing|ed)\s+0/);
    const told = await page.locator('.events li').allInnerTexts();
    expect(told.some((line) => /docs\/\d+ n1→n\d settled/.test(line))).toBe(true);
    expect(told.some((line) => /plan \w+ done/.test(line))).toBe(true);
    expect(await page.title()).toBe('Miroir');
  });

  it('is walked by the keyboard: found by name, from cell to cell, closed by Esc', async () => {
    const page = await open('/', reader.key);
    await page.keyboard.press('Control+k');
    await page.keyboard.type('n2');
    await page.getByRole('option', { name: 'n2 node' }).waitFor();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('Enter');
    await page.locator('.details', { hasText: 'Node n2' }).waitFor();
    expect(new URL(page.url()).hash).toBe('#/nodes/n2');
    await page.keyboard.press('Escape');
    expect(await page.locator('.details').count()).toBe(0);
    await page.locator('.map').focus();
    for (const key of ['ArrowRight', 'ArrowRight', 'ArrowRight', 'End', 'Home', 'ArrowRight'])
      await page.keyboard.press(key);
    expect(await textOf(page, '#shard-text')).toContain('shard 1 ·');
    await page.keyboard.press('Enter');
    await page.locator('.details', { hasText: 'Shard docs/1' }).waitFor();
    await page.keyboard.press('Control+k');
    await page.locator('dialog[open]').waitFor();
    await page.keyboard.press('Escape');
    expect(await page.locator('.details').count()).toBe(1);
    await page.keyboard.press('Escape');
    expect(new URL(page.url()).hash).toBe('');
  });

  it('opens what an address names, as others link it', async () => {
    const [move] = await fleet.base.records
      .movePage('ended', { from: null, limit: 1 })
      .then((page) => page?.keys ?? []);
    const page = await open(`/#/moves/${move}`, reader.key);
    await page.locator('.details', { hasText: 'windows found equal' }).waitFor();
    await page.goto('/#/moves/none');
    await page.getByText('There is no move none').waitFor();
    const [plan] = await fleet.base.records.plans(1);
    await page.goto(`/#/plans/${plan?.id}`);
    await page.locator('.details', { hasText: 'drain n1' }).waitFor();
    await page.locator('.details', { hasText: 'longest wait of a write' }).waitFor();
    expect(await textOf(page, '.details footer')).toContain(`miroir plan show ${plan?.id}`);
  });

  it.each(['light', 'dark'] as const)('has nothing that axe finds fault with: %s', async (colorScheme) => {
    const page = await open('/#/nodes/n2', reader.key, { colorScheme, reducedMotion: 'reduce' });
    expect(await page.evaluate('document.documentElement.dataset.theme')).toBe(colorScheme);
    expect(await faultsOf(page, 'document')).toEqual([]);
    await page.keyboard.press('Control+k');
    await page.keyboard.type('n');
    expect(await faultsOf(page, "'dialog'")).toEqual([]);
  });

  it('offers nothing to a key that may only look, and what it may do to others', async () => {
    const shown = async (key: string): Promise<number> => {
      const page = await open('/#/nodes/n2', key);
      await page.locator('.details button', { hasText: 'Show only' }).waitFor();
      // What the key may do is known when everything else is there, too.
      await page.waitForFunction(
        'performance.getEntriesByName(new URL("/v1/capabilities", location.href).href).length > 0',
      );
      await page.waitForTimeout(300);
      return page.getByRole('button', { name: 'Plan to drain it…' }).count();
    };
    expect([await shown(reader.key), await shown(operator.key)]).toEqual([0, 1]);
    const refused = await fetch(`${api.apiUrl}/v1/plans`, {
      method: 'POST',
      headers: { authorization: `Bearer ${reader.key}`, 'content-type': 'application/json' },
      body: '{"drain":["n2"]}',
    });
    expect(refused.status).toBe(403);
  });

  it('switches between light and dark, and remembers it', async () => {
    const page = await open('/', reader.key, { colorScheme: 'light' });
    const shown = (): Promise<unknown> => page.evaluate('document.documentElement.dataset.theme');
    const button = page.getByRole('button', { name: 'system' });
    await button.click();
    await page.getByRole('button', { name: 'light' }).click();
    expect(await shown()).toBe('dark');
    await page.reload();
    await page.getByRole('button', { name: 'dark' }).waitFor();
    expect(await shown()).toBe('dark');
  });

  it('stays small in the browser with 100 nodes, 10,000 shards and a thousand moves, and reaches the last shard', async () => {
    const visit = await openContext(browser, api.apiUrl, { httpCredentials: { username: 'me', password: reader.key } });
    visits.push(visit);
    const answers = bigFleet({ nodes: 100, shards: 10_000, moves: 1_000 });
    await visit.context.route('**/v1/**', (route) => {
      const answer = answers(new URL(route.request().url()));
      return answer === null ? route.fallback() : route.fulfill({ json: answer });
    });
    const page = await visit.context.newPage();
    await page.goto('/');
    await page.locator('.legend', { hasText: 'copying' }).waitFor();
    expect(await page.evaluate('document.querySelectorAll("*").length')).toBeLessThan(3_000);
    expect(await page.evaluate('document.querySelector(".map canvas").height')).toBeLessThan(400);
    await page.locator('.map').focus();
    for (let at = 0; at < 18; at += 1) await page.keyboard.press('PageDown');
    expect(await textOf(page, '#shard-text')).toContain('shard 9999 ·');
    await page.evaluate('document.querySelector(".moves .rows").scrollTop = 1e6');
    await page.locator('.moves .row[aria-rowindex="1000"]').waitFor();
    expect(await page.locator('.moves .row').count()).toBeLessThan(40);
  });

  it('pauses, throttles and cancels for who may operate, and asks before what cannot be taken back', async () => {
    const [looking, page] = await Promise.all([open('/', reader.key), open('/', operator.key)]);
    await fleet.drainNode('n2');
    await page.getByRole('button', { name: 'Pause' }).click();
    await page.locator('.plan .state', { hasText: '‖ paused by key:boss' }).waitFor();
    // The same in the details of the plan, with what does it in a terminal.
    await page.locator('.plan .name').click();
    const { 1: id = '' } = /#\/plans\/(.+)/.exec(new URL(page.url()).hash) ?? [];
    const details = page.locator('.details');
    await details.locator('.copy', { hasText: `miroir plan resume ${id}` }).waitFor();
    await details.getByRole('button', { name: '▶ Resume' }).click();
    await details.getByRole('button', { name: '‖ Pause' }).waitFor();
    await details.locator('.copy', { hasText: `miroir plan cancel ${id} --yes` }).waitFor();
    await page.keyboard.press('Escape');
    await page.locator('.plan .state', { hasText: '▶ running' }).waitFor();
    await page.getByRole('button', { name: 'Throttle…' }).click();
    await page.getByLabel('Documents a second').fill('40');
    await page.getByRole('button', { name: 'Set', exact: true }).click();
    await page.locator('.plan', { hasText: 'throttled to 40 documents/s' }).waitFor();
    await page.getByRole('button', { name: 'Cancel…' }).click();
    await page.locator('dialog', { hasText: /\d+ moves? not begun: will not begin/ }).waitFor();
    expect(await textOf(page, 'dialog')).toMatch(
      new RegExp(`Cancel “drain n2”\\?\\s+Plan ${id} \\(NodeDraining n2\\)`),
    );
    const cancel = page.getByRole('button', { name: 'Cancel the plan' });
    await page.getByRole('textbox').fill('something else');
    expect(await cancel.isDisabled()).toBe(true);
    await page.getByRole('textbox').fill(await textOf(page, 'dialog code'));
    await cancel.click();
    await page.locator('.plan .state', { hasText: '⊘ being cancelled for key:boss' }).waitFor();
    await fleet.untilQuiet();
    await page.locator('.plan .state', { hasText: '⊘ cancelled' }).waitFor();
    await looking.locator('.plan .state', { hasText: '⊘ cancelled' }).waitFor();
    expect(await looking.locator('.plan button:not(.copy)').count()).toBe(0);
    await looking.locator('.plan .name').click();
    await looking.locator('.details dd', { hasText: '⊘ cancelled by key:boss' }).waitFor();
    expect(await looking.locator('.details .body button').count()).toBe(0);
  });

  it('shows on a phone why a move does not get on; offers no cancel without anything left to undo', async () => {
    const options = {
      httpCredentials: { username: 'me', password: operator.key },
      viewport: { width: 390, height: 844 },
    };
    const visit = await openContext(browser, api.apiUrl, options);
    visits.push(visit);
    const answers = bigFleet({ nodes: 3, shards: 30, moves: 2 });
    let isOver = false;
    await visit.context.route('**/v1/**', (route) => {
      const url = new URL(route.request().url());
      const answer = answers(url);
      if (answer === null) return route.fallback();
      if (isOver && url.pathname === '/v1/moves') return route.fulfill({ json: { results: [], total: 0, next: null } });
      return route.fulfill({
        json: 'progress' in answer ? { ...answer, progress: { ...PROGRESS, settled: isOver ? 2 : 1 } } : answer,
      });
    });
    const page = await visit.context.newPage();
    await page.goto('/');
    await page.locator('.moves .doing', { hasText: 'target_unreachable: it does not answer' }).waitFor();
    const hasRoom = 'document.documentElement.scrollWidth <= innerWidth';
    expect(await page.evaluate(hasRoom)).toBe(true);
    expect(await faultsOf(page, 'document')).toEqual([]);
    await page.getByRole('button', { name: 'Cancel…' }).waitFor();
    isOver = true;
    await page.reload();
    await page.getByRole('button', { name: 'Throttle…' }).waitFor();
    expect(await page.getByRole('button', { name: 'Cancel…' }).count()).toBe(0);
    expect(await textOf(page, '.moves .more')).toBe('Nothing moves.');
    await page.getByRole('button', { name: 'problems only' }).click();
    expect(await textOf(page, '.moves .more')).toBe('Nothing moves.');
  });

  it('says that it has lost the API, and for how long', async () => {
    const other = await startApi(loadConfig({ ...fleet.env, MIROIR_API_PORT: '0' }));
    const visit = await openContext(browser, other.apiUrl);
    const page = await visit.context.newPage();
    await page.goto('/');
    await page.locator('.connection.live').waitFor();
    await page.locator('.plan > *').first().waitFor();
    expect(await page.locator('[data-stale]').count()).toBe(0);
    await other.close();
    await page.locator('.connection.lost').waitFor();
    await page.locator('[data-stale] .plan').waitFor();
    expect(await textOf(page, '.connection')).toMatch(/lost for \d+ (?:ms|s) · as of [\d:]{8}$/);
    expect(await page.evaluate('Number(getComputedStyle(document.querySelector("main")).opacity)')).toBeLessThan(0.7);
    await visit.context.close();
  });

  it('says first of all that a node has failed: what that means for shards, since when, and what to do', async () => {
    const owned =
      (await fleet.base.records.table('docs'))?.shards.filter(({ owners }) => owners[0] === 'n3').length ?? 0;
    expect(owned).toBeGreaterThan(0);
    const page = await open('/', reader.key);
    expect(await page.locator('.alarms').count()).toBe(0);
    await fleet.planner.handle('NodeFailed', { node_id: 'n3' });
    await page.locator('.alarms', { hasText: `${owned} shards without any copy that answers` }).waitFor();
    expect(await textOf(page, '.alarms')).toMatch(/✗ Node n3 has failed, \d+ (?:ms|s) ago/);
    expect(await textOf(page, '.alarms .copy')).toContain('miroir event send NodeRecovered');
    expect(await textOf(page, '.top')).toContain(`✗ n3 failed · ${owned} shards without a copy`);
    expect(await textOf(page, '.nodes tr.bad')).toMatch(
      /n3\s+✗ failed for \d+ (?:ms|s) ! \d+ shards without another copy/,
    );
    expect(await textOf(page, '.legend .away')).toMatch(new RegExp(`^no copy answers\\s+${owned}$`));
    expect(await page.title()).toMatch(/^✗ /);
    expect(await faultsOf(page, 'document')).toEqual([]);
    await page.getByRole('button', { name: `problems only ${owned}` }).click();
    expect(await textOf(page, '.moves .row.blocked')).toContain(`${owned} shards: no copy answers: n3 failed`);
  });
});

describe('what is loaded', () => {
  it('is small, packed, kept for ever by its name, and asked for with a key only', async () => {
    const headers = { authorization: `Bearer ${reader.key}`, 'accept-encoding': 'gzip' };
    expect((await fetch(api.apiUrl)).status).toBe(401);
    const files = await readPage();
    expect([...files.keys()].length).toBe(3);
    const bytes = [...files.values()].reduce((sum, { packed }) => sum + packed.length, 0);
    expect(bytes).toBeLessThan(PAGE_MAX_BYTES);
    const index = await fetch(api.apiUrl, { headers });
    const html = await index.text();
    expect([index.headers.get('content-encoding'), index.headers.get('cache-control')]).toEqual(['gzip', 'no-cache']);
    expect(index.headers.get('content-security-policy')).toContain("default-src 'self'");
    const named = [...html.matchAll(/(?:src|href)="(\/page\/[^"]+)"/g)].map(([, path = '']) => path);
    expect(named).toHaveLength(2);
    for (const path of named) {
      expect((await fetch(new URL(path, api.apiUrl))).status).toBe(401);
      const file = await fetch(new URL(path, api.apiUrl), { headers });
      expect([file.status, file.headers.get('cache-control')]).toEqual([200, 'public, max-age=31536000, immutable']);
      await file.arrayBuffer();
    }
    const plain = await fetch(api.apiUrl, { headers: { ...headers, 'accept-encoding': 'identity' } });
    expect([plain.headers.get('content-encoding'), await plain.text()]).toEqual([null, html]);
  });

  it('says what to run where it was not built', async () => {
    const app = fastify();
    servePage(app, await readPage([join(dir, 'nothing/')]));
    const { statusCode, headers, body } = await app.inject('/');
    expect([statusCode, headers['content-type']]).toEqual([503, 'text/plain; charset=utf-8']);
    expect(body).toContain('node src/build-page.mjs');
    await app.close();
  });
});
