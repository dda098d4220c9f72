/**
 * The router: everything that clients ask of a fleet, kept to the rules for routers (R1 to R10). It speaks to ports
 * only; whoever wires it gives it Redis, nodes and time.
 */
import { messageOf } from '../../errors.ts';
import type { ClientAnswer, Router, TurnTaker } from '../api.ts';
import { createReads } from '../search/reads.ts';
import { Broadcasts } from '../settings/broadcasts.ts';
import { answerOf } from './answers.ts';
import { Bell } from './bell.ts';
import { Delivery } from './deliver.ts';
import { Deletions } from './deletions.ts';
import { DocumentCalls } from './document-calls.ts';
import { HoldEnder } from './hold-ender.ts';
import { InFlight } from './in-flight.ts';
import { IndexCalls } from './index-calls.ts';
import { NodeWatch } from './node-watch.ts';
import { LIMITS } from './parts.ts';
import type { RouterLimits, RouterParts } from './parts.ts';
import { Places } from './places.ts';
import { Preparation } from './prepare.ts';
import { readTables } from './read-tables.ts';
import { Registration } from './registration.ts';
import { SettingsCalls } from './settings-calls.ts';
import { settingsHeaders } from './settings-headers.ts';
import { Stamps } from './stamps.ts';
import { Tables } from './tables.ts';
import { TaskBook } from './task-book.ts';
import { TaskFollower } from './task-follower.ts';
import { TaskQueries } from './task-queries.ts';
import { TaskSweep } from './task-sweep.ts';
import { TaskWriter } from './task-writer.ts';
import { UnderTurn } from './under-turn.ts';
import { WaitingRoom } from './waits.ts';
import type { WriteParts } from './write.ts';

export type { RouterLimits, RouterParts } from './parts.ts';

/** Registers in the background: `readiness` says when it serves. To be closed. */
export function createRouter(parts: RouterParts): Router & TurnTaker {
  const router = assemble(parts);
  router.registration.start();
  router.watch.start();
  router.follower.start(router.book);
  router.sweep.start(router.book);
  const { documents, indexes, deletions, settings, queries, reads, registration, tables } = router;
  const guarded = async (signal: AbortSignal, call: () => Promise<ClientAnswer>): Promise<ClientAnswer> => {
    try {
      return await call();
    } catch (error) {
      signal.throwIfAborted();
      const answer = answerOf(error);
      if (answer !== null) return answer;
      parts.logger.error({ problem: messageOf(error) }, 'a request failed by a defect');
      throw error;
    }
  };
  const about = (index: string, signal: AbortSignal, call: () => Promise<ClientAnswer>): Promise<ClientAnswer> =>
    settingsHeaders(tables, index, () => guarded(signal, call));
  return {
    writeDocuments: (index, write, options) => about(index, options.signal, () => documents.add(index, write, options)),
    deleteDocuments: (index, ids, options) => about(index, options.signal, () => documents.remove(index, ids, options)),
    deleteByFilter: (index, filter, options) =>
      about(index, options.signal, () => documents.removeByFilter(index, filter, options)),
    ...reads,
    search: (index, body, options) => settingsHeaders(tables, index, () => reads.search(index, body, options)),
    fetchDocuments: (index, body, options) =>
      settingsHeaders(tables, index, () => reads.fetchDocuments(index, body, options)),
    document: (index, id, query, options) =>
      settingsHeaders(tables, index, () => reads.document(index, id, query, options)),
    task: (uid, options) => guarded(options.signal, () => queries.one(uid, options)),
    tasks: (query, options) => guarded(options.signal, () => queries.list(query, options)),
    indexes: (query, { signal }) => guarded(signal, () => indexes.list(query)),
    index: (uid, options) => guarded(options.signal, () => indexes.show(uid, options)),
    createIndex: (body, options) => guarded(options.signal, () => indexes.create(body, options)),
    updateIndex: (uid, primaryKey, options) => guarded(options.signal, () => indexes.update(uid, primaryKey, options)),
    deleteIndex: (uid, options) => guarded(options.signal, () => deletions.remove(uid, options)),
    settings: (index, part, options) => about(index, options.signal, () => settings.read(index, part, options)),
    changeSettings: (index, part, body, options) =>
      about(index, options.signal, () => settings.change(index, part, body, options)),
    underTurn: (request, work) => router.repairing.run(request, work),
    readiness: () => registration.problem() ?? true,
    async close() {
      await router.inFlight.drained();
      await router.broadcasts.close();
      await router.deletions.close();
      router.holds.close();
      await router.sweep.close();
      await router.follower.close();
      await router.watch.close();
      await registration.close();
    },
  };
}

