import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { loadConfig, printableConfig } from '../../../src/config.ts';
import { ConfigError } from '../../../src/errors.ts';

const folders: string[] = [];
afterEach(() => folders.splice(0).forEach((folder) => rmSync(folder, { recursive: true })));

function fileWith(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'config-'));
  folders.push(folder);
  const file = join(folder, 'miroir.json');
  writeFileSync(file, text);
  return file;
}

function problems(env: Record<string, string>): string {
  try {
    loadConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return '';
}

describe('configuration', () => {
  it('has the original’s defaults', () => {
    expect(loadConfig({})).toMatchObject({
      maxConcurrentMigrations: 4,
      leaseTtlSecs: 10,
      leaseRenewalIntervalMs: 2_000,
      migrationBatchSize: 1_000,
      // The original's 100 costs too much here (decision 0011).
      migrationBatchDelayMs: 0,
      eventChannelCapacity: 100,
      metricsPort: 9_090,
    });
  });

  it('refuses a renewal over a quarter of the lease TTL: one lost renewal would end a lease', () => {
    expect(problems({ MIROIR_LEASE_RENEWAL_INTERVAL_MS: '2501' })).toContain(
      'over a quarter of lease_ttl_secs (2500 ms)',
    );
    expect(problems({ MIROIR_LEASE_RENEWAL_INTERVAL_MS: '2500' })).toBe('');
    expect(problems({ MIROIR_LEASE_TTL_SECS: '6' })).toContain('lease_renewal_interval_ms: 2000 ms');
  });

  it('takes the environment over the file, and the file over defaults', () => {
    const file = fileWith('{"migration_batch_size": 500, "grace_ms": 7}');
    const config = loadConfig({ MIROIR_CONFIG: file, MIROIR_GRACE_MS: '8' });
    expect(config).toMatchObject({ migrationBatchSize: 500, graceMs: 8, windowBytes: 8_000_000 });
    expect(Object.isFrozen(config)).toBe(true);
  });

  it('names every wrong key at once, each on its line', () => {
    const text = problems({
      MIROIR_CONFIG: fileWith('{"window_byte": 1}'),
      MIROIR_MOVES_PER_NODE: '0',
      MIROIR_HOLD_MS: 'soon',
      MIROIR_GRACE: '5',
    });
    for (const name of ['window_byte in', 'MIROIR_MOVES_PER_NODE: ', 'MIROIR_HOLD_MS: ', 'MIROIR_GRACE: no such key']) {
      expect(text.split('\n').filter((line) => line.includes(name))).toHaveLength(1);
    }
  });

  it('says what is wrong with its file', () => {
    expect(problems({ MIROIR_CONFIG: fileWith('[1]') })).toContain('must hold one JSON object');
    expect(problems({ MIROIR_CONFIG: fileWith('{') })).toContain('miroir.json: ');
  });

  it('prints no secret', () => {
    const config = loadConfig({ MIROIR_REDIS_URL: 'redis://user:secret@localhost:6379', MIROIR_NODE_KEY_X: 'hidden' });
    const printed = JSON.stringify(printableConfig(config));
    expect(printed).toContain('redis://***@localhost:6379');
    expect(printed).not.toMatch(/secret|hidden/);
    expect(config.nodeKeys.get('X')).toBe('hidden');
  });
});
