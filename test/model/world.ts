/** What a scenario consists of: documents, clients' operations, and how much trouble there may be. */
import type { GuardName } from './guards.ts';

/** The two nodes of the world. */
export const SOURCE = 0;
export const TARGET = 1;

/** `deleteAll` stands for every delete by filter: it touches all ids of the shard. */
export type OperationKind = 'upsert' | 'merge' | 'delete' | 'deleteAll';

export interface Operation {
  readonly kind: OperationKind;
  /** Number of the document; not looked at for `deleteAll`. */
  readonly id: number;
  readonly router: number;
}

/** Every number is a bound on how often something happens on one path. */
export interface World {
  readonly name: string;
  /** Which documents the source holds before the move. */
  readonly initial: readonly boolean[];
  readonly operations: readonly Operation[];
  readonly routers: number;
  /** Routers from this number on have not registered when the move starts. */
  readonly registered: number;
  /** After the move the source stays an owner (a lost copy is restored): turns (R9) are taken. */
  readonly stays: boolean;
  /** Routers that freeze, are cut off or die. */
  readonly lapses: number;
  /** Only routers below this number do. */
  readonly frail: number;
  /** Requests given up although they may still arrive. */
  readonly giveUps: number;
  /** Movers that die or freeze; another takes over with the next fence. */
  readonly takeovers: number;
  /** How often the shard is held. */
  readonly holds: number;
  /** Tasks of the mover that fail. */
  readonly moverFailures: number;
  /** Accepted tasks of clients that fail. */
  readonly clientFailures: number;
  /** What clients read is compared with what they were told. */
  readonly checksReads: boolean;
  /** Reads that take time: chosen under one table, done later. */
  readonly slowReads: number;
  /** Time passes between a router's last 202 and its answer to the client. */
  readonly slowAnswers: boolean;
  /** Both task lists are looked at by tag: at the gate, and once more when the shard has settled. */
  readonly audit: boolean;
  /** With the zombie bound off: requests of an older mover end before the last audit, at least. */
  readonly timelyStrays: boolean;
  readonly off: readonly GuardName[];
}

export const QUIET: World = {
  name: 'quiet',
  initial: [true],
  operations: [],
  routers: 1,
  registered: 9,
  stays: false,
  lapses: 0,
  frail: 9,
  giveUps: 0,
  takeovers: 0,
  holds: 1,
  moverFailures: 0,
  clientFailures: 0,
  checksReads: false,
  slowReads: 0,
  slowAnswers: false,
  audit: false,
  timelyStrays: false,
  off: [],
};

/** An element that must be there. */
export function at<T>(list: ArrayLike<T>, index: number): T {
  const found = list[index];
  if (found === undefined) throw new RangeError(`no element ${index} in ${list.length}`);
  return found;
}

/** The documents that an operation touches. */
export function idsOf(world: World, operation: number): readonly number[] {
  const { kind, id } = at(world.operations, operation);
  return kind === 'deleteAll' ? world.initial.map((_, each) => each) : [id];
}
