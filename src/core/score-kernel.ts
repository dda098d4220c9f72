/**
 * The inner loops of `rankNodes`, as a WebAssembly module assembled here. Why: a plan for 1,000 nodes and 65,536 shards
 * needs 65 million XXH64 values. JavaScript has no 64-bit integers that are cheap: BigInt or the hash library cost
 * 100 ns each, halves of 32 bits 15 ns, this 3–5 ns. WebAssembly itself is no new demand, the hash library is one.
 *
 * Arrays of 64-bit values lie in the module's memory; every function walks one from `src` to `src + bytes`:
 *   step(src, dst, bytes, k)      dst = rotl((x * k[0] + k[1]) ^ k[2], k[3]) * k[4] + k[5]
 *   converge(src, dst, bytes, k)  dst = ((rotl(x, k[0]) + k[1]) ^ (rotl(x * k[2], k[3]) * k[4])) * k[4] + k[5]
 *   best(src, slots, bytes, node, depth, k)
 *     finishes each hash (k: the two factors of the avalanche) and keeps the `depth` highest per element in slots of
 *     16 bytes, score then node, best first; of equal scores the lower node number wins
 */

/** The part of the platform's global that is used; the compiler's library for it belongs to browsers. */
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object) => { readonly exports: unknown };
};

export interface ScoreKernel {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  step(src: number, dst: number, bytes: number, k: number): void;
  converge(src: number, dst: number, bytes: number, k: number): void;
  best(src: number, slots: number, bytes: number, node: number, depth: number, k: number): void;
}

const PAGE_BYTES = 65_536;

type Code = readonly number[];
const I32 = 0x7f;
const I64 = 0x7e;
const VOID = 0x40;

/** Unsigned LEB128, the format's whole number. */
const leb = (value: number): Code => (value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...leb(value >>> 7)]);
const vector = (items: readonly Code[]): Code => [...leb(items.length), ...items.flat()];
const section = (id: number, content: Code): Code => [id, ...leb(content.length), ...content];
const name = (text: string): Code => vector(Array.from(text, (char) => [char.charCodeAt(0)]));

const get = (local: number): Code => [0x20, local];
const set = (local: number): Code => [0x21, local];
/** Constants are below 64, so one byte holds them (the format's constants are signed). */
const i32 = (value: number): Code => [0x41, value];
const i64 = (value: number): Code => [0x42, value];
const load = (address: Code, offset = 0): Code => [...address, 0x29, 3, offset];
const store = (address: Code, value: Code): Code => [...address, ...value, 0x37, 3, 0];
const loadNode = (address: Code): Code => [...address, 0x28, 2, 8];
const storeNode = (address: Code, value: Code): Code => [...address, ...value, 0x36, 2, 8];

const binary =
  (opcode: number) =>
  (a: Code, b: Code): Code => [...a, ...b, opcode];
const add32 = binary(0x6a);
const mul32 = binary(0x6c);
const less32 = binary(0x49);
const and32 = binary(0x71);
const or32 = binary(0x72);
const add = binary(0x7c);
const mul = binary(0x7e);
const xor = binary(0x85);
const shiftRight = binary(0x88);
const rotl = binary(0x89);
const equal = binary(0x51);
const greater = binary(0x56);

const when = (condition: Code, then: Code): Code => [...condition, 0x04, VOID, ...then, 0x0b];
/** Runs the body until the condition fails; at least once, so callers pass at least one element. */
const repeat = (code: Code, condition: Code): Code => [0x03, VOID, ...code, ...condition, 0x0d, 0, 0x0b];
const advance = (local: number, by: Code): Code => [...add32(get(local), by), ...set(local)];

/** A function body: its locals beyond the parameters as runs of one type, then its code. */
function body(locals: readonly (readonly [count: number, type: number])[], code: Code): Code {
  const content = [...vector(locals.map(([count, type]) => [count, type])), ...code, 0x0b];
  return [...leb(content.length), ...content];
}

