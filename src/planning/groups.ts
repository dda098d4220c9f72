/**
 * Replica groups that come and go. Their records say how far each is; every step is taken from what the records say, so a
 * successor goes on where a planner died. Ways through: an event adds a group (`initializing`), the indexes are given to it
 * (`syncing`), ordinary moves bring its copies (`sync_complete`), reconcilers compare them, and it is read (`active`); an
 * event drains it, its shards leave it, and an event takes it out.
 */
import { addGroup, assertGroup, drainGroup, inState, type GroupChange } from '../core/apply-group-event.ts';
import { groupShards, isComplete } from '../core/group-progress.ts';
import { parseGroupEvent, type GroupEvent, type GroupEventType } from '../core/group-events.ts';
import {
  comparedText,
  groupRecord,
  groupStateOf,
  indexesIn,
  ownersIn,
  type GroupState,
  type TopologyGroup,
} from '../core/groups.ts';
import type { Plan } from '../core/planner.ts';
import { ConflictError, GroupNotDrainedError, GroupNotReadyError } from '../errors.ts';
import type { EventOutcome, MoveState } from '../ports.ts';
import { assertAnswers } from './decision.ts';
import { isRead, leaveOwners } from './leaving-group.ts';
import { EVERY_INDEX, readFleet, type Fleet, type PlanningParts } from './parts.ts';
import { Readers } from './readers.ts';

/** `again`: no event asks for it. */
type Replan = (why: string, again?: boolean) => Promise<Plan>;

/** Times an event is decided anew because somebody changed the topology meanwhile. */
const TRIES = 5;
const NOTHING_PLANNED = { plan: null, moves: 0, blocked: 0 } as const;

export class Groups {
  readonly #parts: PlanningParts;
  readonly #replan: Replan;
  readonly #readers: Readers;
  /** By group: why it waits, as it was said last. */
  readonly #said = new Map<number, string>();

  constructor(parts: PlanningParts, replan: Replan) {
    this.#parts = parts;
    this.#replan = replan;
    this.#readers = new Readers(parts);
  }

