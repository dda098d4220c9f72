/** Bull Board over our queues. What it may change is the guard's to say, whatever the board's own settings are. */
import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { FastifyAdapter } from '@bull-board/fastify';
import type { FastifyRequest } from 'fastify';
import type { JobPhase } from '../core/move.ts';
import { messageOf } from '../errors.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { App } from './app.ts';
import { mayRetry } from './guard.ts';
import { redacted } from './redact.ts';

/** A queue object of the library that the board reads; made elsewhere. */
export type BoardQueue = ConstructorParameters<typeof BullMQAdapter>[0];

export interface BoardOptions {
  /** The queues that exist now; asked again every few seconds. */
  readonly queues: () => Promise<readonly BoardQueue[]>;
  /** What the fleet is called, shown as a badge; empty: none. */
  readonly environment: string;
  readonly logger: Logger;
}

/** How soon a new index shows up. */
const REFRESH_MS = 3_000;
/** How often an open page asks; each time costs some Redis commands per queue. */
const POLL_S = 5;
const SLOTS = 65_536;
const BADGE_COLOUR = '#b45309';
/** Of a list of actions all but the first, which is the retry; and a queue's menu. Classes of this very version. */
export const HIDDEN = [
  '.jobActions-XfoQK8>li:not(:first-child)',
  '.queueActions-dnGfku>li:not(:first-child)',
  '.trigger-GNtOnV',
] as const;
const EXTERNAL_LINK = /<link\b[^>]*\bhref="https?:\/\/[^>]*>\s*/gi;

/** What a phase's job does, in a word: `cities/17 n1→n4 copy`. */
const WORDS: Readonly<Record<JobPhase, string>> = {
  DualWriteStarted: 'track',
  MigrationInProgress: 'copy',
  MigrationComplete: 'verify',
  DualWriteStopped: 'switch',
  OldReplicaDeleted: 'clean up',
};
const shownName = ({ name }: { readonly name: string }): string =>
  name.replace(/\w+$/, (phase) => (Object.hasOwn(WORDS, phase) ? WORDS[phase as JobPhase] : phase));

/** Of an index's queue, to the page of the move. */
const moveUrl = ({ data }: { readonly data: unknown }): { readonly href: string; readonly displayText: string } => {
  const { move } = (data ?? {}) as { readonly move?: unknown };
  return typeof move === 'string'
    ? { href: `/#/moves/${encodeURIComponent(move)}`, displayText: 'move' }
    : { href: '/', displayText: 'fleet' };
};

function adapterOf(queue: BoardQueue): BullMQAdapter {
  const adapter = new BullMQAdapter(queue, {
    readOnlyMode: false,
    allowRetries: true,
    delimiter: '.',
    externalJobUrl: moveUrl,
  });
  adapter.setFormatter('name', shownName);
  for (const field of ['data', 'returnValue', 'progress'] as const) adapter.setFormatter(field, redacted);
  return adapter;
}

/** Keeps the board's list of queues up to date; the returned function ends that. */
function followQueues(options: BoardOptions, show: (adapters: readonly BullMQAdapter[]) => void): () => void {
  const adapters = new Map<BoardQueue, BullMQAdapter>();
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;
  const look = async (): Promise<void> => {
    try {
      const queues = await options.queues();
      for (const known of adapters.keys()) if (!queues.includes(known)) adapters.delete(known);
      for (const queue of queues) if (!adapters.has(queue)) adapters.set(queue, adapterOf(queue));
      show(queues.flatMap((queue) => adapters.get(queue) ?? []));
    } catch (error) {
      options.logger.warn({ problem: messageOf(error) }, 'the list of queues could not be read, trying again');
    }
    if (!isClosed) timer = setTimeout(() => void look(), REFRESH_MS);
  };
  void look();
  return () => {
    isClosed = true;
    clearTimeout(timer);
  };
}

interface ShownJob {
  readonly data?: unknown;
  readonly progress?: unknown;
}

/** How far a copy is, in percent, where the job says nothing itself. */
function withProgress<T extends ShownJob>(job: T): T {
  const { last_offset: offset } = (job.data ?? {}) as { readonly last_offset?: unknown };
  if (typeof offset !== 'number' || typeof job.progress !== 'number' || job.progress > 0) return job;
  return { ...job, progress: Math.floor((100 * offset) / SLOTS) };
}

/** What the page shows of the answers, and may offer: for who operates, retries in the list of a queue's failed jobs. */
function offered(payload: unknown, { query }: Pick<FastifyRequest, 'query'>, isOperator: boolean): unknown {
  const { queues, job } = (payload ?? {}) as { queues?: unknown; job?: ShownJob };
  if (typeof job === 'object') return { ...(payload as object), job: withProgress(job) };
  if (!Array.isArray(queues)) return payload;
  const { activeQueue, status } = query as { readonly activeQueue?: unknown; readonly status?: unknown };
  const list = queues.map((queue: { readonly name: string; readonly jobs?: readonly ShownJob[] }) => {
    const allowRetries = isOperator && status === 'failed' && queue.name === activeQueue;
    const may = { readOnlyMode: !allowRetries, allowRetries, allowCompletedRetries: false };
    return { ...queue, ...may, ...(queue.jobs === undefined ? {} : { jobs: queue.jobs.map(withProgress) }) };
  });
  return { ...(payload as object), queues: list };
}

/** Beside a retry the page offers what we refuse, and cannot be told not to. */
const ONLY_RETRY = `<style>${HIDDEN.join(',')}{display:none!important}</style>`;

const pageOf = (html: string): string => html.replace(EXTERNAL_LINK, '').replace('</head>', `${ONLY_RETRY}</head>`);

/** Resolves when it is served; the returned function ends its looking for queues. */
export async function serveBoard(app: App, path: string, options: BoardOptions): Promise<() => void> {
  const { environment } = options;
  const server = new FastifyAdapter();
  server.setBasePath(path);
  const board = createBullBoard({
    queues: [],
    serverAdapter: server,
    options: {
      uiConfig: {
        boardTitle: 'miroir-rebalancer',
        hideDocsLink: true,
        hideRedisDetails: true,
        miscLinks: [{ text: 'Miroir', url: '/' }],
        ...(environment === '' ? {} : { environment: { label: environment, color: BADGE_COLOUR } }),
        showWorkers: false,
        overview: { groupByDelimiter: true },
        pollingInterval: { forceInterval: POLL_S },
      },
    },
  });
  await app.register(
    async (scope) => {
      scope.addHook('preSerialization', async (request, _reply, payload: unknown) =>
        offered(payload, request, mayRetry(request)),
      );
      scope.addHook('onSend', async (_request, reply, payload: unknown) => {
        const isPage = String(reply.getHeader('content-type') ?? '').startsWith('text/html');
        return isPage && typeof payload === 'string' ? pageOf(payload) : payload;
      });
      await scope.register(server.registerPlugin());
    },
    { prefix: path },
  );
  return followQueues(options, (adapters) => board.replaceQueues(adapters));
}
