// Bodies that want to do harm, or are only large: an error, bounded memory, and the next request works.
import { brotliCompressSync, constants, deflateSync, gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  ask,
  type Asked,
  asJson,
  codeIn,
  type GatewayScene,
  JSON_TYPE,
  rawExchange,
  startScene,
  taskEnded,
} from '../support/gateway.ts';
import { untilTrue } from '../support/until.ts';

const DOCUMENTS = '/indexes/things/documents?primaryKey=id';
const BODY_MAX = 10_000_000;
/** At its best it takes seconds for a bomb. */
const quickBrotli = (bytes: Buffer): Buffer =>
  brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 2 } });

let scene: GatewayScene;

beforeEach(async () => {
  scene = await startScene({
    bodyMaxBytes: BODY_MAX,
    waitingMaxBytes: 2 * BODY_MAX,
    timings: { stallMs: 300, roomMs: 100, discardMs: 300, headersMs: 500 },
  });
});
afterEach(() => scene.close());

const post = (body: string | Buffer, headers: Asked['headers'] = {}, path = DOCUMENTS): ReturnType<typeof ask> =>
  ask(scene.gateway.url, { method: 'POST', path, headers: { ...JSON_TYPE, ...headers }, body });

/** What every test ends with: whatever happened, the gateway serves, and holds nothing of it. */
async function whatIsLeft(): Promise<unknown> {
  const { status } = await post('[{"id":"next"}]');
  const { values } = await scene.metrics.gatewayHeldBytes.get();
  return { status, held: values[0]?.value, defects: scene.log.filter((line) => line.includes('defect')) };
}
const SERVES = { status: 202, held: 0, defects: [] };

describe('encodings', () => {
  it.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['br', brotliCompressSync],
  ] as const)('%s is taken on every route', async (encoding, compress) => {
    const headers = { 'content-encoding': encoding };
    const answer = await post(compress('[{"id":1,"v":"é"}]'), headers);
    expect(answer.status).toBe(202);
    await taskEnded(scene.gateway.url, (JSON.parse(answer.text) as { taskUid: number }).taskUid);
    const fetched = await post(compress('{"ids":[1]}'), headers, '/indexes/things/documents/fetch');
    expect(fetched.text).toContain('"v":"é"');
    const chunked = await post(compress('[{"id":2}]'), { ...headers, 'transfer-encoding': 'chunked' });
    expect(chunked.status).toBe(202);
  });

  it('an unknown one is no reason to refuse what can be read', async () => {
    expect((await post('[{"id":1}]', { 'content-encoding': 'zstd' })).status).toBe(202);
  });

  it.each(['gzip', 'deflate', 'br'])('broken %s is refused', async (encoding) => {
    for (const body of ['not compressed at all', gzipSync('x'.repeat(1_000)).subarray(0, 12)]) {
      const answer = await post(body, { 'content-encoding': encoding });
      expect([answer.status, codeIn(answer)]).toEqual([400, 'bad_request']);
    }
    expect(await whatIsLeft()).toEqual(SERVES);
  });

  it.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['br', quickBrotli],
  ] as const)('a bomb in %s is stopped at the limit, not at its end', async (encoding, compress) => {
    const bomb = compress(Buffer.alloc(20 * BODY_MAX));
    expect(bomb.length).toBeLessThan(BODY_MAX / 10);
    const before = process.memoryUsage.rss();
    const answers = await Promise.all(Array.from({ length: 5 }, () => post(bomb, { 'content-encoding': encoding })));
    for (const answer of answers) {
      expect([413, 503]).toContain(answer.status);
      expect(['payload_too_large', 'miroir_overloaded']).toContain(codeIn(answer));
    }
    expect(answers.map(({ status }) => status)).toContain(413);
    expect(process.memoryUsage.rss() - before).toBeLessThan(15 * BODY_MAX);
    const search = await post(bomb, { 'content-encoding': encoding }, '/indexes/things/search');
    expect([search.status, codeIn(search)]).toEqual([500, 'internal']);
    expect(await whatIsLeft()).toEqual(SERVES);
  });
});