/** Parameters src 0, dst 1, bytes 2, k 3; locals: k[0..5] in 4..9, x in 10. `bytes` becomes the end of src. */
function mapping(value: Code): Code {
  return body(
    [[7, I64]],
    [
      ...[0, 1, 2, 3, 4, 5].flatMap((i) => [...load(get(3), i * 8), ...set(4 + i)]),
      ...advance(2, get(0)),
      ...repeat(
        [...load(get(0)), ...set(10), ...store(get(1), value), ...advance(0, i32(8)), ...advance(1, i32(8))],
        less32(get(0), get(2)),
      ),
    ],
  );
}

const X = get(10);
const K = [4, 5, 6, 7, 8, 9].map(get) as [Code, Code, Code, Code, Code, Code];
const step = mapping(add(mul(rotl(xor(add(mul(X, K[0]), K[1]), K[2]), K[3]), K[4]), K[5]));
const converge = mapping(add(mul(xor(add(rotl(X, K[0]), K[1]), mul(rotl(mul(X, K[2]), K[3]), K[4])), K[4]), K[5]));

/** Parameters src 0, slots 1, bytes 2, node 3, depth 4, k 5; slot 6, its end 7, id 8, other id 9; h 10, other h 11, k 12, 13. */
function bestBody(): Code {
  const [slot, end, id, otherId] = [6, 7, 8, 9];
  const [h, otherHash] = [10, 11];
  const mixed = (shift: number): Code => xor(get(h), shiftRight(get(h), i64(shift)));
  /** Whether (h, id) comes before what the slot holds. */
  const wins = (at: Code): Code =>
    or32(greater(get(h), load(at)), and32(equal(get(h), load(at)), less32(get(id), loadNode(at))));
  const swap = [
    ...load(get(slot)),
    ...set(otherHash),
    ...loadNode(get(slot)),
    ...set(otherId),
    ...store(get(slot), get(h)),
    ...storeNode(get(slot), get(id)),
    ...get(otherHash),
    ...set(h),
    ...get(otherId),
    ...set(id),
  ];
  const insert = [
    ...get(1),
    ...set(slot),
    ...repeat([...when(wins(get(slot)), swap), ...advance(slot, i32(16))], less32(get(slot), get(end))),
  ];
  // Nearly every node loses against the last slot, so that is the only one looked at first.
  const last = add32(get(end), i32(-16 & 0x7f));
  const each = [
    ...load(get(0)),
    ...set(h),
    ...mul(mixed(33), get(12)),
    ...set(h),
    ...mul(mixed(29), get(13)),
    ...set(h),
    ...mixed(32),
    ...set(h),
    ...get(3),
    ...set(id),
    ...add32(get(1), mul32(get(4), i32(16))),
    ...set(end),
    ...when(wins(last), insert),
    ...get(end),
    ...set(1),
    ...advance(0, i32(8)),
  ];
  return body(
    [
      [4, I32],
      [4, I64],
    ],
    [
      ...load(get(5)),
      ...set(12),
      ...load(get(5), 8),
      ...set(13),
      ...advance(2, get(0)),
      ...repeat(each, less32(get(0), get(2))),
    ],
  );
}

const functionType = (parameters: number): Code => [
  0x60,
  ...vector(Array.from({ length: parameters }, () => [I32])),
  0,
];
const exported = (text: string, kind: number, index: number): Code => [...name(text), kind, index];

const bytes = new Uint8Array([
  0x00,
  0x61,
  0x73,
  0x6d,
  1,
  0,
  0,
  0,
  ...section(1, vector([functionType(4), functionType(6)])),
  ...section(3, vector([[0], [0], [1]])),
  ...section(5, vector([[0, 1]])),
  ...section(
    7,
    vector([exported('memory', 2, 0), exported('step', 0, 0), exported('converge', 0, 1), exported('best', 0, 2)]),
  ),
  ...section(10, vector([step, converge, bestBody()])),
]);
const compiled = new WebAssembly.Module(bytes);

/** A kernel with a memory of its own of at least `memoryBytes`, freed with it. */
export function createScoreKernel(memoryBytes: number): ScoreKernel {
  const kernel = new WebAssembly.Instance(compiled).exports as ScoreKernel;
  kernel.memory.grow(Math.ceil(memoryBytes / PAGE_BYTES));
  return kernel;
}
