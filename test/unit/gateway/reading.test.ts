// What the gateway reads of a request, piece by piece: text, documents, parameters, paths.
import { describe, expect, it } from 'vitest';
import { Refusal } from '../../../src/gateway/answers.ts';
import { count, counts, flag, indexUids, list, readParameters, words } from '../../../src/gateway/parameters.ts';
import { documentsArray } from '../../../src/gateway/payload.ts';
import { searchBody } from '../../../src/gateway/searches.ts';
import { encodingFor } from '../../../src/gateway/sending.ts';
import { RouteTable } from '../../../src/gateway/table.ts';
import { Utf8Text } from '../../../src/gateway/utf8.ts';

function decode(bytes: Buffer, pieceBytes: number): string | null {
  const text = new Utf8Text();
  for (let at = 0; at < bytes.length; at += pieceBytes) text.push(bytes.subarray(at, at + pieceBytes));
  return text.end();
}

/** Status, code and message of what is thrown. */
async function refusalOf(act: () => unknown): Promise<{ status: number; code: string; message: string }> {
  try {
    await act();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { ...(JSON.parse(error.answer.body) as { code: string; message: string }), status: error.answer.status };
  }
  throw new Error('nothing was refused');
}

describe('bytes to text', () => {
  const SAMPLE = 'aé€😀 plain, \u{10ffff} \ufeff end';

  it.each([1, 2, 3, 5, 7, 1_000])('is the same text in pieces of %i', (pieceBytes) => {
    expect(decode(Buffer.from(SAMPLE), pieceBytes)).toBe(SAMPLE);
    const long = Buffer.from(SAMPLE.repeat(10_000));
    expect(decode(long, 60_000 + pieceBytes)).toBe(long.toString('utf8'));
  });

  it('takes a block whose length was announced', () => {
    for (const length of [0, 1, 15, 16, 17, 65_536, 70_000]) {
      const bytes = Buffer.from('é'.repeat(length)).subarray(0, length - (length % 2));
      const text = new Utf8Text(bytes.length);
      text.push(bytes);
      expect(text.end()).toBe(bytes.toString('utf8'));
    }
  });

  it.each([
    ['a byte that never occurs', [0x61, 0xff, 0x62]],
    ['a character that ends too early', [0x61, 0xe2, 0x82]],
    ['a byte within a character without its beginning', [0x82, 0x61]],
    ['an overlong slash', [0xc0, 0xaf]],
    ['half of a surrogate pair', [0xed, 0xa0, 0x80]],
  ])('refuses %s, wherever pieces end', (_, bytes) => {
    for (const pieceBytes of [1, 2, 3, 100]) expect(decode(Buffer.from(bytes), pieceBytes)).toBeNull();
    expect(decode(Buffer.concat([Buffer.alloc(65_535, 0x20), Buffer.from(bytes)]), 70_000)).toBeNull();
  });
});

