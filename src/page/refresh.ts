/**
 * When the page reads anew: soon after something happened, many wishes at once, at most once a second, and no sooner
 * than a few times as long as the last reading took; never while nobody looks.
 */
export interface RefreshParts {
  readonly read: () => Promise<void>;
  readonly nowMs: () => number;
  /** Calls back later; the returned function forgets it. */
  readonly later: (act: () => void, ms: number) => () => void;
}

export interface Refresh {
  /** Something has changed. */
  wish(): void;
  /** Whether somebody looks. */
  show(isShown: boolean): void;
}

const LEAST_MS = 1_000;
/** So that a big fleet is not kept busy by those who look at it. */
const REST_FACTOR = 2;

export function createRefresh({ read, nowMs, later }: RefreshParts): Refresh {
  let isShown = true;
  let isWished = false;
  let isReading = false;
  let readyMs = 0;
  let forget: (() => void) | null = null;

  function plan(): void {
    if (!isWished || !isShown || isReading || forget !== null) return;
    forget = later(
      () => {
        forget = null;
        void begin();
      },
      Math.max(0, readyMs - nowMs()),
    );
  }

  async function begin(): Promise<void> {
    isWished = false;
    isReading = true;
    const startedMs = nowMs();
    await read();
    isReading = false;
    const tookMs = nowMs() - startedMs;
    readyMs = startedMs + Math.max(LEAST_MS, tookMs * (1 + REST_FACTOR));
    plan();
  }

  return {
    wish() {
      isWished = true;
      plan();
    },
    show(now) {
      isShown = now;
      if (now) isWished = true;
      else forget?.();
      if (!now) forget = null;
      plan();
    },
  };
}
