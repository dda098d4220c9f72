/** Which rows of a long list can be seen, some more on both sides so that scrolling shows no gaps. */
export interface VisibleRows {
  readonly first: number;
  /** Behind the last one. */
  readonly end: number;
}

const BEYOND = 6;

export function visibleRows(count: number, rowHeight: number, scrollTop: number, height: number): VisibleRows {
  const first = Math.max(0, Math.min(count, Math.floor(scrollTop / rowHeight)) - BEYOND);
  return { first, end: Math.min(count, Math.ceil((scrollTop + height) / rowHeight) + BEYOND) };
}