describe('documents', () => {
  it.each([
    ['{"id":1}\n{"id":2}\n', '[{"id":1},{"id":2}]'],
    ['{"id":1}{"id":2}', '[{"id":1},{"id":2}]'],
    ['\r\n {"id":1,\n "a":[1,\n2]}\r\n\r\n{"id":"{\\"}"}', '[{"id":1,\n "a":[1,\n2]},{"id":"{\\"}"}]'],
    [' \n ', '[]'],
    ['{"n":1.0,"m":12345678901234567890,"e":1e2}', '[{"n":1.0,"m":12345678901234567890,"e":1e2}]'],
    ['{"__proto__":{"x":1}}\n{"constructor":1}', '[{"__proto__":{"x":1}},{"constructor":1}]'],
  ])('as lines: %j', async (text, array) => {
    expect(await documentsArray(text, 'ndjson')).toBe(array);
  });

  it.each([
    ['[ {"id":1.0} ]', '[ {"id":1.0} ]'],
    [' {"id":1.50} ', '[{"id":1.50}]'],
  ])('as JSON: %j', async (text, array) => {
    expect(await documentsArray(text, 'json')).toBe(array);
  });

  it.each([
    ['ndjson', '{"id":1}\n{"id":'],
    ['ndjson', '{"a":[{}\n{}]}'],
    ['ndjson', '{"id":1},{"id":2}'],
    ['json', '{"id":1},{"id":2}'],
    ['json', '"text"'],
    ['json', 'i am not json'],
    ['json', '\ufeff{"id":1}'],
    ['ndjson', `{"a":${'['.repeat(5_000)}`],
  ] as const)('refuses %s %j as malformed', async (format, text) => {
    const refused = await refusalOf(() => documentsArray(text, format));
    expect(refused).toMatchObject({ status: 400, code: 'malformed_payload' });
    expect(refused.message).toMatch(new RegExp(`^The \`${format}\` payload provided is malformed\\. \``));
  });

  it('answers a line that is an array as a node does', async () => {
    expect(await refusalOf(() => documentsArray('{"id":1}\n[1]', 'ndjson'))).toMatchObject({
      status: 500,
      code: 'internal',
    });
  });

  it('lets others in between while it walks many lines', async () => {
    let turns = 0;
    const timer = setInterval(() => (turns += 1), 0);
    const lines = `{"id":1,"text":"${'x'.repeat(500)}"}\n`.repeat(8_000);
    await documentsArray(lines, 'ndjson');
    clearInterval(timer);
    expect(turns).toBeGreaterThan(1);
  });
});

