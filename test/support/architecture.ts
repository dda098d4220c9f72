// The dependency rules of this project as data, and a checker for them that takes files from anywhere: the architecture
// test feeds it the real ones, and planted ones to see that it can fail.

interface Rule {
  /** Units of ours that this one may import, besides itself; `*` is any of them. */
  readonly own: readonly string[];
  /** Of those, the ones it may import as types only. */
  readonly typesOnly?: readonly string[];
  /** Packages it may import; without a list any that no other unit owns. */
  readonly npm?: readonly string[];
  /** Whether Node's own modules are allowed; without it they are. */
  readonly node?: boolean;
}

const ADAPTER: Rule = { own: ['core', 'ports', 'errors', 'config'] };
const EDGE: Rule = {
  own: ['control', 'routing', 'fleet', 'service', 'config', 'core', 'ports', 'errors', 'telemetry', 'access'],
};
const PLAIN_SCRIPT: Rule = { own: [], npm: [] };

/** A unit is a folder of `src`, a file directly in it, or `workers`. One without a row here is a failure. */
export const RULES: Readonly<Record<string, Rule>> = {
  core: { own: ['errors'], npm: ['zod', 'xxhash-wasm'], node: false },
  errors: { own: [], npm: [], node: false },
  config: { own: ['errors'] },
  ports: { own: ['core', 'errors'], typesOnly: ['core'], npm: [], node: false },
  clock: { own: ['ports'], typesOnly: ['ports'], npm: [] },
  failpoint: { own: ['ports', 'errors'], npm: [] },
  phases: { own: ['core', 'ports', 'errors'] },
  planning: { own: ['core', 'ports', 'errors', 'config'] },
  reconcile: { own: ['core', 'ports', 'errors', 'config', 'routing', 'phases'] },
  redis: ADAPTER,
  queue: { own: [...ADAPTER.own, 'clock'] },
  nodes: ADAPTER,
  telemetry: ADAPTER,
  routing: { own: ['core', 'ports', 'errors'] },
  access: { own: ['ports', 'errors'], npm: ['zod'] },
  control: { own: ['core', 'ports', 'errors', 'config', 'routing'] },
  devnode: { own: [], npm: [] },
  fleet: { own: ['config', 'errors'], npm: [] },
  api: EDGE,
  gateway: EDGE,
  cli: { own: [...EDGE.own, 'devnode', 'gateway', 'api'] },
  service: { own: ['*'] },
  index: { own: ['*'] },
  setup: PLAIN_SCRIPT,
  build: PLAIN_SCRIPT,
  'build-page': { own: [], npm: ['vite'] },
  // Code for browsers: it speaks to the control API over HTTP, and shares nothing with the code of servers.
  page: { own: [], npm: ['preact', '@preact/signals', 'uplot'], node: false },
  workers: { own: ['service', 'config'] },
};

/** Packages that one unit keeps to itself, so that the rest can be read, tested and replaced without them. */
interface Owner {
  readonly packages: RegExp;
  readonly units: readonly string[];
  readonly typesOnly?: readonly string[];
}
const OWNERS: readonly Owner[] = [
  { packages: /^bullmq$/, units: ['queue'] },
  { packages: /^@bull-board\//, units: ['api'] },
  { packages: /^undici$/, units: ['nodes'] },
  { packages: /^(?:preact|@preact\/signals|uplot)$/, units: ['page'] },
  { packages: /^ioredis$/, units: ['redis', 'queue'], typesOnly: ['queue'] },
];

export const LINES_MAX = 300;
/** Files that are longer all the same, each with the reason; to be emptied. */
export const LINES_DEBT: Readonly<Record<string, string>> = {};

const BANNED_NAMES = new Set(['utils', 'util', 'helpers', 'helper', 'manager', 'managers', 'common', 'misc']);

/** Where time and randomness come in through the clock port. */
const TIMELESS = /^src\/(?:core|phases|reconcile|routing)\/|^src\/redis\/lease[^/]*\.ts$/;
/** What the linter cannot tell apart: a date made from a given time is fine, one made of nothing reads the clock. */
const READS_CLOCK = /\bnew Date(?:\(\s*\)|\s*[;,)])|(?<!new )\bDate\(\s*\)|\bglobalThis\b/;

export interface Import {
  readonly specifier: string;
  readonly isType: boolean;
}

const COMMENTS_AND_TEXT = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g;

function withoutComments(source: string): string {
  return source.replace(COMMENTS_AND_TEXT, (part) => (part.startsWith('/') ? ' ' : part));
}

/** Code alone: comments and the insides of texts are blanked. */
function codeOnly(source: string): string {
  return source.replace(COMMENTS_AND_TEXT, (part) => (part.startsWith('/') ? ' ' : "''"));
}

