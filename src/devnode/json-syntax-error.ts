/** Where and why a text is not JSON; `at` is an index into the scanned text. */
export class JsonSyntaxError extends Error {
  readonly reason: string;
  readonly at: number;
  readonly isEnd: boolean;

  constructor(reason: string, at: number, isEnd = false) {
    super(reason);
    this.reason = reason;
    this.at = at;
    this.isEnd = isEnd;
  }

  /** The reason with line and column, counted in characters of the scanned text. */
  locate(text: string): string {
    const before = text.slice(0, this.at);
    const line = before.split('\n').length;
    const column = this.at - (before.lastIndexOf('\n') + 1) + (this.isEnd ? 0 : 1);
    return `${this.reason} at line ${line} column ${column}`;
  }
}
