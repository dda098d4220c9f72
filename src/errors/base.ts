/** What all errors of ours have. */
export type ErrorDetails = Readonly<Record<string, string | number | boolean | null | readonly string[]>>;

export interface MiroirErrorOptions {
  /** The input field at fault, in the words of whoever sent it (`node_id`, `MIROIR_LEASE_TTL_SECS`). */
  field?: string;
  /** What to do about it: one sentence in the imperative. */
  remedy?: string;
  details?: ErrorDetails;
  cause?: unknown;
}

export abstract class MiroirError extends Error {
  abstract readonly code: string;
  abstract readonly retryable: boolean;
  readonly field: string | undefined;
  readonly remedy: string | undefined;
  readonly details: ErrorDetails;

  constructor(message: string, options: MiroirErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.field = options.field;
    this.remedy = options.remedy;
    this.details = options.details ?? {};
  }
}

/** True for errors of ours; what is not ours is a defect or a library's failure and is reported with its stack. */
export const isMiroirError = (error: unknown): error is MiroirError => error instanceof MiroirError;

/** The message of anything thrown, in one line. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