describe('parameters', () => {
  const read = (search: string): ReturnType<typeof readParameters> =>
    readParameters(search, ['limit', 'flag', 'uids', 'statuses', 'indexUids']);

  it('reads each kind, the last value of a name', () => {
    const given = read('limit=1&limit=2&flag=true&uids=1,2&indexUids=a,b');
    expect(count(given, 'limit', 'x')).toBe(2);
    expect(flag(given, 'flag', 'x')).toBe(true);
    expect(counts(given, 'uids', 'x')).toEqual([1, 2]);
    expect(indexUids(given, 'indexUids')).toEqual(['a', 'b']);
    expect([count(given, 'none', 'x'), flag(given, 'none', 'x'), list(given, 'none')]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('takes a star for no narrowing, and an empty text for an empty list', () => {
    expect(counts(read('uids=*'), 'uids', 'x')).toBeUndefined();
    expect(counts(read('uids='), 'uids', 'x')).toEqual([]);
    expect(list(read('uids='), 'uids')).toEqual([]);
  });

  it.each([
    [
      'nope=1',
      'bad_request',
      'Unknown parameter `nope`: expected one of `limit`, `flag`, `uids`, `statuses`, `indexUids`',
    ],
    ['limit=doggo', 'code', 'Invalid value in parameter `limit`: could not parse `doggo` as a positive integer'],
    ['limit=1.5', 'code', 'Invalid value in parameter `limit`: could not parse `1.5` as a positive integer'],
    ['limit=', 'code', 'Invalid value in parameter `limit`: could not parse `` as a positive integer'],
    ['limit=99999999999999999999', 'code', /could not parse/],
    ['uids=0,%200', 'code', 'Invalid value in parameter `uids[1]`: could not parse ` 0` as a positive integer'],
    ['flag=maybe', 'code', /could not parse `maybe` as a boolean, expected either `true` or `false`/],
    [
      'statuses=done',
      'code',
      'Invalid value in parameter `statuses`: `done` is not a valid task status. Available statuses are `enqueued`.',
    ],
    [
      'indexUids=a,b%20c',
      'invalid_index_uid',
      /^Invalid value in parameter `indexUids\[1\]`: `b c` is not a valid index uid/,
    ],
  ])('refuses %s', async (search, code, message) => {
    const refused = await refusalOf(() => {
      const given = read(search);
      count(given, 'limit', 'code');
      flag(given, 'flag', 'code');
      counts(given, 'uids', 'code');
      words(given, 'statuses', ['enqueued'], { one: 'task status', many: 'statuses', code: 'code' });
      indexUids(given, 'indexUids');
    });
    expect(refused.code).toBe(code);
    expect(refused.message).toMatch(message);
  });

  it('makes a body of a search in a query string', () => {
    const search =
      'q=a%20b&limit=3&showRankingScore=true&facets=x,y&filter=a%20%3D%201&sort=_geoPoint(1,2):asc,b:desc&rankingScoreThreshold=0.5&vector=0.1,2&hybridEmbedder=e';
    expect(JSON.parse(searchBody(search))).toEqual({
      q: 'a b',
      limit: 3,
      showRankingScore: true,
      facets: ['x', 'y'],
      filter: 'a = 1',
      sort: ['_geoPoint(1,2):asc', 'b:desc'],
      rankingScoreThreshold: 0.5,
      vector: [0.1, 2],
      hybrid: { embedder: 'e' },
    });
    expect(JSON.parse(searchBody('filter=%5B%22a=1%22%5D&q=12'))).toEqual({ filter: ['a=1'], q: '12' });
    expect(JSON.parse(searchBody('filter=%5Bnot%20json'))).toEqual({ filter: '[not json' });
    expect(() => searchBody('limit=many')).toThrow(Refusal);
  });
});

describe('the table of routes', () => {
  const route = (method: 'GET' | 'POST' | 'DELETE', path: string) => ({
    method,
    path,
    action: null,
    handle: () => Promise.reject(new Error('not called')),
  });
  const table = new RouteTable([
    route('GET', '/indexes'),
    route('GET', '/indexes/:uid'),
    route('DELETE', '/indexes/:uid'),
    route('POST', '/indexes/:uid/documents/fetch'),
    route('GET', '/indexes/:uid/documents/:id'),
  ]);

  it.each([
    ['GET', '/indexes', '/indexes', {}],
    ['GET', '/indexes/', '/indexes', {}],
    ['HEAD', '/indexes', '/indexes', {}],
    ['GET', '/indexes/a%20b', '/indexes/:uid', { uid: 'a b' }],
    ['GET', '/indexes/%zz', '/indexes/:uid', { uid: '%zz' }],
    [
      'GET',
      '/indexes/__proto__/documents/constructor',
      '/indexes/:uid/documents/:id',
      { uid: '__proto__', id: 'constructor' },
    ],
    ['GET', '/indexes/a/documents/%2Fx', '/indexes/:uid/documents/:id', { uid: 'a', id: '/x' }],
  ])('%s %s', (method, path, found, params) => {
    const match = table.match(method, path);
    expect(match?.route?.path).toBe(found);
    expect(match?.params).toEqual(params);
  });

  it('tells a method that is not there from a path that is not there', () => {
    expect(table.match('PUT', '/indexes/a')).toMatchObject({ route: null, allowed: ['GET', 'DELETE'] });
    expect(table.match('GET', '/indexes/a/documents/fetch')).toMatchObject({ route: null, allowed: ['POST'] });
    for (const path of ['/', '/nothing', '/indexes/a/documents', '/indexes/a/documents/1/2', '//']) {
      expect(table.match('GET', path), path).toBeNull();
    }
  });

  it('has no route twice', () => {
    expect(() => new RouteTable([route('GET', '/a/:x'), route('GET', '/a/:y')])).toThrow(/two routes for GET \/a\/:y/);
  });
});

describe('the encoding of an answer', () => {
  it.each([
    [undefined, null],
    ['', null],
    ['identity', null],
    ['gzip', 'gzip'],
    ['gzip, deflate, br', 'br'],
    ['gzip;q=1.0, br;q=0.5', 'gzip'],
    ['deflate;q=0.3, identity', null],
    ['*', 'br'],
    ['br;q=0, *', 'gzip'],
    ['zstd', null],
    ['gzip;q=0', null],
  ])('%s → %s', (header, encoding) => {
    expect(encodingFor(header)).toBe(encoding);
  });
});
