// Nodes that are lost for good while a move needs them: what an operator may decide, what is refused, and what is lost then.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { acceptLoss, lossOf, revertMove, revertOf } from '../../src/control/moves.ts';
import { openPermit } from '../../src/nodes/open-permit.ts';
import { Failures } from '../../src/planning/failures.ts';
import { keys } from '../../src/redis/keys.ts';
import { openControl } from '../../src/service.ts';
import { entryCommand } from '../support/built-entry.ts';
import type { TestFleet } from '../support/fleet.ts';
import { isInGrace } from '../support/scene.ts';
import { failNode, nodeOf, setNodeState, settleWithoutSource, startSettlingFleet } from '../support/settling.ts';
import { switchesOf } from '../support/switches.ts';
import { untilTrue } from '../support/until.ts';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function start(replicationFactor: number) {
  const { fleet, writer } = await startSettlingFleet(replicationFactor, closers);
  const control = await openControl(fleet.config);
  closers.push(() => control.close());
  return { fleet, writer, control };
}

/** As the planner does at once, without planning what comes after. */
const leave = ({ base, config, planWriter, moveQueue }: TestFleet) =>
  new Failures({ ...base, config, writer: planWriter, queue: moveQueue, permit: openPermit(1_000) }).leave(true);
const textsOn = (fleet: TestFleet, id: string) => switchesOf(nodeOf(fleet, id)).texts('docs');
const refusal = (remedy: RegExp) => ({
  code: 'miroir_move_state',
  field: 'move',
  remedy: expect.stringMatching(remedy) as string,
});
const waitsFor = (fleet: TestFleet, id: string, reason: string) =>
  fleet.untilMove(id, (move) => move.waiting?.reason.startsWith(reason) === true, 20_000);

async function miroir(
  fleet: TestFleet,
  ...args: string[]
): Promise<{ code: number | null; out: string; talk: string }> {
  const cli = entryCommand('src/cli/main');
  const child = spawn(cli.command, [...cli.args, ...args], {
    cwd: join(import.meta.dirname, '../..'),
    env: { ...process.env, ...fleet.env },
  });
  let [out, talk] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (talk += chunk.toString()));
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, out, talk })));
}

