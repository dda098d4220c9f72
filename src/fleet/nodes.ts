// Development nodes as separate processes: a Meilisearch-compatible server each, with a folder to survive a restart.
import { RestartableProcess, startChild, waitUntilReady } from './child.ts';
import type { Child } from './child.ts';
import { entryCommand } from './entry.ts';
import { openFolder } from './folder.ts';
import type { DataFolder, FolderOptions } from './folder.ts';

export interface DevNodeOptions extends FolderOptions {
  /** Name for messages, `n1`. */
  readonly id?: string;
  /** Default: any free port, kept over restarts. */
  readonly port?: number;
  readonly masterKey?: string;
  readonly bodyLimit?: number;
  /** The most tasks that one batch takes; 0 accepts tasks and does not process them. */
  readonly batchedTasks?: number;
  /** How many searches wait, and how many run per core. */
  readonly queue?: number;
  readonly perCore?: number;
  /** What a batch costs before its first document, and how many documents a second it indexes. */
  readonly batchMs?: number;
  readonly docsPerS?: number;
  /** Lets tests set failures over HTTP. */
  readonly switches?: boolean;
  readonly deadlineMs?: number;
}

/** The first start of the sources compiles them, on a busy machine that takes seconds. */
const READY_DEADLINE_MS = 60_000;

export class DevNodeProcess extends RestartableProcess {
  readonly id: string;
  readonly url: string;
  readonly port: number;

  constructor(launch: () => Promise<Child>, child: Child, folder: DataFolder, id: string, url: string) {
    super(launch, child, folder);
    this.id = id;
    this.url = url;
    this.port = Number(new URL(url).port);
  }
}

export async function startDevNode(options: DevNodeOptions = {}): Promise<DevNodeProcess> {
  const id = options.id ?? 'node';
  const folder = await openFolder(`miroir-${id}-`, options);
  // Port 0 lets the node choose; the port it names is then asked for at every restart.
  let port = options.port ?? 0;
  try {
    const first = await launchNode(id, port, folder.path, options);
    port = Number(new URL(first.url).port);
    const launch = async (): Promise<Child> => (await launchNode(id, port, folder.path, options)).child;
    return new DevNodeProcess(launch, first.child, folder, id, first.url);
  } catch (error) {
    await folder.remove();
    throw error;
  }
}

/** Starts `n1` … `n<count>` with the same options; when one fails, those that came up are stopped again. */
export async function startDevNodes(
  count: number,
  options: Omit<DevNodeOptions, 'id' | 'port' | 'dir'> = {},
): Promise<DevNodeProcess[]> {
  const ids = Array.from({ length: count }, (_, index) => `n${index + 1}`);
  const started = await Promise.allSettled(ids.map((id) => startDevNode({ ...options, id })));
  const nodes = started.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const failure = started.find((result) => result.status === 'rejected');
  if (failure === undefined) return nodes;
  await Promise.all(nodes.map((node) => node.stop()));
  throw failure.reason;
}

async function launchNode(
  id: string,
  port: number,
  dir: string,
  options: DevNodeOptions,
): Promise<{ child: Child; url: string }> {
  const entry = entryCommand('src/devnode/main');
  let url: string | undefined;
  const child = await startChild(
    { command: entry.command, args: [...entry.args, '--port', String(port), '--dir', dir, ...flagsOf(options)] },
    {
      name: `development node ${id}`,
      onLine: (line, stream) => {
        if (stream === 'stdout') url ??= urlIn(line);
      },
    },
  );
  await waitUntilReady(child, () => Promise.resolve(url !== undefined), options.deadlineMs ?? READY_DEADLINE_MS);
  return { child, url: url ?? '' };
}

function flagsOf(options: DevNodeOptions): string[] {
  const values: [string, string | number | undefined][] = [
    ['--master-key', options.masterKey],
    ['--body-limit', options.bodyLimit],
    ['--batched-tasks', options.batchedTasks],
    ['--queue', options.queue],
    ['--per-core', options.perCore],
    ['--batch-ms', options.batchMs],
    ['--docs-per-s', options.docsPerS],
  ];
  const flags = values.flatMap(([flag, value]) => (value === undefined ? [] : [flag, String(value)]));
  return options.switches === true ? [...flags, '--switches'] : flags;
}

/** The node prints one JSON line with its address when it listens; other lines are talk. */
function urlIn(line: string): string | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const parsed: unknown = JSON.parse(line);
    if (typeof parsed !== 'object' || parsed === null || !('url' in parsed)) return undefined;
    return typeof parsed.url === 'string' && URL.canParse(parsed.url) ? parsed.url : undefined;
  } catch {
    return undefined; // a line that only begins like JSON
  }
}
