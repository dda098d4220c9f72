/**
 * The stream of `GET /v1/events`, from a while ago until the page is left. Read by `fetch`, since an `EventSource` can
 * neither begin at an entry nor tell why it was refused.
 */
import type { AuditEvent } from './answers.ts';
import { Refused } from './client.ts';
import { parseEvents } from './event-text.ts';
import { messageOf } from './client.ts';

export interface FeedParts {
  /** Where to begin: id of an entry. */
  readonly after: string;
  readonly onEvents: (events: readonly AuditEvent[]) => void;
  /** Null: it is there; else why it is not. */
  readonly onState: (problem: string | null) => void;
}

/** The API says something every 15 s, be it nothing. */
const SILENT_MS = 40_000;
const AGAIN_MS = [500, 1_000, 2_000, 5_000, 10_000];

export async function follow({ after, onEvents, onState }: FeedParts): Promise<never> {
  let last = after;
  for (let failures = 0; ; failures += 1) {
    try {
      for await (const events of stream(last)) {
        failures = 0;
        onState(null);
        last = events.at(-1)?.id ?? last;
        if (events.length > 0) onEvents(events);
      }
      onState('the connection has ended');
    } catch (error) {
      onState(messageOf(error));
    }
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS[Math.min(failures, AGAIN_MS.length - 1)]));
  }
}

async function* stream(after: string): AsyncGenerator<readonly AuditEvent[]> {
  const silence = new AbortController();
  const watch = (): ReturnType<typeof setTimeout> =>
    setTimeout(() => silence.abort(new Error('nothing came for a while')), SILENT_MS);
  let timer = watch();
  try {
    const response = await fetch('/v1/events', { headers: { 'last-event-id': after }, signal: silence.signal });
    if (!response.ok || response.body === null) {
      throw new Refused(`the control API answers ${response.status}`, response.status);
    }
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      clearTimeout(timer);
      timer = watch();
      const { events, rest } = parseEvents(text + value);
      text = rest;
      yield events;
    }
  } finally {
    clearTimeout(timer);
    silence.abort();
  }
}
