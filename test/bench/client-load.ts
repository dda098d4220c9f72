// A client load from a process of its own: started, looked at, stopped.
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { LoadCommand, LoadFigures, LoadReply, LoadWork } from './load-work.ts';

export interface RunningLoad {
  /** Figures since it began or was last cut. */
  cut(): Promise<LoadFigures>;
  /** Ends it; what was under way is waited for. */
  stop(): Promise<LoadFigures>;
}

export class LoadProcess {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<
    number,
    { resolve: (figures: LoadFigures | null) => void; reject: (why: Error) => void }
  >();
  #loads = 0;

  constructor() {
    const file = fileURLToPath(new URL('./load-generator.ts', import.meta.url));
    this.#child = fork(file, { execArgv: ['--import', 'tsx'], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.#child.on('message', ({ id, figures }: LoadReply) => {
      this.#waiting.get(id)?.resolve(figures);
      this.#waiting.delete(id);
    });
    this.#child.once('exit', (code, signal) => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`the load generator ended: ${code ?? signal}`));
      this.#waiting.clear();
    });
  }

  async start(work: LoadWork): Promise<RunningLoad> {
    this.#loads += 1;
    const id = this.#loads;
    await this.#ask({ kind: 'start', id, work });
    const figuresOf = async (kind: 'cut' | 'stop'): Promise<LoadFigures> => {
      const figures = await this.#ask({ kind, id });
      if (figures === null) throw new Error(`no figures of load ${id}`);
      return figures;
    };
    return { cut: () => figuresOf('cut'), stop: () => figuresOf('stop') };
  }

  /** Sends it for so long; the first part is not counted. */
  async run(work: LoadWork, seconds: number, warmUpS = Math.min(2, seconds / 4)): Promise<LoadFigures> {
    const load = await this.start(work);
    await new Promise((resolve) => setTimeout(resolve, warmUpS * 1_000));
    await load.cut();
    await new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
    const figures = await load.cut();
    await load.stop();
    return figures;
  }

  close(): void {
    this.#child.removeAllListeners('exit');
    if (this.#child.connected) this.#child.disconnect();
  }

  #ask(command: LoadCommand): Promise<LoadFigures | null> {
    return new Promise((resolve, reject) => {
      this.#waiting.set(command.id, { resolve, reject });
      this.#child.send(command, (error) => {
        if (error !== null) reject(error);
      });
    });
  }
}

export const badOf = ({ bad }: LoadFigures): number => Object.values(bad).reduce((sum, count) => sum + count, 0);
