import type { AddressInfo } from 'node:net';

import { NodeFiles } from './log.ts';
import { mutate, type Mutation } from './mutate.ts';
import type { DevNodeCore } from './node-core.ts';
import { NodeState } from './node-state.ts';
import { Scheduler, type RecordedBatch } from './scheduler.ts';
import { SearchQueue } from './search-queue.ts';
import { createNodeServer } from './server.ts';
import { Switches, type Fault, type LoggedRequest } from './switches.ts';

export type { Fault, FaultKind, LoggedRequest } from './switches.ts';
export type { Mutation } from './mutate.ts';

/** How a node is to be; everything may be left out. */
export interface DevNodeOptions {
  /** 0 or absent: a free port. */
  readonly port?: number;
  /** 127.0.0.1 by default, so that nobody else can reach a node without a key. */
  readonly host?: string;
  /** Directory that survives the process; without one everything is in memory only. */
  readonly dir?: string;
  readonly masterKey?: string;
  /** Bytes of a body after decompression; 104,857,600 by default. */
  readonly bodyLimit?: number;
  /** Tasks in one batch at most; 0: tasks are accepted but not processed. */
  readonly batchedTasks?: number;
  /** Reads and searches that may wait; 1,000 by default. */
  readonly queue?: number;
  /** Reads and searches at once per core; 4 by default. */
  readonly perCore?: number;
  /** Milliseconds that a batch takes when it changes anything; 50 by default. */
  readonly batchMs?: number;
  /** Documents a second that a batch changes; 15,000 by default, 0: as fast as possible. */
  readonly docsPerS?: number;
  /** Whether the `/_dev/` routes and the fault methods exist. */
  readonly switches?: boolean;
}

/** A running node. The methods after `close` need `switches: true`. */
export interface DevNode {
  readonly url: string;
  readonly port: number;
  readonly close: () => Promise<void>;
  /** Tasks are accepted but wait. */
  readonly pause: () => void;
  readonly resume: () => void;
  readonly addFault: (fault: Fault) => void;
  readonly clearFaults: () => void;
  /** Data, tasks and keys gone; uids begin again. */
  readonly wipe: () => Promise<void>;
  /** Changes one document without a task. */
  readonly mutate: (
    change: { index: string; document: object } | { index: string; id: string | number },
  ) => Promise<void>;
  /** The last 10,000 requests whose path matches, oldest first. */
  readonly requests: (pathPattern?: string) => readonly LoggedRequest[];
}

const DEFAULTS = {
  host: '127.0.0.1',
  bodyLimit: 100 * 1024 * 1024,
  queue: 1000,
  perCore: 4,
  batchMs: 50,
  docsPerS: 15_000,
};

/** Starts a node; it listens when the promise resolves, with everything that its directory holds. */
export async function startDevNode(options: DevNodeOptions = {}): Promise<DevNode> {
  const files = options.dir === undefined ? null : new NodeFiles(options.dir);
  const state = new NodeState(options.masterKey ?? null, files);
  const scheduler = new Scheduler(state, {
    price: { batchMs: options.batchMs ?? DEFAULTS.batchMs, docsPerS: options.docsPerS ?? DEFAULTS.docsPerS },
    batchedTasksMax: options.batchedTasks ?? Number.POSITIVE_INFINITY,
  });
  if (files) await recover(files, state, scheduler);
  const switches = options.switches ? new Switches() : null;
  const core: DevNodeCore = {
    state,
    scheduler,
    searchQueue: new SearchQueue(options.queue ?? DEFAULTS.queue, options.perCore ?? DEFAULTS.perCore),
    bodyLimit: options.bodyLimit ?? DEFAULTS.bodyLimit,
    switches,
  };
  const server = createNodeServer(core);
  const host = options.host ?? DEFAULTS.host;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  scheduler.wake();
  let isClosing: Promise<void> | null = null;
  const close = async (): Promise<void> => {
    const closed = new Promise<void>((resolve) => {
      server.close(() => resolve());
    });
    server.closeIdleConnections();
    await scheduler.close();
    // Order: answers that are on their way get a moment, then connections are cut.
    setTimeout(() => server.closeAllConnections(), 200).unref();
    await closed;
    files?.close();
  };
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    port,
    close: () => (isClosing ??= close()),
    ...switchMethods(core),
  };
}

/** Loads the snapshot, runs again what happened since, and starts a new snapshot. */
async function recover(files: NodeFiles, state: NodeState, scheduler: Scheduler): Promise<void> {
  files.readSnapshot((record) => state.load(record));
  const records = files.readLog();
  for (const record of records) {
    if (record.meta['kind'] === 'batch') await scheduler.replay(record.meta as unknown as RecordedBatch);
    else state.load(record);
  }
  if (records.length > 0 || files.isNew) state.compact();
  else files.open();
}

function switchMethods(core: DevNodeCore): Omit<DevNode, 'url' | 'port' | 'close'> {
  const switches = (): Switches => {
    if (!core.switches) throw new Error('start the node with `switches: true` to use its switches');
    return core.switches;
  };
  return {
    pause: () => {
      switches();
      core.scheduler.pause();
    },
    resume: () => {
      switches();
      core.scheduler.resume();
    },
    addFault: (fault) => switches().add(fault),
    clearFaults: () => switches().clear(),
    wipe: async () => {
      switches();
      await core.scheduler.exclusively(() => core.state.wipe(core.state.keys.masterKey));
    },
    mutate: async (change) => {
      switches();
      const mutation: Mutation =
        'document' in change
          ? { index: change.index, op: 'put', text: JSON.stringify(change.document) }
          : { index: change.index, op: 'delete', text: JSON.stringify(change.id) };
      await core.scheduler.exclusively(() => {
        mutate(core.state, mutation);
        core.state.recordMutation(mutation);
      });
    },
    requests: (pathPattern) => switches().log(pathPattern).requests,
  };
}