describe('sizes', () => {
  it('the limit is exact, and said in a node’s words', async () => {
    const fits = Buffer.concat([Buffer.from('[{"id":1}'), Buffer.alloc(BODY_MAX - 10, 0x20), Buffer.from(']')]);
    expect(fits.length).toBe(BODY_MAX);
    expect((await post(fits)).status).toBe(202);
    for (const headers of [{}, { 'transfer-encoding': 'chunked' }]) {
      const answer = await post(Buffer.concat([fits, Buffer.from(' ')]), headers);
      expect([answer.status, codeIn(answer)]).toEqual([413, 'payload_too_large']);
      expect(answer.text).toContain('The maximum accepted payload size is 10 MB.');
    }
    expect(await whatIsLeft()).toEqual(SERVES);
  });

  it('another route answers as a node does, too', async () => {
    const answer = await post(Buffer.alloc(BODY_MAX + 1, 0x20), {}, '/indexes/things/search');
    expect([answer.status, codeIn(answer)]).toEqual([500, 'internal']);
    expect(answer.text).toContain(
      `JSON payload (${BODY_MAX + 1} bytes) is larger than allowed (limit: ${BODY_MAX} bytes).`,
    );
    expect(await whatIsLeft()).toEqual(SERVES);
  });

  it('a body in single bytes is a body', async () => {
    const text = '[{"id":7,"v":"€😀"}]';
    const head = `POST ${DOCUMENTS} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n`;
    const pieces = [...Buffer.from(text)].flatMap((byte) => [
      Buffer.from('1\r\n'),
      Buffer.from([byte]),
      Buffer.from('\r\n'),
    ]);
    const answer = await rawExchange(scene.gateway.url, [head, ...pieces, '0\r\n\r\n'], 'stay');
    expect(answer).toContain('HTTP/1.1 202');
    expect(await whatIsLeft()).toEqual(SERVES);
  });

  it('what finds no room gets 503 and may come again; what waits for room gets it', async () => {
    scene.node.addFault({ do: 'delay', ms: 400, match: { method: 'POST', path: 'documents' }, times: 2 });
    const big = Buffer.concat([Buffer.from('[{"id":1}'), Buffer.alloc(BODY_MAX - 20, 0x20), Buffer.from(']')]);
    const holding = [post(big), post(big)];
    await untilTrue(async () => (await scene.metrics.gatewayHeldBytes.get()).values[0]?.value === 2 * big.length);
    const refused = await post(big);
    expect([refused.status, codeIn(refused), refused.headers['retry-after']]).toEqual([503, 'miroir_overloaded', '1']);
    // A small one has room of its own, however slow the large ones are.
    const small = await ask(scene.gateway.url, { path: '/indexes/things/search', ...asJson({ q: 'x' }) });
    expect([200, 404]).toContain(small.status);
    expect((await Promise.all(holding)).map(({ status }) => status)).toEqual([202, 202]);
    expect(await whatIsLeft()).toEqual(SERVES);
  });

  it('a body that waits for room is not read meanwhile, and then goes through', async () => {
    scene.node.addFault({ do: 'delay', ms: 60, match: { method: 'POST', path: 'documents' }, times: 2 });
    const big = Buffer.concat([Buffer.from('[{"id":1}'), Buffer.alloc(BODY_MAX - 20, 0x20), Buffer.from(']')]);
    const roomy = await startScene({
      router: scene.router,
      bodyMaxBytes: BODY_MAX,
      waitingMaxBytes: BODY_MAX,
      timings: { roomMs: 20_000 },
    });
    try {
      const asked = { method: 'POST', path: DOCUMENTS, headers: JSON_TYPE, body: big };
      const all = await Promise.all(Array.from({ length: 4 }, () => ask(roomy.gateway.url, asked)));
      expect(all.map(({ status }) => status)).toEqual([202, 202, 202, 202]);
    } finally {
      await roomy.close();
    }
  });
});

describe('50 MB in one document', () => {
  it('goes through, and so does the next request', { timeout: 60_000 }, async () => {
    const large = await startScene();
    try {
      const body = `[{"id":1,"text":"${'x'.repeat(50_000_000)}"}]`;
      const answer = await ask(large.gateway.url, { method: 'POST', path: DOCUMENTS, headers: JSON_TYPE, body });
      expect(answer.status).toBe(202);
      const search = await ask(large.gateway.url, { path: '/indexes/things/search', ...asJson({ q: 'x' }) });
      expect([200, 404]).toContain(search.status);
    } finally {
      await large.close();
    }
  });
});

