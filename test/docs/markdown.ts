// Tables of Markdown, and texts of it without what only makes them pretty.

const escaped = (cell: string): string => cell.replaceAll('|', String.raw`\|`).replaceAll('\n', ' ');
const line = (cells: readonly string[]): string => `| ${cells.map(escaped).join(' | ')} |`;

export const tableOf = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');

/** Two texts that are the same but for how a formatter sets tables, JSON and blank lines give the same. */
export const plainOf = (markdown: string): string =>
  markdown
    .replace(/^\|.*\|$/gm, (row) => row.replace(/ *\| */g, '|').replace(/-{3,}/g, '---'))
    .replace(/(?<=```json\n)[\s\S]*?(?=\n```)/g, (text) => JSON.stringify(JSON.parse(text)))
    .replace(/\n{2,}/g, '\n')
    .trim();