function assemble(parts: RouterParts) {
  const { records, registry, journal, turns, repairs, clientTasks, clock, logger, observer, name } = parts;
  const { lapseMs, entryMs } = parts;
  const given: RouterLimits = { ...LIMITS, ...parts.limits };
  // A request that lasts longer than its registration may could not count anyway (R8).
  const limits: RouterLimits = { ...given, requestMs: Math.min(given.requestMs, lapseMs) };
  const bell = new Bell(clock);
  const inFlight = new InFlight((index) => registration.requestsOver(index));
  const { records: settings } = parts.settings;
  const tables = new Tables({ records, registry, settings, clock, logger, observer, bell });
  const registration = new Registration({
    registry,
    tables,
    inFlight,
    clock,
    logger,
    observer,
    bell,
    name,
    lapseMs,
  });
  const watch = new NodeWatch({
    ...parts.nodeWatch,
    node: (id) => tables.node(id),
    nodes: () => tables.nodes(),
    registration: () => registration.id(),
    name,
    clock,
    bell,
    logger,
    everyMs: registration.confirmMs,
  });
  const traffic = watch.watching(parts.traffic);
  const preparation = new Preparation({ journal, turns, bell, logger });
  const places = new Places(limits.writesPerNode, bell);
  const holds = new HoldEnder({ records, registration, clock, logger });
  const write: WriteParts = {
    registration,
    tables,
    inFlight,
    preparation,
    delivery: new Delivery({
      traffic,
      tables,
      preparation,
      places,
      stamps: new Stamps({ time: registration.redisTime, clock }),
      clock,
      logger,
      observer,
      limits,
    }),
    places,
    room: new WaitingRoom(limits),
    holds,
    repairs,
    bell,
    clock,
    logger,
    observer,
    limits,
  };
  const follower = new TaskFollower({ clock, bell, logger });
  const idsOf = follower.idsOf.bind(follower);
  const book = new TaskBook({ clientTasks, records, repairs, settings, traffic, tables, logger, observer, idsOf });
  const sweep = new TaskSweep({ clientTasks, follower, registration, clock, logger });
  const tasks = new TaskWriter(clientTasks, follower, clock);
  const { admin, clientOf } = parts;
  const broadcasts = new Broadcasts({ ...parts.settings, settings, records, clock, logger });
  return {
    registration,
    watch,
    inFlight,
    tables,
    broadcasts,
    holds,
    follower,
    sweep,
    book,
    documents: new DocumentCalls({ write, registration, tables, tasks, clock, observer }),
    indexes: new IndexCalls({ admin, registration, tables, tasks, clientOf }),
    deletions: new Deletions({
      admin,
      records,
      registry,
      registration,
      tables,
      tasks,
      clientOf,
      clock,
      logger,
      entryMs,
    }),
    settings: new SettingsCalls({ records, registration, tables, tasks, broadcasts, clientOf }),
    queries: new TaskQueries(clientTasks, book, follower),
    repairing: new UnderTurn({
      registration,
      tables,
      inFlight,
      turns,
      journal,
      traffic,
      bell,
      clock,
      logger,
      limits,
    }),
    reads: createReads({
      tables: readTables(registration, tables, inFlight),
      traffic,
      clock,
      isSuspected: (id) => watch.isSuspected(id),
    }),
  };
}
