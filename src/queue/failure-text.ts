/**
 * A refused event as its job's `failedReason`, which is all that other services see of it: one line with code, message,
 * field and remedy. Ours read it back as the error it was.
 */
import {
  ConfigError,
  ConflictError,
  GroupConflictError,
  GroupNotDrainedError,
  GroupNotReadyError,
  GroupUnknownError,
  IndexConflictError,
  IndexUnknownError,
  IndexUnsplitError,
  InvalidInputError,
  InvariantError,
  LastReplicaError,
  NodeBusyError,
  NodeConflictError,
  NodeNotDrainedError,
  NodeOriginError,
  NodeProtocolError,
  NodeRefusedError,
  NodeRegressedError,
  NodeUnknownError,
  NodeUnreachableError,
  StalePlanError,
  UnknownEventError,
  isMiroirError,
  messageOf,
  type MiroirError,
} from '../errors.ts';

/** What an event can fail with. */
const CLASSES = [
  ConfigError,
  ConflictError,
  GroupConflictError,
  GroupNotDrainedError,
  GroupNotReadyError,
  GroupUnknownError,
  IndexConflictError,
  IndexUnknownError,
  IndexUnsplitError,
  InvalidInputError,
  InvariantError,
  LastReplicaError,
  NodeBusyError,
  NodeConflictError,
  NodeNotDrainedError,
  NodeOriginError,
  NodeProtocolError,
  NodeRefusedError,
  NodeRegressedError,
  NodeUnknownError,
  NodeUnreachableError,
  StalePlanError,
  UnknownEventError,
];
const BY_CODE = new Map(CLASSES.map((Class) => [new Class('').code as string, Class]));

const oneLine = (text: string): string => text.replace(/\s+/g, ' ').trim();

/** `code: message [field: x] remedy`; without a field `code: message; remedy`. */
export function failureText(error: unknown): string {
  if (!isMiroirError(error)) return `miroir_invariant: ${oneLine(messageOf(error))}`;
  const { code, field, remedy } = error;
  const head = `${code}: ${oneLine(error.message)}`;
  if (field === undefined) return remedy === undefined ? head : `${head}; ${oneLine(remedy)}`;
  return `${head} [field: ${field}] ${oneLine(remedy ?? '')}`.trimEnd();
}

/** The error that the text was made of. */
export function failureFromText(text: string): MiroirError {
  const [, code = '', rest = text] = /^(miroir_[a-z_]+): (.*)$/s.exec(text) ?? [];
  const [, message = rest, field, remedy = ''] = /^(.*) \[field: ([^\]]+)\] ?(.*)$/s.exec(rest) ?? [];
  const Class = BY_CODE.get(code) ?? InvariantError;
  return new Class(message, {
    ...(field === undefined ? {} : { field }),
    ...(remedy === '' ? {} : { remedy }),
  });
}
