/**
 * Logs: one JSON line each, to stderr, because stdout is data. No secret leaves through them: fields by name, and
 * credentials in URLs and bearer tokens wherever they stand in a line.
 */
import { pino, stdTimeFunctions } from 'pino';
import type { DestinationStream, Logger as PinoLogger } from 'pino';
import type { Config } from '../config.ts';

export type Logger = PinoLogger;
export type LogLevel = Config['logLevel'];

const SECRET_FIELDS = [
  'authorization',
  'apiKey',
  'api_key',
  'masterKey',
  'master_key',
  'password',
  'secret',
  'token',
] as const;
/** Redaction by path does not descend; nothing of ours nests deeper than this. */
const DEPTH = 3;

const REDACTED = SECRET_FIELDS.flatMap((field) =>
  Array.from({ length: DEPTH }, (_, depth) => '*.'.repeat(depth) + field),
);

const URL_CREDENTIALS = /(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/"@\\]*(?:@[^\s/"@\\]*)*@/gi;
const BEARER = /(\bbearer\s+)[\w.~+/=-]+/gi;

/** The text without credentials in URLs and without bearer tokens. */
export const withoutSecrets = (text: string): string =>
  text.replace(URL_CREDENTIALS, '$1***@').replace(BEARER, '$1***');

export interface LoggerOptions {
  readonly level: LogLevel;
  /** The process's part: `planner`, `worker`, `cli`. */
  readonly role: string;
  /** Default: stderr, written at once, so that the last words of a killed process are there. */
  readonly destination?: DestinationStream;
}

/** Child loggers (`logger.child({ index, move, shard, fence })`) inherit level and redaction. */
export function createLogger({ level, role, destination }: LoggerOptions): Logger {
  return pino(
    {
      level,
      base: { role, pid: process.pid },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: REDACTED, censor: '***' },
      hooks: { streamWrite: withoutSecrets },
    },
    destination ?? pino.destination({ fd: 2, sync: true }),
  );
}
