import { ApiError } from './errors.ts';

/** Turns CSV with a header line into NDJSON; a header may end in `:number`, `:boolean` or `:string`. */
export function csvToLines(payload: Buffer, delimiter: string): Buffer {
  const [header, ...rows] = parseRows(payload.toString('utf8'), delimiter);
  const columns = (header ?? []).map((cell) => {
    const [, name = cell, type = 'string'] = /^(.*):(number|boolean|string)$/.exec(cell) ?? [];
    return { name, type };
  });
  const lines = rows.map((row, i) => {
    if (row.length !== columns.length) {
      fail(`CSV error: record ${i + 1} has ${row.length} fields, but the header has ${columns.length} fields`);
    }
    const fields = columns.map(({ name, type }, c) => `${JSON.stringify(name)}:${cellText(row[c] ?? '', type, i + 2)}`);
    return `{${fields.join(',')}}`;
  });
  return Buffer.from(lines.join('\n'));
}

function cellText(cell: string, type: string, line: number): string {
  const text = cell.trim();
  if (text === '') return 'null';
  if (type === 'number') {
    if (!/^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/.test(text)) {
      fail(`Error parsing number \`${text}\` at line ${line}: invalid float literal`);
    }
    return text;
  }
  if (type === 'boolean') {
    if (text !== 'true' && text !== 'false') fail(`Error parsing boolean \`${text}\` at line ${line}`);
    return text;
  }
  return JSON.stringify(cell);
}

function fail(reason: string): never {
  throw new ApiError('malformed_payload', `The \`csv\` payload provided is malformed: \`${reason}\`.`);
}

function parseRows(text: string, delimiter: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let cell = '';
  let isQuoted = false;
  const endRow = (): void => {
    if (row.length > 0 || cell !== '') rows.push([...row, cell]);
    row = [];
    cell = '';
  };
  for (let i = 0; i < text.length; i += 1) {
    const c = text[i] as string;
    if (isQuoted) {
      if (c !== '"') cell += c;
      else if (text[i + 1] === '"') {
        cell += '"';
        i += 1;
      } else isQuoted = false;
    } else if (c === '"' && cell === '') isQuoted = true;
    else if (c === delimiter) {
      row.push(cell);
      cell = '';
    } else if (c === '\n') endRow();
    else if (c !== '\r') cell += c;
  }
  endRow();
  return rows;
}
