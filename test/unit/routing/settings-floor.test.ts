// p5_5: versions of settings that a read asks for, the header that says so, and the defaults.
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../../src/config.ts';
import { SettingsStaleError } from '../../../src/errors.ts';
import { Refusal } from '../../../src/gateway/answers.ts';
import { settingsFloor } from '../../../src/gateway/calls.ts';
import { atSettingsVersion } from '../../../src/routing/search/settings-floor.ts';
import type { ReadSnapshot } from '../../../src/routing/search/tables.ts';

const shard = (number: number, readers: readonly string[]): ReadSnapshot['table']['shards'][number] => ({
  shard: number,
  state: 'stable',
  owners: readers,
  readers,
  epoch: 1,
});
const snapshot: ReadSnapshot = {
  table: { index: 'docs', epoch: 1, shards: [shard(0, ['n1', 'n2']), shard(1, ['n2', 'n3'])] },
  entry: { uid: 'docs', primaryKey: 'id', shards: 2, replicationFactor: 2, groups: [0] },
  nodes: new Map(['n1', 'n2', 'n3'].map((id) => [id, { id, url: '', group: 0, state: 'active' }])),
  settings: { version: 2, nodeVersions: { n1: 2, n2: 1, n3: 2 } },
  registration: 'r',
};
const idsAt = (floor: number, shards = [0, 1]): string[] => [
  ...atSettingsVersion(snapshot, floor, shards).nodes.keys(),
];

describe('reads at a version of settings', () => {
  it('go to nodes that are at it, so the covering set leaves out those that are behind', () => {
    expect(idsAt(1)).toEqual(['n1', 'n2', 'n3']);
    expect(idsAt(2)).toEqual(['n1', 'n3']);
  });

  it('have no covering set where no node of a shard is at it: 503, to be asked again', () => {
    expect(() => idsAt(3)).toThrow(SettingsStaleError);
    const alone = { ...snapshot, settings: { version: 2, nodeVersions: { n2: 1, n3: 1 } } };
    expect(() => atSettingsVersion(alone, 2, [0, 1])).toThrow('1 of its shards have no node at 2');
    expect([...atSettingsVersion(alone, 2, [0]).nodes.keys()]).toEqual(['n1']);
    expect(new SettingsStaleError('')).toMatchObject({ code: 'miroir_settings_version_stale', retryable: true });
  });

  it('count a node that joined as being at the present one, and an index whose settings nobody changed as at 0', () => {
    const { settings: _, ...none } = snapshot;
    expect(atSettingsVersion(none, 0, [0, 1]).nodes.size).toBe(3);
    expect(() => atSettingsVersion(none, 1, [0])).toThrow(SettingsStaleError);
    expect(atSettingsVersion({ ...snapshot, settings: { version: 5, nodeVersions: {} } }, 5, [0, 1]).nodes.size).toBe(
      3,
    );
  });
});

describe('the header', () => {
  it('is a whole number, or absent', () => {
    expect(settingsFloor('12')).toBe(12);
    expect(settingsFloor(undefined)).toBeNull();
  });

  it.each(['', 'one', '-1', '1.5', '1'.repeat(16), ['1', '2']])('is refused with 400 when it is %j', (text) => {
    let refusal: unknown;
    try {
      settingsFloor(text);
    } catch (error) {
      refusal = error;
    }
    expect(refusal).toBeInstanceOf(Refusal);
    const { status, body } = (refusal as Refusal).answer;
    expect(status).toBe(400);
    expect(body).toContain('X-Miroir-Min-Settings-Version');
  });
});

describe('configuration', () => {
  it('has the original’s defaults', () => {
    expect(loadConfig({})).toMatchObject({
      settingsStrategy: 'two_phase',
      settingsVerifyTimeoutS: 60,
      settingsMaxRetries: 3,
      settingsDriftIntervalS: 300,
      settingsDriftAutoRepair: true,
    });
  });

  it('names what is wrong', () => {
    expect(loadConfig({ MIROIR_SETTINGS_STRATEGY: 'sequential' }).settingsStrategy).toBe('sequential');
    expect(() => loadConfig({ MIROIR_SETTINGS_STRATEGY: 'three_phase' })).toThrow('MIROIR_SETTINGS_STRATEGY');
  });

  it('keeps keys of embedders by their names', () => {
    const { embedderKeys } = loadConfig({ MIROIR_EMBEDDER_KEY_OPEN_AI: 'sk' });
    expect(embedderKeys.get('OPEN_AI')).toBe('sk');
  });
});
