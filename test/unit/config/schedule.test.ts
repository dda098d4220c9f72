// The schedule of anti-entropy: the original's worker tests, by their names, and what is wrong here is refused.
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../../src/config.ts';
import { intervalSecsOf } from '../../../src/config/schedule.ts';
import { ConfigError } from '../../../src/errors.ts';

describe('the anti-entropy schedule', () => {
  it('hours', () => {
    const texts = ['every 6h', 'every 1h', 'every 12h', 'every 2hour', 'every 2hours'];
    expect(texts.map(intervalSecsOf)).toEqual([21_600, 3_600, 43_200, 7_200, 7_200]);
  });

  it('minutes', () => {
    const texts = ['every 30m', 'every 5m', 'every 60m', 'every 5min', 'every 1minute', 'every 5minutes'];
    expect(texts.map(intervalSecsOf)).toEqual([1_800, 300, 3_600, 300, 60, 300]);
  });

  it('seconds', () => {
    const texts = ['every 60s', 'every 300s', 'every 60sec', 'every 1second', 'every 60seconds'];
    expect(texts.map(intervalSecsOf)).toEqual([60, 300, 60, 1, 60]);
  });

  it('invalid', () => {
    const texts = [
      'invalid',
      'every',
      '6h',
      '',
      'every 6 h',
      'every 6',
      'every h',
      'every 0h',
      'every -1h',
      'every 6d',
    ];
    expect(texts.map(intervalSecsOf)).toEqual(texts.map(() => null));
    expect(['every 9000h', 'every 1.5h', 'every 6hs', 'every6h'].map(intervalSecsOf)).toEqual([null, null, null, null]);
  });

  it('case', () => {
    expect(['EVERY 6H', 'Every 30M', 'eVeRy 5MiNuTeS'].map(intervalSecsOf)).toEqual([21_600, 1_800, 300]);
  });

  it('from_schedule', () => {
    const { antiEntropySchedule } = loadConfig({ MIROIR_ANTI_ENTROPY_SCHEDULE: 'Every 30M' });
    expect(intervalSecsOf(antiEntropySchedule)).toBe(1_800);
  });

  it('defaults', () => {
    const config = loadConfig({});
    expect(config).toMatchObject({
      antiEntropyEnabled: true,
      antiEntropyShardsPerPass: 0,
      antiEntropyFingerprintBatchSize: 1_000,
      antiEntropyAutoRepair: true,
      antiEntropyTtlEnabled: false,
    });
    // A shard's lease is a lease like any other: the original's worker renews its own every 3,000 ms, over a quarter.
    expect([intervalSecsOf(config.antiEntropySchedule), config.leaseTtlSecs]).toEqual([21_600, 10]);
    expect(config.leaseRenewalIntervalMs).toBeLessThanOrEqual(3_000);
  });

  it('that is wrong is an error that names its key, instead of the default', () => {
    for (const [env, name] of [
      [{ MIROIR_ANTI_ENTROPY_SCHEDULE: 'hourly' }, 'MIROIR_ANTI_ENTROPY_SCHEDULE'],
      [{ MIROIR_ANTI_ENTROPY_SCHEDULE: 'every 6 h' }, 'MIROIR_ANTI_ENTROPY_SCHEDULE'],
    ] as const) {
      expect(() => loadConfig(env)).toThrow(ConfigError);
      expect(() => loadConfig(env)).toThrow(new RegExp(`${name}: write \`every\` and a number with its unit`));
    }
    expect(() => loadConfig({}, { anti_entropy_schedule: 'sometimes' })).toThrow(/anti_entropy_schedule: write/);
  });
});
