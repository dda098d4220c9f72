/** Capabilities over the wire. */
import { z } from 'zod';
import { SCOPES } from '../keys.ts';
import { many, shown } from './base.ts';

/** What a page may not take for granted; a name is added with what it stands for, and never taken back. */
export const FEATURES = [
  'events',
  'groups',
  'indexes.delete',
  'moves.accept-loss',
  'moves.explain',
  'moves.revert',
  'pause',
  'plans.apply',
  'plans.cancel',
  'plans.report',
  'queues',
  'throttle',
  'throughput',
] as const;

export const CAPABILITIES = shown(
  z.object({
    version: z.string().describe('of the server'),
    actor: z.string().nullable().describe('as the audit stream names who asks'),
    scope: z.enum(SCOPES).nullable().describe('of the key that asks: it may do what the scopes before it may'),
    read_only: z.boolean().describe('the key may change nothing'),
    features: many(z.enum(FEATURES)),
  }),
  { version: '0.1.0', actor: 'key:ci-bot', scope: 'operate', read_only: false, features: FEATURES },
);
