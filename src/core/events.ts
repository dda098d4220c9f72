/**
 * The four topology events as other services send them, and what they mean. Two forms come in, the flat one and the
 * original's tagged one; `parseTopologyEvent` is the only place that knows both.
 */
import { z } from 'zod';
import { InvalidInputError, UnknownEventError } from '../errors.ts';
import { RECORD_VERSION, assertReadable } from './version.ts';

export { applyEvent, type Moment } from './apply-event.ts';

export const TOPOLOGY_EVENTS = ['NodeAdded', 'NodeDraining', 'NodeFailed', 'NodeRecovered'] as const;
export type TopologyEventType = (typeof TOPOLOGY_EVENTS)[number];

/**
 * Name of the job that takes a drained node out of the topology. Ours, for the operator's `node remove`: none of the
 * four events does it.
 */
export const NODE_REMOVED = 'NodeRemoved';

/** An event in the words of the core. */
export interface TopologyEvent {
  readonly type: TopologyEventType;
  readonly nodeId: string;
  readonly group?: number;
  /** The only index to plan for; absent = every index. */
  readonly index?: string;
  /** Where the node answers, as an origin; only with NodeAdded. */
  readonly url?: string;
  /** Name under which the node's API key is looked up; only with NodeAdded. */
  readonly apiKeyRef?: string;
  /** The node does not come back: its copies are restored at once; only with NodeFailed. */
  readonly repairNow?: true;
}

/** Stands for every index, as leaving `index_uid` out does. */
const EVERY_INDEX = '*';

export const nodeIdSchema = z
  .string('give the id of a node')
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, 'give 1 to 63 letters, digits, dots, dashes or underscores');

export const indexUidSchema = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,400}$/, 'give 1 to 400 letters, digits, dashes or underscores');

export const apiKeyRefSchema = z
  .string()
  .regex(
    /^[A-Za-z0-9_-]{1,64}$/,
    'give the name of a key, 1 to 64 letters, digits, dashes or underscores, never the key',
  );

