import {
  closeSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writevSync,
} from 'node:fs';
import path from 'node:path';

/** One entry of a file: a JSON object and, apart from it, bytes that need no quoting. */
export interface LogRecord {
  readonly meta: Record<string, unknown>;
  readonly bytes: Buffer;
}

const HEADER_BYTES = 8;
const NO_BYTES = Buffer.alloc(0);

/**
 * Append-only file of records.
 * Why no fsync: the node must survive the kill of its process, not of the machine, and the page cache survives that.
 */
export class RecordFile {
  private readonly descriptor: number;
  private end: number;

  /** Opens for appending; `size` is where the last whole record ends. */
  constructor(file: string, size = 0) {
    this.descriptor = openSync(file, existsSync(file) ? 'r+' : 'w+');
    ftruncateSync(this.descriptor, size);
    this.end = size;
  }

  /** Written when this returns. */
  append(meta: Record<string, unknown>, bytes: Buffer = NO_BYTES): void {
    const text = Buffer.from(JSON.stringify(meta));
    const header = Buffer.alloc(HEADER_BYTES);
    header.writeUInt32LE(text.length, 0);
    header.writeUInt32LE(bytes.length, 4);
    let parts = [header, text, bytes];
    while (parts.length > 0) {
      let written = writevSync(this.descriptor, parts, this.end);
      this.end += written;
      while (parts.length > 0 && written >= (parts[0]?.length ?? 0)) {
        written -= parts[0]?.length ?? 0;
        parts = parts.slice(1);
      }
      if (parts[0]) parts[0] = parts[0].subarray(written);
    }
  }

  close(): void {
    closeSync(this.descriptor);
  }
}

/** Reads the records of a file in order; stops before one that was cut off by a kill. Returns the end of the last. */
function readRecords(file: string, visit: (record: LogRecord) => void): number {
  const descriptor = openSync(file, 'r');
  try {
    const { size } = statSync(file);
    const header = Buffer.alloc(HEADER_BYTES);
    let at = 0;
    while (at + HEADER_BYTES <= size) {
      readSync(descriptor, header, 0, HEADER_BYTES, at);
      const metaLength = header.readUInt32LE(0);
      const bytesLength = header.readUInt32LE(4);
      const next = at + HEADER_BYTES + metaLength + bytesLength;
      if (metaLength === 0 || next > size) break;
      const body = Buffer.allocUnsafeSlow(metaLength + bytesLength);
      readSync(descriptor, body, 0, body.length, at + HEADER_BYTES);
      const meta = JSON.parse(body.toString('utf8', 0, metaLength)) as Record<string, unknown>;
      visit({ meta, bytes: body.subarray(metaLength) });
      at = next;
    }
    return at;
  } finally {
    closeSync(descriptor);
  }
}

/**
 * The files of a node: one snapshot of everything at its last start, and what happened since.
 * Invariant: `log-N` belongs to `snapshot-N`; a higher N counts only once its snapshot has its final name.
 */
export class NodeFiles {
  private readonly dir: string;
  private generation: number;
  private log: RecordFile | null = null;

  constructor(dir: string) {
    this.dir = dir;
    mkdirSync(dir, { recursive: true });
    const generations = readdirSync(dir).flatMap((name) => /^snapshot-(\d+)$/.exec(name)?.[1] ?? []);
    this.generation = Math.max(0, ...generations.map(Number));
  }

  /** Whether the directory held no node yet. */
  get isNew(): boolean {
    return this.generation === 0;
  }

  private file(kind: 'snapshot' | 'log', generation = this.generation): string {
    return path.join(this.dir, `${kind}-${generation}`);
  }

  readSnapshot(visit: (record: LogRecord) => void): void {
    if (existsSync(this.file('snapshot'))) readRecords(this.file('snapshot'), visit);
  }

  /** All records since the snapshot. */
  readLog(): LogRecord[] {
    const records: LogRecord[] = [];
    if (existsSync(this.file('log'))) readRecords(this.file('log'), (record) => records.push(record));
    return records;
  }

  /** Writes a new snapshot and starts an empty log, so that logs do not grow for ever. */
  compact(write: (file: RecordFile) => void): void {
    const next = this.generation + 1;
    const draft = `${this.file('snapshot', next)}.draft`;
    rmSync(draft, { force: true });
    const snapshot = new RecordFile(draft);
    write(snapshot);
    snapshot.close();
    renameSync(draft, this.file('snapshot', next));
    this.log?.close();
    this.log = null;
    const old = this.generation;
    this.generation = next;
    this.open();
    rmSync(this.file('log', old), { force: true });
    rmSync(this.file('snapshot', old), { force: true });
  }

  open(): void {
    const file = this.file('log');
    const size = existsSync(file) ? readRecords(file, () => undefined) : 0;
    this.log = new RecordFile(file, size);
  }

  append(meta: Record<string, unknown>, bytes?: Buffer): void {
    this.log?.append(meta, bytes);
  }

  close(): void {
    this.log?.close();
    this.log = null;
  }
}
