/** Asking the control API. The browser itself adds the key that it asked its user for. */

const LIMIT_MS = 20_000;
const NO_ANSWER = 0;

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** What was refused, with what to do about it. */
export class Refused extends Error {
  readonly status: number;
  readonly nextSteps: readonly string[];

  constructor(message: string, status: number, nextSteps: readonly string[] = []) {
    super(message);
    this.status = status;
    this.nextSteps = nextSteps;
  }
}

interface ErrorBody {
  readonly message?: string;
  readonly next_steps?: readonly string[];
}

async function send(path: string, init: RequestInit): Promise<Response> {
  const response = await fetch(path, { ...init, signal: AbortSignal.timeout(LIMIT_MS) }).catch((error: unknown) => {
    // Whoever pressed a button has to hear that nothing is known to have come of it.
    throw new Refused('the control API does not answer', NO_ANSWER, [
      `try again once it is back (${messageOf(error)})`,
    ]);
  });
  if (response.ok) return response;
  const text = await response.text();
  const { message = text.slice(0, 200), next_steps } = bodyOf(text);
  throw new Refused(
    message === '' ? `the control API answers ${response.status}` : message,
    response.status,
    next_steps,
  );
}

function bodyOf(text: string): ErrorBody {
  try {
    return JSON.parse(text) as ErrorBody;
  } catch {
    return {}; // what stands between us and the API answers as it likes
  }
}

export async function ask<T>(path: string): Promise<T> {
  return (await send(path, { headers: { accept: 'application/json' } })).json() as Promise<T>;
}

/** Null where there is no such thing: another version has it, or it is gone. */
export async function askIfThere<T>(path: string): Promise<T | null> {
  try {
    return await ask<T>(path);
  } catch (error) {
    if (error instanceof Refused && error.status === 404) return null;
    throw error;
  }
}

export async function change<T>(method: 'POST' | 'PUT', path: string, body: object = {}): Promise<T | null> {
  const headers = { 'content-type': 'application/json', accept: 'application/json' };
  const response = await send(path, { method, headers, body: JSON.stringify(body) });
  const text = await response.text();
  return text === '' ? null : (JSON.parse(text) as T);
}