describe('bodies that are not what they say', () => {
  const head = (length: number, more = ''): string =>
    `POST ${DOCUMENTS} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n${more}\r\n`;

  it('shorter than announced, and the connection ends', async () => {
    await rawExchange(scene.gateway.url, [head(1_000), '[{"id":']);
    expect(await whatIsLeft()).toEqual(SERVES);
  });

  it('shorter than announced, and the client waits', async () => {
    const answer = await rawExchange(scene.gateway.url, [head(1_000), '[{"id":'], 'stay');
    expect(answer).toContain('HTTP/1.1 408');
    expect(answer).toContain('The body stopped coming in.');
    expect(await whatIsLeft()).toEqual(SERVES);
  });

  it('longer than announced: the connection ends with an error', async () => {
    const answer = await rawExchange(scene.gateway.url, [`${head(10)}[{"id":1}]garbage that follows\r\n\r\n`], 'stay');
    expect(answer).toContain('HTTP/1.1 400');
    expect(await whatIsLeft()).toEqual(SERVES);
  });

  it.each([
    ['two lengths', 'content-length: 5\r\ncontent-length: 6\r\n'],
    ['a length and chunks', 'content-length: 5\r\ntransfer-encoding: chunked\r\n'],
    ['a length that is no number', 'content-length: -5\r\n'],
    ['a header with a line feed', 'x: a\nb\r\n'],
  ])('%s: refused as no HTTP', async (_, headers) => {
    const request = `POST ${DOCUMENTS} HTTP/1.1\r\nhost: localhost\r\n${headers}\r\nhello`;
    expect(await rawExchange(scene.gateway.url, [request])).toContain('HTTP/1.1 400');
    expect(await whatIsLeft()).toEqual(SERVES);
  });

  it('chunks that break off', async () => {
    const begin = `POST ${DOCUMENTS} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n`;
    await rawExchange(scene.gateway.url, [begin, '5\r\n[{"id']);
    await rawExchange(scene.gateway.url, [begin, 'zz\r\n']);
    expect(await whatIsLeft()).toEqual(SERVES);
  });

  it('headers without end', async () => {
    const answer = await rawExchange(scene.gateway.url, ['GET /health HTTP/1.1\r\nhost: localhost\r\n'], 'stay');
    expect(answer).toContain('HTTP/1.1 408');
    const large = await rawExchange(
      scene.gateway.url,
      [`GET /health HTTP/1.1\r\nx: ${'y'.repeat(100_000)}\r\n\r\n`],
      'stay',
    );
    expect(large).toContain('HTTP/1.1 431');
    expect(await whatIsLeft()).toEqual(SERVES);
  });

  it('no UTF-8, a mark at its beginning, another character set', async () => {
    for (const body of [
      Buffer.from([0x5b, 0x7b, 0x22, 0xc3, 0x28, 0x22, 0x7d, 0x5d]),
      Buffer.from('\ufeff[{"id":1}]'),
      Buffer.from('[{"id":1}]', 'utf16le'),
    ]) {
      const answer = await post(body, { 'content-type': 'application/json; charset=utf-16' });
      expect([answer.status, codeIn(answer)]).toEqual([400, 'malformed_payload']);
      const search = await post(body, {}, '/indexes/things/search');
      expect([search.status, codeIn(search)]).toEqual([400, 'malformed_payload']);
    }
    expect(await whatIsLeft()).toEqual(SERVES);
  });

  it('nested without end', async () => {
    const deep = '['.repeat(1_000_000);
    for (const path of ['/indexes/things/documents/delete-batch', '/indexes/things/search', DOCUMENTS]) {
      const answer = await post(deep, {}, path);
      expect([answer.status, codeIn(answer)], path).toEqual([400, 'malformed_payload']);
    }
    const closed = `${deep}${']'.repeat(deep.length)}`;
    const answer = await post(closed, {}, '/indexes/things/documents/delete-batch');
    expect([answer.status, codeIn(answer)]).toEqual([400, 'malformed_payload']);
    expect(await whatIsLeft()).toEqual(SERVES);
  });

  it('a key’s refusal comes before the body, which is thrown away', async () => {
    const answer = await ask(scene.gateway.url, {
      method: 'POST',
      path: '/nothing',
      headers: { 'content-type': 'application/json' },
      body: Buffer.alloc(1_000_000),
    });
    expect(answer.status).toBe(404);
    expect(await whatIsLeft()).toEqual(SERVES);
  });
});
