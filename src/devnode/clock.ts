/** Milliseconds since the epoch with microseconds behind the point; batches often take less than one millisecond. */
export function nowMs(): number {
  return performance.timeOrigin + performance.now();
}

/** RFC 3339 in UTC with six decimals. */
export function timeText(ms: number): string {
  const whole = Math.floor(ms);
  const micros = Math.floor((ms - whole) * 1000);
  return `${new Date(whole).toISOString().slice(0, 23)}${String(micros).padStart(3, '0')}Z`;
}

/** ISO 8601 duration of a span in milliseconds, always in seconds. */
export function durationText(ms: number): string {
  return `PT${(Math.max(0, ms) / 1000).toFixed(9)}S`;
}

/** Gives other work of the event loop a turn. */
function breathe(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/**
 * Cuts long loops into slices.
 * Why 8 ms: reads are served between the slices, and their p95 should not show that somebody loads documents.
 */
export class Slicer {
  private started = performance.now();

  isDue(): boolean {
    return performance.now() - this.started > 8;
  }

  async rest(): Promise<void> {
    await breathe();
    this.started = performance.now();
  }
}
