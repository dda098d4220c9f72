import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/clock.ts';
import { ConfigError, InvalidInputError, NodeOriginError } from '../../../src/errors.ts';
import { Keyring } from '../../../src/nodes/keys.ts';
import type { KeyConfig } from '../../../src/nodes/keys.ts';

let dir: string;
let nowMs: number;
const clock = { ...systemClock, monotonic: () => nowMs };

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'miroir-keys-'));
  nowMs = 0;
});
afterEach(() => rmSync(dir, { recursive: true }));

const keyring = (config: Partial<KeyConfig> = {}): Keyring =>
  new Keyring(
    {
      nodeOrigins: ['http://127.0.0.1:*', 'https://*.example.com'],
      keysDir: dir,
      nodeKeys: new Map(),
      nodeKeyOrigins: new Map(),
      ...config,
    },
    clock,
  );

const node = (apiKeyRef?: string, url = 'http://127.0.0.1:7700') => ({
  id: 'n1',
  url,
  ...(apiKeyRef === undefined ? {} : { apiKeyRef }),
});

function thrownBy(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe('Keyring.access', () => {
  it('gives no key to a node without a reference', () => {
    expect(keyring().access(node())).toEqual({ origin: 'http://127.0.0.1:7700', apiKey: null });
  });

  it('reads MIROIR_NODE_KEY_<REF>, upper-cased and with _ for -', () => {
    const keys = keyring({ nodeKeys: new Map([['PROD_EU', ' k-1\n']]) });
    expect(keys.access(node('prod-eu')).apiKey).toBe('k-1');
  });

  it('reads the trimmed file <keys_dir>/<ref>, and a rotated key within five seconds', () => {
    writeFileSync(join(dir, 'prod'), ' k-1 \n');
    const keys = keyring();
    expect(keys.access(node('prod')).apiKey).toBe('k-1');
    writeFileSync(join(dir, 'prod'), 'k-2');
    nowMs = 4_999;
    expect(keys.access(node('prod')).apiKey).toBe('k-1');
    nowMs = 5_000;
    expect(keys.access(node('prod')).apiKey).toBe('k-2');
  });

  it('gives a key only for the origins it is bound to, within those of nodes', () => {
    const keys = keyring({
      nodeKeys: new Map([['PROD', 'k']]),
      nodeKeyOrigins: new Map([['PROD', ['https://n1.example.com', 'https://other.host']]]),
    });
    expect(keys.access(node('prod', 'https://n1.example.com')).apiKey).toBe('k');
    expect(() => keys.access(node('prod', 'https://n2.example.com'))).toThrow(NodeOriginError);
    expect(() => keys.access(node('prod'))).toThrow(NodeOriginError);
    expect(() => keys.access(node('prod', 'https://other.host'))).toThrow(NodeOriginError);
  });

  it.each([
    '',
    '../passwd',
    'a/b',
    'a\\b',
    '.hidden',
    'a.b',
    '/etc/passwd',
    'ä',
    'x'.repeat(65),
    'origins-prod',
    'a\0',
  ])('refuses the reference %j before it looks for a file', (reference) => {
    expect(() => keyring().access(node(reference))).toThrow(InvalidInputError);
  });

  it('names where a missing key is looked for', () => {
    expect(() => keyring().access(node('no-such'))).toThrow(ConfigError);
    expect(() => keyring({ keysDir: '' }).access(node('no-such'))).toThrow(ConfigError);
    expect(thrownBy(() => keyring().access(node('no-such')))).toMatchObject({
      field: 'api_key_ref',
      remedy: expect.stringContaining('MIROIR_NODE_KEY_NO_SUCH') as string,
    });
  });

  it('refuses what is no key, without showing it', () => {
    writeFileSync(join(dir, 'two-lines'), 's3cret\r\nx-header: 1');
    writeFileSync(join(dir, 'huge'), 's3cret'.repeat(1_000));
    writeFileSync(join(dir, 'empty'), '\n');
    mkdirSync(join(dir, 'folder'));
    execFileSync('/usr/bin/env', ['mkfifo', join(dir, 'pipe')]);
    for (const reference of ['two-lines', 'huge', 'empty', 'folder', 'pipe', 'from-env']) {
      const keys = keyring({ nodeKeys: new Map([['FROM_ENV', 's3cret \n s3cret']]) });
      const error = thrownBy(() => keys.access(node(reference)));
      expect(error, reference).toBeInstanceOf(ConfigError);
      expect(inspect(error)).not.toContain('s3cret');
      expect((error as Error).message).not.toContain(dir);
    }
  });
});
