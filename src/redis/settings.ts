/** What the settings of indexes shall be, in Redis; and broadcasts of them, under the fence of their lease. */
import type { Redis } from 'ioredis';
import { RECORD_VERSION, assertReadable } from '../core/version.ts';
import type { Lease, SettingsBroadcast, SettingsRecord, SettingsRecords } from '../ports.ts';
import { reading } from './fault.ts';
import { keys } from './keys.ts';
import { parseJson } from './route-text.ts';
import { type Scripts, refusalError } from './scripts.ts';

export interface SettingsRecordsOptions {
  readonly redis: Redis;
  readonly scripts: Scripts;
  readonly auditMaxEntries: number;
}

const NODE = 'node:';

function toRecord(index: string, fields: Readonly<Record<string, string>>): SettingsRecord {
  const what = `settings of ${index}`;
  if (fields['v'] !== undefined) assertReadable(fields['v'], what);
  const json = (name: string): unknown => (fields[name] === undefined ? null : parseJson(fields[name], what));
  const settings = json('settings') as Readonly<Record<string, unknown>> | null;
  const nodes = Object.entries(fields).filter(([name]) => name.startsWith(NODE));
  return {
    index,
    version: Number(fields['version'] ?? '0'),
    desired: settings === null ? null : { settings, fingerprint: fields['fingerprint'] ?? '' },
    // `version:time`, the time for people.
    nodeVersions: Object.fromEntries(nodes.map(([name, text]) => [name.slice(NODE.length), Number.parseInt(text, 10)])),
    frozen: fields['frozen'] ?? null,
    broadcast: json('broadcast') as SettingsBroadcast | null,
  };
}

export function createSettingsRecords({ redis, scripts, auditMaxEntries }: SettingsRecordsOptions): SettingsRecords {
  const under = (lease: Lease, index: string): string[] => [keys.lease(lease.scope), keys.settings(index)];
  const table = (lease: Lease, index: string): string[] => [...under(lease, index), keys.routing(index)];

  return {
    async read(index) {
      return toRecord(index, await reading('settings', () => redis.hgetall(keys.settings(index))));
    },
    async list(indexes) {
      const pipeline = redis.pipeline();
      for (const index of indexes) pipeline.hgetall(keys.settings(index));
      const replies = (await reading('settings', () => pipeline.exec())) ?? [];
      return replies.map(([error, fields], at) => {
        if (error) throw error;
        return toRecord(indexes[at] ?? '', fields as Record<string, string>);
      });
    },
    async propose(lease, broadcast, { settings, fingerprint }) {
      const { index } = broadcast.status;
      const reply = await scripts.try(
        'settings-propose',
        [...table(lease, index), keys.moves],
        [
          lease.fence,
          index,
          keys.movePrefix,
          broadcast.id,
          JSON.stringify(broadcast),
          JSON.stringify(settings),
          fingerprint,
          RECORD_VERSION,
        ],
      );
      if (!('refused' in reply)) return 'ok';
      if (reply.refused === 'broadcast') return 'in flight';
      if (reply.refused === 'missing') return 'gone';
      if (reply.refused === 'moving') return { moving: reply.detail };
      throw refusalError('settings-propose', reply);
    },
    async step(lease, broadcast) {
      const args = [lease.fence, broadcast.id, JSON.stringify(broadcast)];
      await scripts.run('settings-step', under(lease, broadcast.status.index), args);
    },
    async end(lease, broadcast, { commit, frozen = '', verified, others, outcome }) {
      const { index } = broadcast.status;
      const { task } = broadcast;
      const [, version] = await scripts.run(
        'settings-end',
        [...table(lease, index), keys.clientTask(task ?? -1), keys.openClientTasks, keys.audit],
        [
          lease.fence,
          broadcast.id,
          commit === undefined ? '' : JSON.stringify(commit.settings),
          commit?.fingerprint ?? '',
          frozen,
          JSON.stringify(verified),
          JSON.stringify(others),
          task ?? '',
          JSON.stringify(outcome),
          auditMaxEntries,
          index,
        ],
      );
      return Number(version);
    },
    async adopt(lease, index, { settings, fingerprint }) {
      const args = [lease.fence, JSON.stringify(settings), fingerprint, RECORD_VERSION];
      await scripts.run('settings-adopt', table(lease, index), args);
    },
    async stamp(lease, { index, node, version, present }) {
      const args = [lease.fence, present, node, version];
      const reply = await scripts.try('settings-stamp', table(lease, index), args);
      if (!('refused' in reply)) return true;
      if (reply.refused === 'broadcast') return false;
      throw refusalError('settings-stamp', reply);
    },
    async thaw(index) {
      const at = [keys.settings(index), keys.routing(index), keys.audit];
      const [, was] = await scripts.run('settings-thaw', at, [index, auditMaxEntries]);
      return was === '1';
    },
  };
}
