import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { forgetFolder, watchFolder } from './watchdog.ts';

/** Where a server of the fleet keeps its data. */
export interface DataFolder {
  readonly path: string;
  /** Removes it when it is a temporary one of ours; a folder that was given, or is to be kept, stays. */
  remove(): Promise<void>;
}

export interface FolderOptions {
  /** Default: a new temporary folder, removed by `stop`. A folder given here stays. */
  readonly dir?: string;
  /** Leave the temporary folder where it is after `stop`, as evidence. */
  readonly keep?: boolean;
}

export async function openFolder(prefix: string, options: FolderOptions): Promise<DataFolder> {
  if (options.dir !== undefined) return { path: options.dir, remove: () => Promise.resolve() };
  const path = await mkdtemp(join(tmpdir(), prefix));
  if (options.keep === true) return { path, remove: () => Promise.resolve() };
  watchFolder(path);
  return {
    path,
    async remove() {
      await rm(path, { recursive: true, force: true });
      forgetFolder(path);
    },
  };
}
