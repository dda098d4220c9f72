// One number from a process's metrics, summed over its labels; 0 while it has none.
export async function readMetric(metricsUrl: string | null, name: string): Promise<number> {
  const text = await (await fetch(`${metricsUrl ?? ''}/metrics`)).text();
  const values = [...text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'))].map(([, value]) =>
    Number(value),
  );
  return values.reduce((sum, value) => sum + value, 0);
}
