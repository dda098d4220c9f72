/** Of this very program, as its manifest says. */
import { readFileSync } from 'node:fs';

/** Sources lie two folders below the manifest, built code three. */
export function programVersion(): string {
  for (const path of ['../../package.json', '../../../package.json']) {
    try {
      const parsed = JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')) as { version?: string };
      if (parsed.version !== undefined) return parsed.version;
    } catch {
      continue; // not here: the other place
    }
  }
  return 'unknown';
}