  /** One event. Throws what its sender has to correct; nothing is changed then. */
  async handle(type: GroupEventType, data: unknown): Promise<EventOutcome> {
    const event = parseGroupEvent(type, data);
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#take(event);
      } catch (error) {
        if (!(error instanceof ConflictError) || attempt === TRIES) throw error;
      }
    }
  }

  async #take(event: GroupEvent): Promise<EventOutcome> {
    const fleet = await readFleet(this.#parts);
    const nowMs = this.#parts.clock.now();
    if (event.type === 'GroupAdded') {
      const change = addGroup(fleet.topology, fleet.indexes, event, nowMs);
      for (const node of change?.nodes ?? []) await assertAnswers(this.#parts, node, 'nodes');
      return this.#change(fleet, change, `GroupAdded ${event.group}`);
    }
    assertGroup(fleet.topology, event.group);
    if (event.type === 'GroupActivated') return this.#activate(fleet, event.group);
    const isRemoval =
      event.type === 'GroupRemoved' && (!event.force || groupStateOf(fleet.topology, event.group) === 'draining');
    if (isRemoval) return this.#remove(fleet, event.group, event.force);
    const change = drainGroup(fleet.topology, fleet.indexes, event.group, nowMs);
    const outcome = await this.#change(fleet, change, `GroupDraining ${event.group}`);
    await this.#readers.follow(false);
    return outcome;
  }

  async #change({ topology }: Fleet, change: GroupChange | null, why: string): Promise<EventOutcome> {
    if (change === null) return { change: 'repeated', ...NOTHING_PLANNED };
    const { group, nodes } = change;
    const changes = nodes.map((node) => ({ id: node.id, node }));
    await this.#parts.writer.commitTopology(topology.version, changes, { why, plan: EVERY_INDEX, groups: [group] });
    this.#parts.logger.info({ group: group.id, state: group.state, why }, 'replica group changed');
    const { id, moves, blocked } =
      (group.state === 'initializing' ? await this.#initialize(group.id) : null) ?? (await this.#replan(why));
    return { change: 'changed', plan: moves.length > 0 ? id : null, moves: moves.length, blocked: blocked.length };
  }

  /** Takes every group as far as it can go now. `everything`: looks again at what needs no look each second. */
  async keep(everything: boolean): Promise<void> {
    const { groups = [] } = await this.#parts.records.topology();
    if (groups.length === 0) return;
    for (const { id, state } of groups) {
      if (state === 'initializing') await this.#initialize(id);
      if (state === 'syncing') await this.#lookAtSync(id, everything);
      if (state === 'sync_complete') await this.#lookAtCompared(id);
    }
    await this.#readers.follow(everything);
    for (const group of groups) if (group.state === 'draining') await this.#lookAtDrain(group.id);
  }

  /** Moves that failed for good: a group that they were for has failed with them, until it is added again. */
  async noteFailed(moves: readonly MoveState[]): Promise<void> {
    for (const { id } of ((await this.#parts.records.topology()).groups ?? []).filter(
      ({ state }) => state === 'syncing',
    )) {
      const failed = moves.find((move) => move.group === id);
      if (failed === undefined) continue;
      const { index, shard, target, error } = failed;
      await this.#reach(id, 'failed', { why: `shard ${shard} of index ${index} to ${target}: ${error ?? 'failed'}` });
    }
  }

  async #reach(id: number, state: GroupState, more: Pick<TopologyGroup, 'why'> = {}, plan?: string): Promise<void> {
    const { records, writer, clock, logger } = this.#parts;
    const topology = await records.topology();
    const group = { ...inState(topology, id, state, clock.now()), ...more };
    const why = `replica group ${id} is ${state}`;
    await writer.commitTopology(topology.version, [], {
      why,
      groups: [group],
      ...(plan === undefined ? {} : { plan }),
    });
    logger.info({ group: id, ...more }, why);
  }

  /** Gives it the indexes; what is created from now on has it among its groups already. */
  async #initialize(id: number): Promise<Plan> {
    const { records, writer } = this.#parts;
    for (const { uid, groups } of await records.indexes()) {
      if (!groups.includes(id)) await writer.assignGroup(uid, id, true);
    }
    await this.#reach(id, 'syncing', {}, EVERY_INDEX);
    return this.#replan(`replica group ${id} is syncing`);
  }

  async #lookAtSync(id: number, everything: boolean): Promise<void> {
    const { writer } = this.#parts;
    if ((await writer.unplanned()).length > 0) return;
    const { topology, indexes, unfinished } = await readFleet(this.#parts);
    const shards = groupShards({ topology, indexes, moves: unfinished }, id);
    if (isComplete(shards)) return this.#reach(id, 'sync_complete');
    // What was given up because it was out of date, or was blocked, is planned again.
    const isIdle = !unfinished.some(({ group }) => group === id);
    if (everything && isIdle) await this.#replan(`replica group ${id} is not complete`, true);
  }

  async #lookAtCompared(id: number): Promise<void> {
    const fleet = await readFleet(this.#parts);
    const why = await this.#whyNotReady(fleet, id);
    if (why === 'incomplete') {
      await this.#reach(id, 'syncing', {}, EVERY_INDEX);
      await this.#replan(`replica group ${id} has lost a copy`);
      return;
    }
    if (why !== null && this.#said.get(id) !== why) {
      this.#said.set(id, why);
      this.#parts.logger.info({ group: id, why }, 'a replica group is not read yet');
    }
    if (why === null && this.#parts.config.groupAutoActivate) await this.#serve(id);
  }

  /** Why a group in `sync_complete` may not be read yet; `incomplete`: a copy was lost since. */
  async #whyNotReady({ topology, indexes, unfinished }: Fleet, id: number): Promise<string | null> {
    const { groupChecks, repairs } = this.#parts;
    const group = groupRecord(topology, id);
    if (group === undefined) return 'it is not known';
    if (!isComplete(groupShards({ topology, indexes, moves: unfinished }, id))) return 'incomplete';
    const compared = await groupChecks.read(id);
    let open = 0;
    let all = 0;
    for (const { entry, table } of indexesIn(indexes, id)) {
      const missed = (await repairs.sizes(entry.uid)).find(({ shard, owner }) => {
        const owners = table.shards[shard]?.owners ?? [];
        return ownersIn(topology, owners, id).includes(owner);
      });
      if (missed !== undefined) return `${missed.owner} missed writes of shard ${missed.shard} of index ${entry.uid}`;
      for (const { shard, owners } of table.shards) {
        all += 1;
        if (compared.get(`${entry.uid}/${shard}`) !== comparedText(group, owners)) open += 1;
      }
    }
    return open === 0 ? null : `${all - open} of ${all} shards were compared and found equal`;
  }

  async #activate(fleet: Fleet, id: number): Promise<EventOutcome> {
    const state = groupStateOf(fleet.topology, id);
    if (state === 'active') return { change: 'repeated', ...NOTHING_PLANNED };
    const why = state === 'sync_complete' ? await this.#whyNotReady(fleet, id) : `it is ${state}`;
    if (why !== null) {
      throw new GroupNotReadyError(`replica group ${id} cannot be read yet: ${why}`, {
        field: 'replica_group',
        remedy: 'wait until it is sync_complete and compared: `miroir group status`',
        details: { group: id, state },
      });
    }
    await this.#serve(id);
    return { change: 'changed', ...NOTHING_PLANNED };
  }

  /** The record first, then the tables follow. Moves of a shard may name it as a reader from then on, as they should. */
  async #serve(id: number): Promise<void> {
    // What waited for want of a source, or of urgency, may be planned otherwise now.
    await this.#reach(id, 'active', {}, EVERY_INDEX);
    this.#said.delete(id);
    await this.#readers.follow(false);
    await this.#parts.writer.forgetCompared(id);
    await this.#replan(`replica group ${id} is active`);
  }

  async #lookAtDrain(id: number): Promise<void> {
    const { records, writer, config, logger } = this.#parts;
    const topology = await records.topology();
    const group = groupRecord(topology, id);
    if (group?.state !== 'draining') return;
    const nowMs = await records.nowMs();
    if (group.unreadSinceMs === undefined) {
      if (await isRead(this.#parts, topology, id)) return;
      const groups = [{ ...group, unreadSinceMs: nowMs }];
      await writer.commitTopology(topology.version, [], { why: `replica group ${id} is not read any more`, groups });
      return;
    }
    if (nowMs - group.unreadSinceMs < config.graceMs) return;
    const { why } = await leaveOwners(this.#parts, topology, group);
    if (why !== null && this.#said.get(id) !== why) logger.info({ group: id, why }, 'a drained group keeps its shards');
    this.#said.set(id, why ?? '');
  }

  async #remove(fleet: Fleet, id: number, force: boolean): Promise<EventOutcome> {
    const { writer, clock } = this.#parts;
    const { topology } = fleet;
    const group = groupRecord(topology, id);
    const isForced = force && group?.state === 'draining';
    if (isForced) await this.#readers.follow(true);
    const why = isForced ? (await leaveOwners(this.#parts, topology, group)).why : null;
    const now = isForced ? await readFleet(this.#parts) : fleet;
    const members = topology.nodes.filter((node) => node.group === id && node.state !== 'removed');
    const ids = new Set(members.map((node) => node.id));
    const owned = now.indexes.reduce(
      (sum, { table }) =>
        sum + table.shards.filter((route) => [...route.owners, ...route.readers].some((one) => ids.has(one))).length,
      0,
    );
    const moves = now.unfinished.filter((one) =>
      [one.source, one.target, one.retires].some((node) => node !== null && ids.has(node)),
    );
    if (group?.state !== 'draining' || owned > 0 || moves.length > 0) {
      const state = groupStateOf(topology, id);
      throw new GroupNotDrainedError(
        `replica group ${id} is ${state}, owns ${owned} shards and is part of ${moves.length} unfinished moves${why === null ? '' : ` (${why})`}`,
        {
          field: 'replica_group',
          remedy:
            state === 'draining'
              ? 'wait until its shards have left it, the grace included: `miroir group status`'
              : 'drain it first: `miroir group drain`',
          details: { group: id, state, owned, moves: moves.length },
        },
      );
    }
    for (const { entry } of indexesIn(now.indexes, id)) await writer.assignGroup(entry.uid, id, false);
    const removed = inState(topology, id, 'removed', clock.now());
    const nodes = members.map((node) => ({ id: node.id, node: { ...node, state: 'removed' as const } }));
    await writer.commitTopology(topology.version, nodes, { why: `GroupRemoved ${id}`, groups: [removed] });
    await this.#parts.writer.forgetCompared(id);
    return { change: 'changed', ...NOTHING_PLANNED };
  }
}