const STATIC_IMPORT = /(?:^|[;}\n])\s*(?:import|export)\s+(type\s+)?([^'";]*?)\bfrom\s*['"]([^'"]+)['"]/g;
const BARE_IMPORT = /(?:^|[;}\n])\s*import\s*['"]([^'"]+)['"]/g;
const CALLED_IMPORT = /\b(?:import|require)\s*\(\s*['"`]([^'"`]+)['"`]/g;

export function importsOf(source: string): Import[] {
  const text = withoutComments(source);
  const found: Import[] = [];
  for (const [, type, names = '', specifier = ''] of text.matchAll(STATIC_IMPORT)) {
    found.push({ specifier, isType: type !== undefined || hasOnlyTypes(names) });
  }
  for (const pattern of [BARE_IMPORT, CALLED_IMPORT]) {
    for (const [, specifier = ''] of text.matchAll(pattern)) found.push({ specifier, isType: false });
  }
  return found;
}

/** `{ type A, type B }`: nothing of it is left in the output but the import itself, which we count as types. */
function hasOnlyTypes(names: string): boolean {
  const list = /^\s*\{([^}]*)\}\s*$/.exec(names)?.[1];
  if (list === undefined) return false;
  const parts = list.split(',').map((part) => part.trim());
  return parts.every((part) => part === '' || part.startsWith('type ')) && parts.some((part) => part !== '');
}

/** `src/core/move.ts` → `core`, `src/service.ts` → `service`, `workers/api.ts` → `workers`, `test/…` → `test`. */
export function unitOf(path: string): string {
  const [top = '', second = ''] = path.split('/');
  if (top !== 'src') return top;
  return second.replace(/\.[^.]*$/, '');
}

function resolveOwn(from: string, specifier: string): string {
  return new URL(specifier, `file:///${from}`).pathname.slice(1);
}

const packageOf = (specifier: string): string => specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');

function checkImport(path: string, { specifier, isType }: Import): string | undefined {
  const unit = unitOf(path);
  const rule = RULES[unit];
  if (rule === undefined) return undefined; // said once for the file
  if (specifier.startsWith('.')) return checkOwn(path, unit, rule, { specifier, isType });
  if (specifier.startsWith('node:')) {
    return rule.node === false ? `${path}: ${unit} must not import ${specifier}` : undefined;
  }
  const name = packageOf(specifier);
  if (rule.npm !== undefined && !rule.npm.includes(name)) return `${path}: ${unit} must not import ${name}`;
  const owner = OWNERS.find((candidate) => candidate.packages.test(name));
  if (owner === undefined) return undefined;
  if (!owner.units.includes(unit)) return `${path}: ${name} belongs to ${owner.units.join(' and ')}, not to ${unit}`;
  if (owner.typesOnly?.includes(unit) === true && !isType) return `${path}: ${unit} may import only types of ${name}`;
  return undefined;
}

function checkOwn(path: string, unit: string, rule: Rule, { specifier, isType }: Import): string | undefined {
  const target = resolveOwn(path, specifier);
  const other = unitOf(target);
  if (other === unit && unit !== 'workers') return undefined;
  if (!target.startsWith('src/')) return `${path}: nothing imports ${target}`;
  if (!rule.own.includes(other) && !rule.own.includes('*')) return `${path}: ${unit} must not import ${target}`;
  if (rule.typesOnly?.includes(other) === true && !isType) return `${path}: ${unit} may import only types of ${target}`;
  return undefined;
}

function checkText(path: string, source: string): string[] {
  const found: string[] = [];
  const banned = path.split('/').find((part) => BANNED_NAMES.has(part.replace(/\..*$/, '')));
  if (banned !== undefined) found.push(`${path}: a name like ${banned} says nothing about what is in it`);
  const lines = source.trimEnd().split('\n').length;
  if (lines > LINES_MAX && LINES_DEBT[path] === undefined) found.push(`${path}: ${lines} lines, ${LINES_MAX} at most`);
  if (TIMELESS.test(path) && READS_CLOCK.test(codeOnly(source))) {
    found.push(`${path}: reads the clock; time and randomness come through the clock port`);
  }
  return found;
}

/** Everything that breaks a rule in these files (path → source), one sentence each. */
export function violations(files: ReadonlyMap<string, string>): string[] {
  const found: string[] = [];
  for (const [path, source] of files) {
    found.push(...checkText(path, source));
    if (unitOf(path) === 'test' || !/\.(?:tsx?|mts|mjs)$/.test(path)) continue;
    if (RULES[unitOf(path)] === undefined) found.push(`${path}: ${unitOf(path)} has no row in the dependency table`);
    for (const imported of importsOf(source)) {
      const problem = checkImport(path, imported);
      if (problem !== undefined) found.push(problem);
    }
  }
  for (const path of Object.keys(LINES_DEBT)) {
    const lines = files.get(path)?.trimEnd().split('\n').length ?? 0;
    if (files.has(path) && lines <= LINES_MAX) found.push(`${path}: is short enough now, take it off the debt list`);
  }
  return found;
}
