// The page at `/` in a real browser, over real processes: what it loads, shows and does.
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config.ts';
import { type Running, startApi } from '../../src/service.ts';
import { apiSettings } from '../support/api.ts';
import { openBrowser, openContext } from '../support/browser.ts';
import { withRedis } from '../support/redis.ts';

const redis = withRedis();
let browser: Browser;
let api: Running & { readonly apiUrl: string };

beforeAll(async () => {
  [browser, api] = await Promise.all([openBrowser(), startApi(loadConfig(apiSettings(redis.url)))]);
});
afterAll(async () => {
  await browser.close();
  await api.close();
});

describe('the page', () => {
  it('is there', async () => {
    const { context, refused } = await openContext(browser, api.apiUrl);
    const page = await context.newPage();
    await page.goto('/');
    expect(await page.locator('h1').textContent()).toContain('Miroir');
    expect(refused).toEqual([]);
    await context.close();
  });
});
