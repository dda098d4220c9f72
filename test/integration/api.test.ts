// The control API's frame over real HTTP: bounds, errors, probes, and what a page from elsewhere may not do.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config.ts';
import { type Running, startApi } from '../../src/service.ts';
import { type ApiAnswered, type ApiAsked, apiCode, askApi, JSON_BODY, apiSettings } from '../support/api.ts';
import { withRedis } from '../support/redis.ts';

const redis = withRedis();
let api: Running & { readonly apiUrl: string };

const ask = (asked: ApiAsked): Promise<ApiAnswered> => askApi(api.apiUrl, asked);

beforeAll(async () => {
  api = await startApi(
    loadConfig({
      ...apiSettings(redis.url),
      MIROIR_API_REQUESTS_PER_MINUTE: '300',
    }),
  );
});
afterAll(() => api.close());

describe('the control API', () => {
  it('says how it is, as the port for metrics does', async () => {
    expect(await ask({ path: '/livez' })).toMatchObject({ status: 200, text: 'ok\n' });
    expect(await ask({ path: '/readyz' })).toMatchObject({ status: 200, text: 'ok\n' });
    const metrics = await ask({ path: '/metrics' });
    expect(metrics.headers['content-type']).toContain('version=0.0.4');
    expect(metrics.text).toContain('miroir_rebalance_in_progress 0');
  });

  it('describes itself, on a page that needs nothing from elsewhere', async () => {
    const spec = JSON.parse((await ask({ path: '/openapi.json' })).text) as { openapi: string };
    expect(spec.openapi).toBe('3.1.0');
    const page = await ask({ path: '/docs' });
    expect(page.status).toBe(200);
    expect(page.text).not.toMatch(/(?:href|src)="(?:https?:)?\/\//);
    expect(page.headers['content-security-policy']).toContain("default-src 'self'");
    for (const [, path = ''] of page.text.matchAll(/(?:href|src)="([^"]+)"/g)) {
      expect((await ask({ path: new URL(path, `${api.apiUrl}/docs/`).pathname })).status, path).toBe(200);
    }
  });

  it('tells an error by Meilisearch’s four fields, and what to do', async () => {
    const { status, text } = await ask({ path: '/v1/nothing?x=1' });
    expect([status, JSON.parse(text)]).toEqual([
      404,
      {
        message: 'there is no /v1/nothing',
        code: 'miroir_route_unknown',
        type: 'invalid_request',
        link: 'docs/errors.md',
        next_steps: ['see /docs for what there is'],
      },
    ]);
  });

  it('knows a wrong method from an unknown path', async () => {
    const answer = await ask({ method: 'DELETE', path: '/livez' });
    expect([answer.status, apiCode(answer), answer.headers.allow]).toEqual([405, 'miroir_method', 'GET, HEAD']);
  });

  it.each([
    ['a form', { 'content-type': 'application/x-www-form-urlencoded' }, 415, 'miroir_content_type'],
    ['text that a form can send', { 'content-type': 'text/plain' }, 415, 'miroir_content_type'],
    ['no type at all', {}, 415, 'miroir_content_type'],
    ['a page of another origin', { origin: 'https://evil.example' }, 403, 'miroir_cross_origin'],
    ['a page without an origin', { origin: 'null' }, 403, 'miroir_cross_origin'],
    ['a page of another site', { 'sec-fetch-site': 'cross-site' }, 403, 'miroir_cross_origin'],
    ['a page of another port', { 'sec-fetch-site': 'same-site' }, 403, 'miroir_cross_origin'],
    ['a name that is rebound', { host: 'evil.example' }, 403, 'miroir_api_host'],
  ] as const)('takes no change from %s', async (_, headers, status, code) => {
    const answer = await ask({ method: 'POST', path: '/livez', headers, body: '{}' });
    expect([answer.status, apiCode(answer)]).toEqual([status, code]);
  });

  it('takes no change without a body, which a form can send as well', async () => {
    const answer = await ask({ method: 'POST', path: '/livez' });
    expect([answer.status, apiCode(answer)]).toEqual([415, 'miroir_content_type']);
  });

  it('reads no name that is rebound either', async () => {
    expect((await ask({ path: '/metrics', headers: { host: 'evil.example' } })).status).toBe(403);
    expect((await ask({ path: '/livez', headers: { host: 'localhost:1' } })).status).toBe(200);
  });

  it('takes no body that is larger than any has to be, nor one that is no JSON', async () => {
    const large = await ask({ method: 'POST', path: '/livez', headers: JSON_BODY, body: `"${'x'.repeat(300_000)}"` });
    expect([large.status, apiCode(large)]).toEqual([413, 'miroir_body_too_large']);
    const broken = await ask({ method: 'POST', path: '/livez', headers: JSON_BODY, body: '{' });
    expect([broken.status, apiCode(broken)]).toEqual([400, 'miroir_invalid_input']);
  });

  it('lets one address ask only so often', async () => {
    const answers = await Promise.all(Array.from({ length: 301 }, () => ask({ path: '/livez' })));
    const refused = answers.find(({ status }) => status === 429);
    expect(refused && apiCode(refused)).toBe('miroir_rate_limited');
    expect(Number(refused?.headers['retry-after'])).toBeGreaterThan(0);
  });
});