/** The URL's origin, or undefined unless it is http(s) and nothing but an origin. */
function originOf(text: string): string | undefined {
  // The parser drops tabs and spaces and takes a lone `?` or `#` for nothing: the text itself must not hold them.
  if (/[\s?#@\\]/.test(text) || !URL.canParse(text)) return undefined;
  const url = new URL(text);
  return (url.protocol === 'http:' || url.protocol === 'https:') && url.pathname === '/' ? url.origin : undefined;
}

/** Comes out as an origin (`http://HOST:80/` as `http://host`), so that equal places compare equal. */
export const nodeUrlSchema = z.string().transform((text, context) => {
  const origin = originOf(text);
  if (origin !== undefined) return origin;
  context.addIssue({ code: 'custom', message: 'give http(s)://host:port without user, path or query' });
  return z.NEVER;
});

export const groupSchema = z
  .number('give the number of a replica group')
  .int('give a whole number')
  .min(0, 'give a number from 0')
  .max(0xffff_ffff, 'give a number below 2^32');

const fields = {
  v: z.number().optional(),
  node_id: nodeIdSchema,
  replica_group: groupSchema.optional(),
  index_uid: z.union([z.literal(EVERY_INDEX), indexUidSchema], 'give the uid of an index, or * for all').optional(),
};
const onNode = z.strictObject(fields);

/** Job data per event name, flat form. Unknown keys are refused. */
export const topologyEventSchemas = {
  NodeAdded: z.strictObject({ ...fields, url: nodeUrlSchema.optional(), api_key_ref: apiKeyRefSchema.optional() }),
  NodeDraining: onNode,
  NodeFailed: z.strictObject({ ...fields, repair_now: z.boolean('give true or false').optional() }),
  NodeRecovered: onNode,
} as const;

/** What a sender puts into a job's data. */
export type TopologyEventData<T extends TopologyEventType = TopologyEventType> = z.input<
  (typeof topologyEventSchemas)[T]
>;

const isEventType = (name: string): name is TopologyEventType => TOPOLOGY_EVENTS.includes(name as TopologyEventType);
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Unwraps `{"NodeAdded":{…}}`. The tag names the event; a job's name may repeat it but never contradict it. */
function untag(name: string, data: Record<string, unknown>): { type: TopologyEventType; data: unknown } {
  const tag = Object.keys(data).find(isEventType);
  if (tag !== undefined) {
    if (Object.keys(data).length > 1 || (isEventType(name) && name !== tag)) {
      throw new InvalidInputError(`the data of ${name || 'the event'} holds ${tag} and something else`, {
        field: tag,
        remedy: `send only the fields of ${tag}, under the name ${tag}`,
      });
    }
    return { type: tag, data: data[tag] };
  }
  if (!isEventType(name)) {
    throw new UnknownEventError(`no topology event is named ${JSON.stringify(name)}`, {
      field: 'name',
      remedy: `send one of ${TOPOLOGY_EVENTS.join(', ')}`,
    });
  }
  return { type: name, data };
}

function refuse(type: TopologyEventType, issue: z.core.$ZodIssue): never {
  if (issue.code === 'unrecognized_keys') {
    const [key = ''] = issue.keys;
    const owner = TOPOLOGY_EVENTS.find((name) => key in topologyEventSchemas[name].shape);
    const remedy = owner === undefined ? 'leave it out' : `${key} goes with ${owner} only: leave it out`;
    throw new InvalidInputError(`${type} has no field ${key}`, { field: key, remedy });
  }
  const field = String(issue.path[0] ?? 'data');
  throw new InvalidInputError(`${type} has a missing or wrong ${field}: ${issue.message}`, {
    field,
    remedy: issue.message,
  });
}

/**
 * An event from a job's name and data, in either form; with an empty name the data must be tagged.
 *
 * Throws `UnknownEventError` for a name that is none of the four, `RecordTooNewError` for a newer `v` (before anything
 * else is looked at, since a newer sender may have fields that we do not know), `InvalidInputError` with the field and
 * a remedy for everything else.
 */
export function parseTopologyEvent(name: string, data: unknown): TopologyEvent {
  const { type, data: body } = untag(name, isObject(data) ? data : {});
  if (!isObject(body) || !isObject(data)) {
    throw new InvalidInputError(`the data of ${type} is no object`, {
      field: 'data',
      remedy: 'send {"node_id": …}',
    });
  }
  if (body['v'] !== undefined) assertReadable(body['v'], `the event ${type}`);
  const parsed = topologyEventSchemas[type].safeParse(body);
  if (!parsed.success) return refuse(type, parsed.error.issues[0]!);
  const { node_id, replica_group, index_uid } = parsed.data;
  const { url, api_key_ref } = parsed.data as z.output<typeof topologyEventSchemas.NodeAdded>;
  const { repair_now } = parsed.data as z.output<typeof topologyEventSchemas.NodeFailed>;
  return {
    type,
    nodeId: node_id,
    ...(replica_group === undefined ? {} : { group: replica_group }),
    ...(index_uid === undefined || index_uid === EVERY_INDEX ? {} : { index: index_uid }),
    ...(url === undefined ? {} : { url }),
    ...(api_key_ref === undefined ? {} : { apiKeyRef: api_key_ref }),
    ...(repair_now === true ? { repairNow: true } : {}),
  };
}

/** Fields of all events. */
type AnyEventData = TopologyEventData<'NodeAdded'> & TopologyEventData<'NodeFailed'>;

/** The job that stands for an event: `parseTopologyEvent(name, data)` gives it back, also after JSON. */
export function toWire(event: TopologyEvent): { name: TopologyEventType; data: AnyEventData } {
  return {
    name: event.type,
    data: {
      v: RECORD_VERSION,
      node_id: event.nodeId,
      ...(event.group === undefined ? {} : { replica_group: event.group }),
      ...(event.index === undefined ? {} : { index_uid: event.index }),
      ...(event.url === undefined ? {} : { url: event.url }),
      ...(event.apiKeyRef === undefined ? {} : { api_key_ref: event.apiKeyRef }),
      ...(event.repairNow === undefined ? {} : { repair_now: event.repairNow }),
    },
  };
}
