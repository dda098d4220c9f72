/** Events about whole replica groups. Ours: the four of the original are about one node each. */
import { z } from 'zod';
import { InvalidInputError } from '../errors.ts';
import { apiKeyRefSchema, groupSchema, nodeIdSchema, nodeUrlSchema } from './events.ts';
import { RECORD_VERSION, assertReadable } from './version.ts';

export const GROUP_EVENTS = ['GroupAdded', 'GroupActivated', 'GroupDraining', 'GroupRemoved'] as const;
export type GroupEventType = (typeof GROUP_EVENTS)[number];

export interface NewGroupNode {
  readonly id: string;
  /** As an origin. */
  readonly url: string;
  readonly apiKeyRef?: string;
}

export type GroupEvent =
  | { readonly type: 'GroupAdded'; readonly group: number; readonly nodes: readonly NewGroupNode[] }
  | { readonly type: 'GroupActivated'; readonly group: number }
  | { readonly type: 'GroupDraining'; readonly group: number }
  /** `force`: one that serves is drained, one that is drained need not wait for its grace. */
  | { readonly type: 'GroupRemoved'; readonly group: number; readonly force: boolean };

const NODES_MAX = 1_000;

const fields = { v: z.number().optional(), replica_group: groupSchema };
const newNode = z.strictObject(
  { node_id: nodeIdSchema, url: nodeUrlSchema, api_key_ref: apiKeyRefSchema.optional() },
  'give {"node_id": …, "url": …} for each node',
);

const schemas = {
  GroupAdded: z.strictObject({
    ...fields,
    nodes: z
      .array(newNode, 'give a list of nodes')
      .min(1, 'give at least one node')
      .max(NODES_MAX, `give at most ${NODES_MAX} nodes`),
  }),
  GroupActivated: z.strictObject(fields),
  GroupDraining: z.strictObject(fields),
  GroupRemoved: z.strictObject({ ...fields, force: z.boolean('give true or false').optional() }),
} as const;

export const isGroupEvent = (name: string): name is GroupEventType => GROUP_EVENTS.includes(name as GroupEventType);

function refuse(type: GroupEventType, issue: z.core.$ZodIssue): never {
  const [key] = issue.code === 'unrecognized_keys' ? issue.keys : [];
  if (key !== undefined) {
    throw new InvalidInputError(`${type} has no field ${key}`, { field: key, remedy: 'leave it out' });
  }
  const field = issue.path.map(String).join('.') || 'data';
  throw new InvalidInputError(`${type} has a missing or wrong ${field}: ${issue.message}`, {
    field,
    remedy: issue.message,
  });
}

function parsed<S extends z.ZodType>(type: GroupEventType, schema: S, data: unknown): z.output<S> {
  const result = schema.safeParse(data);
  return result.success ? result.data : refuse(type, result.error.issues[0]!);
}

/** Throws `RecordTooNewError` for a newer `v`, and `InvalidInputError` with field and remedy. */
export function parseGroupEvent(type: GroupEventType, data: unknown): GroupEvent {
  const v = typeof data === 'object' && data !== null ? (data as { v?: unknown }).v : undefined;
  if (v !== undefined) assertReadable(v, `the event ${type}`);
  switch (type) {
    case 'GroupAdded': {
      const { replica_group: group, nodes } = parsed(type, schemas.GroupAdded, data);
      return {
        type,
        group,
        nodes: nodes.map(({ node_id: id, url, api_key_ref: apiKeyRef }) => ({
          id,
          url,
          ...(apiKeyRef === undefined ? {} : { apiKeyRef }),
        })),
      };
    }
    case 'GroupActivated':
    case 'GroupDraining':
      return { type, group: parsed(type, schemas[type], data).replica_group };
    case 'GroupRemoved': {
      const { replica_group: group, force = false } = parsed(type, schemas.GroupRemoved, data);
      return { type, group, force };
    }
  }
}

/** The job that stands for an event: `parseGroupEvent(name, data)` gives it back, also after JSON. */
export function groupEventToWire(event: GroupEvent): { readonly name: GroupEventType; readonly data: object } {
  const data = { v: RECORD_VERSION, replica_group: event.group };
  if (event.type === 'GroupRemoved') return { name: event.type, data: { ...data, force: event.force } };
  if (event.type !== 'GroupAdded') return { name: event.type, data };
  const nodes = event.nodes.map(({ id, url, apiKeyRef }) => ({
    node_id: id,
    url,
    ...(apiKeyRef === undefined ? {} : { api_key_ref: apiKeyRef }),
  }));
  return { name: event.type, data: { ...data, nodes } };
}
