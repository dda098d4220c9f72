/** What schemas of the control API have in common. */
import { z } from 'zod';

export const many = <T extends z.ZodType>(schema: T): z.ZodReadonly<z.ZodArray<T>> => z.array(schema).readonly();
export const timeMs = z.number().describe('ms since 1970');
/** How far the shards of a replica group are. */
export const GROUP_SHARDS = z.object({
  total: z.number(),
  pending: z.number(),
  syncing: z.number(),
  complete: z.number(),
  failed: z.number(),
});

/** With an example that the documentation shows; it has to be one of the schema's. */
export const shown = <T extends z.ZodType>(schema: T, example: z.input<T>): T => schema.meta({ examples: [example] });

const LIMIT_MAX = 1_000;

/** Of every list. */
export const PAGE = {
  limit: z.coerce.number().int().min(1).max(LIMIT_MAX).default(20).describe('results at most'),
  from: z.string().max(200).nullable().default(null).describe('the first one: what `next` of the page before says'),
};
export const page = <T extends z.ZodType>(schema: T, example: z.input<T>) =>
  shown(
    z.object({
      results: many(schema),
      total: z.number().describe('of all pages'),
      limit: z.number(),
      from: z.string().nullable(),
      next: z.string().nullable().describe('`from` of the next page; null: this is the last'),
    }),
    { results: [example], total: 1, limit: 20, from: null, next: null },
  );