describe('the only node with the last writes of a settling shard is lost', () => {
  it('the shard waits until an operator gives these writes up, which are listed first; then it settles', async () => {
    const { fleet, writer, control } = await start(1);
    const { id, source, target } = await settleWithoutSource(fleet, writer, [3, 5]);
    await expect(acceptLoss(control, id)).rejects.toMatchObject(refusal(/NodeRecovered/));
    await nodeOf(fleet, source).stop();
    await expect(acceptLoss(control, id)).rejects.toMatchObject(refusal(/miroir node fail/));
    await setNodeState(fleet, source, 'failed');
    await waitsFor(fleet, id, 'source_failed');

    const told = await miroir(fleet, 'move', 'accept-loss', id, '-o', 'json');
    expect(told).toMatchObject({
      code: 0,
      talk: expect.stringContaining('nothing is changed without --yes') as string,
    });
    expect(JSON.parse(told.out)).toMatchObject({
      source,
      target,
      lost: [source],
      documents: 2,
      ids: ['3', '5'],
      wished: false,
    });
    expect(await fleet.base.redis.zcard(keys.journal(id))).toBe(2);
    const { wish } = await fleet.untilMove(id, () => true);
    expect(wish).toBe('');
    // Of a document that waits nobody knows what it is; every other one is written as ever.
    await writer.put({ id: 4, name: 'written meanwhile' });
    const third = writer.put({ id: 3, name: 'written anew' });
    await untilTrue(() => writer.waited.settling > 0);

    const given = await miroir(fleet, 'move', 'accept-loss', id, '--yes', '-o', 'json');
    expect(JSON.parse(given.out)).toMatchObject({ documents: 2, wished: true });
    await fleet.moveQueue.promote(await fleet.untilMove(id, () => true));
    const ended = await fleet.untilEnded(id, 30_000);
    // The wish was for these documents: whatever fails next is asked about anew.
    expect(ended).toMatchObject({ outcome: 'done', lost: 2, lostIds: ['3', '5'], wish: '' });
    await third;
    const texts = await textsOn(fleet, target);
    expect(texts.size).toBe(100);
    expect(texts.get('3')).toContain('written anew');
    expect(texts.get('4')).toContain('written meanwhile');
    expect(texts.get('5')).toContain('document 5');
    await expect(acceptLoss(control, id)).rejects.toMatchObject({ code: 'miroir_move_state' });
  }, 60_000);

  it('only what no other old owner has is given up', async () => {
    const { fleet, writer, control } = await start(2);
    const { id, source, other, target } = await settleWithoutSource(fleet, writer, [3, 5]);
    await fleet.base.repairs.add('docs', 0, ['3'], [other]);
    await failNode(fleet, source);
    await waitsFor(fleet, id, 'source_failed');
    expect(await lossOf(control, id)).toMatchObject({ documents: 1, ids: ['3'] });
    expect((await textsOn(fleet, target)).get('5')).toContain('accepted by every owner');
    await acceptLoss(control, id);
    await fleet.moveQueue.promote(await fleet.untilMove(id, () => true));
    expect(await fleet.untilEnded(id, 30_000)).toMatchObject({ outcome: 'done', lost: 1, lostIds: ['3'] });
  }, 60_000);

  it('nothing is given up while a failed owner may have it: not one beside the source, not one that is back', async () => {
    const { fleet, writer, control } = await start(2);
    const { id, source, other, target } = await settleWithoutSource(fleet, writer, [3, 5]);
    await setNodeState(fleet, other, 'failed');
    await failNode(fleet, source);
    await waitsFor(fleet, id, 'source_failed');
    await expect(lossOf(control, id)).rejects.toMatchObject({
      ...refusal(/NodeRecovered/),
      message: expect.stringContaining(`node ${other} answers`) as string,
    });
    // As if it had come back after the wish.
    await fleet.base.records.wish(id, 'accept-loss');
    await fleet.moveQueue.promote(await fleet.untilMove(id, () => true));
    await waitsFor(fleet, id, `source_failed: ${other} is there again`);
    expect(await fleet.untilMove(id, () => true)).toMatchObject({ wish: '' });
    expect(await fleet.base.redis.zcard(keys.journal(id))).toBe(2);
    await setNodeState(fleet, other, 'active');
    await fleet.moveQueue.promote(await fleet.untilMove(id, () => true));
    const ended = await fleet.untilEnded(id, 30_000);
    expect(ended).toMatchObject({ outcome: 'done', wish: '' });
    expect(ended.lost ?? 0).toBe(0);
    expect((await textsOn(fleet, target)).get('3')).toContain('accepted by every owner');
  }, 60_000);

  it('a source that is back is read before it is restored, where it has what it had', async () => {
    const { fleet, writer } = await start(1);
    await fleet.planner.sweep();
    const { id, source, target } = await settleWithoutSource(fleet, writer, [3, 5]);
    await setNodeState(fleet, source, 'failed');
    await waitsFor(fleet, id, 'source_failed');
    const text = (await fleet.base.redis.hget(keys.sightings('docs'), source)) ?? '';
    await fleet.base.redis.hset(keys.sightings('docs'), source, text.replace('{', '{"lost":"some",'));
    await switchesOf(nodeOf(fleet, source)).resume();
    await setNodeState(fleet, source, 'restoring');
    await fleet.base.records.wish(id, 'accept-loss');
    await fleet.moveQueue.promote(await fleet.untilMove(id, () => true));
    await fleet.untilMove(id, ({ wish }) => wish === '', 20_000);
    expect(await fleet.base.redis.zcard(keys.journal(id))).toBe(2);
    await fleet.base.redis.hset(keys.sightings('docs'), source, text);
    await fleet.moveQueue.promote(await fleet.untilMove(id, () => true));
    expect(await fleet.untilMove(id, isInGrace, 20_000)).toMatchObject({ lost: 0 });
    expect((await textsOn(fleet, target)).get('3')).toContain('accepted by every owner');
  }, 60_000);

  it('a move that does not settle has nothing to give up, and one that is unknown is said so', async () => {
    const { fleet, control } = await start(1);
    const { id } = await fleet.orderMove({ index: 'docs', target: 'n3' });
    await expect(acceptLoss(control, id)).rejects.toMatchObject(refusal(/status/));
    await expect(fleet.base.records.wish(id, 'accept-loss')).rejects.toThrow('phase Idle');
    await expect(acceptLoss(control, 'p0-0')).rejects.toMatchObject({ code: 'miroir_move_unknown', field: 'move' });
  });
});

