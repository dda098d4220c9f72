// The commands that documents show, block by block, and which of them no test runs, each with its reason.
import { commandsIn } from './transcript.ts';

export interface Block {
  readonly file: string;
  /** Of the section that it is in. */
  readonly heading: string;
  /** Without comments and output, continued lines as one. */
  readonly lines: readonly string[];
}

export function blocksOf(file: string, markdown: string): Block[] {
  const blocks: Block[] = [];
  let heading = '';
  let open: { readonly kind: string; readonly text: string[] } | null = null;
  for (const line of markdown.split('\n')) {
    const [, kind] = /^```(\w*)/.exec(line) ?? [];
    if (open !== null && kind === undefined) open.text.push(line);
    else if (open !== null) {
      if (/^(?:sh|console)$/.test(open.kind))
        blocks.push({ file, heading, lines: linesOf(open.kind, open.text.join('\n')) });
      open = null;
    } else if (kind !== undefined) open = { kind, text: [] };
    else heading = /^#{1,6} (.+)$/.exec(line)?.[1] ?? heading;
  }
  return blocks;
}

const linesOf = (kind: string, text: string): string[] =>
  text
    .replace(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => kind === 'sh' || line.startsWith('$ '))
    .map((line) =>
      line
        .replace(/^\$ /, '')
        .replace(/(?:^|\s+)#(?:\s.*)?$/, '')
        .trim(),
    )
    .filter((line) => line !== '');

/** What is not run, and why not. What is no command of ours and not here fails. */
export const NOT_RUN: readonly (readonly [RegExp, string])[] = [
  [/^export /, 'the environment of the reader’s shell'],
  [/^npm test$/, 'the suite itself'],
  [/^npm run demo\b/, 'takes a minute: test/integration/demo.test.ts'],
  [/^npm run chaos\b/, 'takes minutes: test/unit/chaos.test.ts reads its options'],
  [/^npx vitest\b/, 'part of the suite'],
  [/^MODEL_\w+=1 npx vitest\b/, 'takes minutes'],
  [/^docker compose\b/, 'no container engine where tests run: test/unit/compose.test.ts reads the file'],
  [/^kubectl\b/, 'no cluster where tests run'],
  [/^curl\b/, 'asks a host of the reader: routes are compared with the OpenAPI document by test/unit/docs.test.ts'],
];

/** Our commands in a line, or null where it is none of ours and has a reason. Throws where it has none. */
export function oursIn({ file }: Block, line: string): readonly string[] | null {
  const ours = commandsIn(line);
  if (ours.length > 0) return ours;
  if (NOT_RUN.some(([pattern]) => pattern.test(line))) return null;
  throw new Error(`${file}: nothing runs "${line}", and test/support/doc-commands.ts has no reason why not`);
}
