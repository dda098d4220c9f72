// docs/api-reference.md: every route of the control API, from its OpenAPI document.
import { tableOf } from './markdown.ts';
import type { OpenApi, Operation, Schema } from './openapi.ts';

/** As deep as anything that we answer. */
const DEPTH = 6;

type Row = readonly [field: string, type: string, needed: string, meaning: string];

const code = (text: string): string => `\`${text}\``;
const kindsOf = ({ anyOf, oneOf }: Schema): readonly Schema[] => anyOf ?? oneOf ?? [];

function typeOf(schema: Schema): string {
  if (schema.const !== undefined) return code(JSON.stringify(schema.const));
  if (schema.enum !== undefined) return schema.enum.map((value) => code(String(value))).join(', ');
  const kinds = kindsOf(schema);
  if (kinds.length > 0) return [...new Set(kinds.map(typeOf))].join(' or ');
  if (schema.type === 'array') return schema.items === undefined ? 'list' : `list of ${typeOf(schema.items)}`;
  if (schema.type === undefined) return 'any';
  return typeof schema.type === 'string' ? schema.type : schema.type.join(' or ');
}

/** Of an object, of each element of a list, and of every kind that a field may be. */
function fieldsOf(schema: Schema, path: string, depth = 0): Row[] {
  if (depth > DEPTH) return [];
  const inner = [...kindsOf(schema), ...(schema.items === undefined ? [] : [schema.items])];
  const below = inner.flatMap((one) => fieldsOf(one, one === schema.items ? `${path}[]` : path, depth + 1));
  const values = typeof schema.additionalProperties === 'object' ? schema.additionalProperties : null;
  const named = values === null ? [] : fieldsOf(values, `${path}.<name>`, depth + 1);
  const own = Object.entries(schema.properties ?? {}).flatMap(([name, field]): Row[] => {
    const at = path === '' ? name : `${path}.${name}`;
    return [rowOf(at, field, schema.required?.includes(name) === true), ...fieldsOf(field, at, depth + 1)];
  });
  const all = new Map([...own, ...below, ...named].map((row) => [row[0], row]));
  return [...all.values()];
}

function rowOf(name: string, schema: Schema, isNeeded: boolean, description = schema.description): Row {
  const { minimum, maximum, default: value } = schema;
  const range = maximum === undefined || maximum > 1e9 ? '' : `${minimum ?? 0} to ${maximum}`;
  const preset = value === undefined || value === null ? '' : `default ${code(JSON.stringify(value))}`;
  return [
    code(name.replace(/^\./, '')),
    typeOf(schema),
    isNeeded ? 'yes' : '',
    [description, range, preset].filter(Boolean).join('; '),
  ];
}

const example = (content: unknown): string => `\`\`\`json\n${JSON.stringify(content, null, 2)}\n\`\`\``;

function section(
  method: string,
  path: string,
  { summary, description, parameters = [], requestBody, responses = {} }: Operation,
): string[] {
  const parts = [
    `### ${method.toUpperCase()} ${path}`,
    [summary, description].filter(Boolean).join('. ').replace(/\.\. /g, '. '),
  ];
  const asked = parameters.map(({ name, in: where, required = false, description: text, schema = {} }) => {
    const [field, type, needed, meaning] = rowOf(name, schema, required, text ?? schema.description);
    return [field, where, type, needed, meaning];
  });
  const body = requestBody?.content?.['application/json'];
  for (const [field, type, needed, meaning] of fieldsOf(body?.schema ?? {}, ''))
    asked.push([field, 'body', type, needed, meaning]);
  if (asked.length > 0) parts.push(tableOf(['field', 'in', 'type', 'needed', 'meaning'], asked));
  for (const [status, answer] of Object.entries(responses)) {
    if (status === 'default') continue;
    for (const [type, { schema = {}, example: shown }] of Object.entries(answer.content ?? {})) {
      parts.push(`Answers ${status}, \`${type}\`:`);
      const fields = fieldsOf(schema, '').map(([field, kind, , meaning]) => [field, kind, meaning]);
      parts.push(
        fields.length > 0
          ? tableOf(['field', 'type', 'meaning'], fields)
          : `${typeOf(schema)}${schema.description === undefined ? '' : `: ${schema.description}`}`,
      );
      const one = shown ?? schema.examples?.[0];
      if (one !== undefined && typeof one !== 'string') parts.push(example(one));
    }
  }
  return parts;
}

export function apiReference({ paths }: OpenApi): string {
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  const tags = [...new Set(operations.map(({ operation }) => operation.tags?.[0] ?? 'others'))];
  const error = operations[0]?.operation.responses?.['default']?.content?.['application/json'];
  const parts = [
    '# Routes of the control API',
    'Made from /openapi.json by `node --import tsx test/docs/write.ts`. What holds for all of them, and which command is which route, is in [api.md](api.md).',
    'Every route may also answer with an error; the statuses and their codes are in [api.md](api.md#errors):',
    tableOf(
      ['field', 'type', 'meaning'],
      fieldsOf(error?.schema ?? {}, '').map(([field, type, , meaning]) => [field, type, meaning]),
    ),
    example(error?.example),
  ];
  for (const tag of tags) {
    parts.push(`## ${tag}`);
    for (const { path, method, operation } of operations) {
      if ((operation.tags?.[0] ?? 'others') === tag) parts.push(...section(method, path, operation));
    }
  }
  return `${parts.join('\n\n')}\n`;
}
