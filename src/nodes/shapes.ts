/** The parts of a node's answers that we use, checked, and turned into the shapes of the ports. */
import { z } from 'zod';
import { briefText } from '../core/brief-text.ts';
import type { NodeBatch, NodeIndex, NodeTask } from '../ports.ts';

const amount = z.number().nonnegative();
const time = z.string().nullable();

export const versionShape = z.object({ pkgVersion: z.string() }).transform(({ pkgVersion }) => pkgVersion);

export const indexShape = z.object({
  uid: z.string(),
  primaryKey: z.string().nullable(),
  createdAt: z.string(),
  updatedAt: z.string(),
}) satisfies z.ZodType<NodeIndex>;

export const settingsShape = z.record(z.string(), z.unknown());

export const indexStatsShape = z
  .object({
    numberOfDocuments: amount,
    rawDocumentDbSize: amount.default(0),
    numberOfEmbeddings: amount.default(0),
    fieldDistribution: z.record(z.string(), amount).default({}),
  })
  .transform((stats) => ({
    documents: stats.numberOfDocuments,
    bytes: stats.rawDocumentDbSize,
    embeddings: stats.numberOfEmbeddings,
    fields: stats.fieldDistribution,
  }));

export const nodeStatsShape = z
  .object({ databaseSize: amount, usedDatabaseSize: amount.optional() })
  .transform((stats) => ({
    databaseBytes: stats.databaseSize,
    // Nodes before 1.12 do not tell what of it is used.
    usedBytes: stats.usedDatabaseSize ?? stats.databaseSize,
  }));

export const totalShape = z.object({ total: z.number().int().nonnegative() }).transform(({ total }) => total);

export const enqueuedShape = z.object({ taskUid: z.number().int().nonnegative() }).transform(({ taskUid }) => taskUid);

const briefDetails = (details: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    Object.entries(details).map(([name, value]) => [name, typeof value === 'string' ? briefText(value) : value]),
  );

const taskShape = z
  .object({
    uid: z.number().int(),
    indexUid: z.string().nullable(),
    status: z.enum(['enqueued', 'processing', 'succeeded', 'failed', 'canceled']),
    type: z.string(),
    // With type and link, which clients are shown as they came.
    error: z.looseObject({ code: z.string(), message: z.string() }).nullable(),
    details: z.record(z.string(), z.unknown()).nullish(),
    enqueuedAt: z.string(),
    startedAt: time,
    finishedAt: time,
    customMetadata: z.string().nullish(),
  })
  .transform(({ details, customMetadata, error, ...task }): NodeTask => ({
    ...task,
    // A node's words may quote all of a filter.
    error: error === null ? null : { ...error, message: briefText(error.message) },
    details: details == null ? null : briefDetails(details),
    customMetadata: customMetadata ?? null,
  }));

export const tasksShape = z.object({ results: z.array(taskShape) }).transform(({ results }) => results);

const batchShape = z
  .object({
    uid: z.number().int(),
    duration: z.string().nullable(),
    finishedAt: time,
    details: z.object({ receivedDocuments: amount.nullish() }).nullish(),
    stats: z.object({ totalNbTasks: amount, indexUids: z.record(z.string(), amount) }),
  })
  .transform(({ uid, duration, finishedAt, details, stats }): NodeBatch => ({
    uid,
    durationMs: duration === null ? null : parseDurationMs(duration),
    finishedAt,
    tasks: stats.totalNbTasks,
    documents: details?.receivedDocuments ?? 0,
    indexes: Object.keys(stats.indexUids),
  }));

export const batchesShape = z.object({ results: z.array(batchShape) }).transform(({ results }) => results);

const DURATION = /^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$/;

/** An ISO 8601 duration as nodes write it (`PT1M2.5S`), in ms; null for what is none. */
function parseDurationMs(text: string): number | null {
  const parts = DURATION.exec(text);
  if (parts === null) return null;
  const [days = 0, hours = 0, minutes = 0, seconds = 0] = parts.slice(1).map((part) => Number(part ?? 0));
  // Whole microseconds, so that 0.7464 s is not 746.3999999.
  return Math.round((((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1e6) / 1e3;
}
