// Where a node's name may lead: every spelling of an address that is none of ours, and names that change their mind.
import dns, { type LookupAddress } from 'node:dns';
import { syncBuiltinESMExports } from 'node:module';
import { isIP } from 'node:net';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/clock.ts';
import { NodeOriginError } from '../../../src/errors.ts';
import { addressCheck, checkedLookup } from '../../../src/nodes/addresses.ts';
import { createNodes } from '../../../src/nodes/index.ts';
import { openPermit } from '../../../src/nodes/open-permit.ts';
import { assertOriginAllowed } from '../../../src/nodes/origins.ts';
import { json, serve } from './wire.ts';

type Answer = (error: null, addresses: LookupAddress[]) => void;
const NAMES = ['http://*.search.internal:7700'];
const LOOPBACK = ['http://127.0.0.1:*', 'http://localhost:*'];

describe('an address that a name leads to', () => {
  it.each([
    ['10.0.0.4', true],
    ['192.168.1.4', true],
    ['172.18.0.3', true],
    ['203.0.113.9', true],
    ['fd12:3456::7', true],
    ['2001:db8::1', true],
    ['::ffff:10.0.0.4', true],
    ['127.0.0.1', false],
    ['127.8.8.8', false],
    ['0.0.0.0', false],
    ['::1', false],
    ['::', false],
    ['::ffff:127.0.0.1', false],
    ['::ffff:7f00:1', false],
    ['169.254.169.254', false],
    ['::ffff:169.254.169.254', false],
    ['::ffff:a9fe:a9fe', false],
    ['64:ff9b::a9fe:a9fe', false],
    ['2002:a9fe:a9fe::1', false],
    ['168.63.129.16', false],
    ['fd00:ec2::254', false],
    ['fe80::1', false],
    ['fec0::1', false],
    ['224.0.0.1', false],
    ['255.255.255.255', false],
    ['ff02::1', false],
  ])('%s: %s', (address, expected) => {
    expect(addressCheck(NAMES)(address)).toBe(expected);
  });

  it('may be loopback where a pattern names it, and nothing else for that', () => {
    for (const patterns of [LOOPBACK, ['http://[::1]:*'], ['http://n1.localhost:7700']]) {
      expect(['127.0.0.1', '::1', '127.0.1.1'].map(addressCheck(patterns))).toEqual([true, true, true]);
      expect(addressCheck(patterns)('169.254.169.254')).toBe(false);
    }
    expect(addressCheck(['http://169.254.7.7:7700'])('169.254.7.7')).toBe(true);
    expect(addressCheck(['http://169.254.7.7:7700'])('169.254.7.8')).toBe(false);
  });
});

describe('an address in the URL itself', () => {
  it.each([
    'http://2852039166:7700', // 169.254.169.254 as one number
    'http://0xa9fea9fe:7700',
    'http://0xa9.0xfe.0xa9.0xfe:7700',
    'http://0251.0376.0251.0376:7700',
    'http://169.254.43518:7700',
    'http://[::ffff:169.254.169.254]:7700',
    'http://[::ffff:a9fe:a9fe]:7700',
    'http://[fe80::1]:7700',
    'http://169.254.169.254.:7700',
    'http://①⑥⑨.254.169.254:7700',
    'http://2130706433:7700',
    'http://0:7700',
  ])('%s is no name of the pattern', (url) => {
    expect(() => assertOriginAllowed(url, [...NAMES, 'http://10.0.0.1:*'])).toThrow(NodeOriginError);
  });
});

describe('a name', () => {
  const answering = (answers: readonly (readonly string[])[]) => {
    let asked = 0;
    const lookup = checkedLookup(NAMES, (_hostname, _options, callback) => {
      const addresses = answers[Math.min(asked, answers.length - 1)] ?? [];
      asked += 1;
      callback(
        null,
        addresses.map((address): LookupAddress => ({ address, family: isIP(address) })),
      );
    });
    return (all: boolean): Promise<unknown> =>
      new Promise((resolve, reject) => {
        lookup('n1.search.internal', { all }, (error, address) => (error === null ? resolve(address) : reject(error)));
      });
  };

  it('is connected to what was looked at, one address or all', async () => {
    const look = answering([['10.0.0.1', 'fd12::1']]);
    expect(await look(false)).toBe('10.0.0.1');
    expect(await look(true)).toEqual([
      { address: '10.0.0.1', family: 4 },
      { address: 'fd12::1', family: 6 },
    ]);
  });

  it('is refused for one address among good ones, and when it changes its mind', async () => {
    await expect(answering([['10.0.0.1', '169.254.169.254']])(true)).rejects.toBeInstanceOf(NodeOriginError);
    const rebinding = answering([['10.0.0.1'], ['127.0.0.1']]);
    expect(await rebinding(false)).toBe('10.0.0.1');
    await expect(rebinding(false)).rejects.toThrow('leads to 127.0.0.1');
    await expect(answering([[]])(false)).rejects.toThrow('has no address');
  });

  it('that leads to this machine is asked only where loopback is allowed', async () => {
    const answer = '{"pkgVersion":"1.31.0","commitSha":"","commitDate":""}';
    const { url, seen } = await serve((response) => json(response, 200, answer));
    const { port } = new URL(url);
    const systemLookup = dns.lookup;
    const toLoopback = (_hostname: string, _options: unknown, callback: Answer): void =>
      callback(null, [{ address: '127.0.0.1', family: 4 }]);
    Object.assign(dns, { lookup: toLoopback });
    syncBuiltinESMExports();
    try {
      const ask = async (...nodeOrigins: readonly string[]): Promise<unknown> => {
        const config = { nodeOrigins, keysDir: '', nodeKeys: new Map(), nodeKeyOrigins: new Map() };
        const nodes = createNodes({ config, clock: systemClock });
        const node = { id: 'n1', url: `http://n1.search.internal:${port}`, group: 0, state: 'active' as const };
        try {
          return await nodes.client(node, openPermit(2_000)).version();
        } finally {
          await nodes.close();
        }
      };
      await expect(ask('http://*.search.internal:*')).rejects.toThrow('n1.search.internal leads to 127.0.0.1');
      expect(seen).toEqual([]);
      expect(await ask('http://*.search.internal:*', 'http://127.0.0.1:*')).toBe('1.31.0');
    } finally {
      Object.assign(dns, { lookup: systemLookup });
      syncBuiltinESMExports();
    }
  });
});
