/** Comparing settings of an index on two nodes. */
import { canonicalDocument } from '../core/canonical.ts';

/** Names of the settings in which two nodes differ. */
export function differingSettings(
  a: Readonly<Record<string, unknown>>,
  b: Readonly<Record<string, unknown>>,
): string[] {
  const text = (value: unknown): string => canonicalDocument(JSON.stringify(value ?? null));
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].filter((name) => text(a[name]) !== text(b[name])).sort();
}