describe('the only owner is lost during the grace', () => {
  /** A shard that has settled on its target, where document 3 was written since. */
  async function inGrace(replicationFactor = 1) {
    const { fleet, writer, control } = await start(replicationFactor);
    await fleet.startWorker();
    const { route } = await fleet.base.records.route('docs', 0);
    const target = ['n1', 'n2', 'n3'].find((id) => !route.owners.includes(id)) ?? '';
    const { id, retires } = await fleet.orderMove({ index: 'docs', target });
    await fleet.untilMove(id, isInGrace, 20_000);
    await writer.put({ id: 3, name: 'written after the switch' });
    return { fleet, writer, control, id, target, owner: retires ?? '' };
  }

  it('the copy that was kept owns the shard again, on an operator’s word and under a higher epoch', async () => {
    const { fleet, writer, control, id, target, owner } = await inGrace();
    await expect(revertMove(control, id)).rejects.toMatchObject(refusal(/NodeRecovered/));
    await nodeOf(fleet, target).stop();
    await expect(revertMove(control, id)).rejects.toMatchObject(refusal(/miroir node fail/));
    await fleet.planner.handle('NodeFailed', { node_id: target });
    const { route: before } = await fleet.base.records.route('docs', 0);
    expect(before).toMatchObject({ state: 'settled', owners: [target] });

    const told = await miroir(fleet, 'move', 'revert', id, '-o', 'json');
    const { switchedAtMs } = await fleet.untilMove(id, ({ wish }) => wish === '');
    const since = new Date(switchedAtMs ?? 0).toISOString();
    expect(JSON.parse(told.out)).toMatchObject({ target, owner, since, wished: false });
    expect(await miroir(fleet, 'move', 'revert', id, '--accept-loss')).toMatchObject({ code: 0 });
    // Whoever is in a hurry does not end the copy that is wanted back.
    await fleet.base.records.wish(id, 'now');
    await fleet.planner.sweep();
    const ended = await fleet.untilEnded(id, 20_000);
    expect(ended).toMatchObject({ outcome: 'reverted', phase: 'Idle', wish: 'revert' });
    expect(ended.error).toContain(`writes since ${since} are lost; a copy is left on ${target}`);
    const { route } = await fleet.base.records.route('docs', 0);
    expect(route).toMatchObject({ state: 'stable', owners: [owner], readers: [owner] });
    expect(route.epoch).toBeGreaterThan(before.epoch);
    expect((await textsOn(fleet, owner)).get('3')).toContain('document 3');
    await writer.put({ id: 4, name: 'written again' });
    await fleet.untilQuiet();
    expect((await textsOn(fleet, owner)).get('4')).toContain('written again');
    await expect(revertMove(control, id)).rejects.toMatchObject(refusal(/grace/));
  }, 60_000);

  it.each([
    ['the target first', 'target-first'],
    ['the other one first', 'other-first'],
    ['both at once', 'both'],
  ])(
    'both owners are lost, %s: each is named, and the kept copy owns the shard alone',
    async (_, order) => {
      const { fleet, control, id, target, owner } = await inGrace(2);
      const { route: before } = await fleet.base.records.route('docs', 0);
      const other = before.owners.find((one) => one !== target) ?? '';
      const [first, second] = order === 'other-first' ? [other, target] : [target, other];
      await failNode(fleet, first);
      if (order !== 'both') await leave(fleet);
      await setNodeState(fleet, second, 'failed');
      await expect(revertOf(control, id)).rejects.toMatchObject({
        ...refusal(/NodeRecovered/),
        message: expect.stringContaining(`node ${second} answers`) as string,
      });
      // A wish from before it was back takes nothing away, whether it is restored already or not.
      await setNodeState(fleet, second, 'restoring');
      await fleet.base.records.wish(id, 'revert');
      await fleet.moveQueue.promote(await fleet.untilMove(id, () => true));
      await fleet.untilMove(id, ({ wish }) => wish === '', 20_000);
      await failNode(fleet, second);
      const owners = { 'target-first': [other], 'other-first': [target], both: [...before.owners] }[order] ?? [];
      const { route } = await fleet.base.records.route('docs', 0);
      expect(route.owners).toEqual(owners);
      const view = await revertMove(control, id);
      expect([...view.lost].sort()).toEqual([...new Set([target, ...owners])].sort());
      await fleet.moveQueue.promote(await fleet.untilMove(id, () => true));
      const ended = await fleet.untilEnded(id, 20_000);
      expect(ended).toMatchObject({ outcome: 'reverted' });
      for (const node of view.lost) expect(ended.error).toContain(node);
      const { route: after } = await fleet.base.records.route('docs', 0);
      expect(after).toMatchObject({ state: 'stable', owners: [owner], readers: [owner] });
    },
    60_000,
  );

  it('is refused where another owner serves, and once the copy has begun to be deleted', async () => {
    const { fleet, control, id, target, owner } = await inGrace(2);
    await failNode(fleet, target);
    await expect(revertOf(control, id)).rejects.toMatchObject({ code: 'miroir_move_state', message: /is on n\d, too/ });
    await fleet.base.redis.hset(keys.move(id), 'deletingAt', '1');
    await expect(revertOf(control, id)).rejects.toMatchObject({
      message: `move ${id} has begun to delete the copy on ${owner}`,
    });
    await expect(fleet.base.records.wish(id, 'revert')).rejects.toThrow('deleting');
  }, 60_000);

  it('a wish that comes while the target serves again deletes nothing and changes no owner', async () => {
    const { fleet, id, target, owner } = await inGrace();
    await fleet.base.records.wish(id, 'revert');
    await fleet.planner.sweep();
    const waiting = await fleet.untilMove(id, ({ wish }) => wish === '', 20_000);
    expect(waiting).toMatchObject({ phase: 'DualWriteStopped' });
    const { route } = await fleet.base.records.route('docs', 0);
    expect(route).toMatchObject({ state: 'settled', owners: [target] });
    expect((await textsOn(fleet, owner)).size).toBe(100);
  }, 60_000);
});
