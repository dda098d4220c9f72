// What a development node keeps on disk, taken from it and put back: a restored backup, or a disk that was lost.
import { cp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** Copies the folder as of now. Of a node that runs it is what a kill at that moment would have left. */
export async function backUp(dir: string, to: string): Promise<void> {
  await rm(to, { recursive: true, force: true });
  await cp(dir, to, { recursive: true });
}

/** Puts other data where a node's own was, while it does not run; null: none. */
export async function replaceData(dir: string, data: string | null): Promise<void> {
  for (const name of await readdir(dir)) await rm(join(dir, name), { recursive: true });
  if (data !== null) await cp(data, dir, { recursive: true });
}
