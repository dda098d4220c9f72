/** From start to end: what is to be closed, in which order, and the signals that ask for it. */
import { MiroirError } from '../errors.ts';
import { EXIT } from './exit-codes.ts';

/** In a checkout this file is TypeScript, and the command is npm's. */
export const COMMAND = import.meta.url.endsWith('.ts') ? 'npm run -s miroir --' : 'npx miroir';

/** A second Ctrl-C within this is the first one, told by npm as well. */
const ECHO_MS = 1_000;

/** A process that was started here ended by itself. Its last words say why; start again, and report what they say. */
export class ProcessDiedError extends MiroirError {
  readonly code = 'miroir_process_died';
  readonly retryable = false;
}

/** In this order: workers drain while nodes and Redis are still there; a stage's parts go at the same time. */
const STAGES = ['workers', 'connections', 'nodes', 'redis'] as const;

/** What is to be closed. Everything is put here as soon as it runs, so an interrupted start leaves nothing behind. */
export class Closers {
  readonly #steps: { readonly stage: (typeof STAGES)[number]; readonly close: () => Promise<unknown> }[] = [];
  #isClosing = false;

  get isClosing(): boolean {
    return this.#isClosing;
  }

  add(stage: (typeof STAGES)[number], close: () => Promise<unknown>): void {
    this.#steps.push({ stage, close });
  }

  /** Each part is tried, whatever becomes of the others. */
  async close(): Promise<void> {
    this.#isClosing = true;
    const failures: unknown[] = [];
    for (const stage of STAGES) {
      const closing = this.#steps.filter((step) => step.stage === stage).map(({ close }) => close());
      for (const result of await Promise.allSettled(closing)) {
        if (result.status === 'rejected') failures.push(result.reason);
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, 'not everything could be stopped');
  }
}

/** The first signal stops everything in order, a second one at once. */
export function listenForSignals(stop: AbortController): () => boolean {
  let firstMs: number | null = null;
  const onSignal = (): void => {
    if (firstMs !== null && performance.now() - firstMs > ECHO_MS) process.exit(EXIT.detached);
    firstMs ??= performance.now();
    stop.abort(new Error('interrupted'));
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
  // `miroir demo | head`: nobody reads any more.
  process.stdout.on('error', onSignal);
  return () => firstMs !== null;
}
