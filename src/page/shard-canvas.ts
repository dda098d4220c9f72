/** Paints the shard map: only the rows that are seen, so that ten thousand shards cost what a screenful costs. */
import { CELL_KINDS, type CellKind, type Grid, type ShardMap } from './shard-cells.ts';

export type Colouring = 'state' | 'owner';

export interface Paint {
  readonly map: ShardMap;
  readonly grid: Grid;
  readonly width: number;
  readonly height: number;
  readonly scrollTop: number;
  readonly colouring: Colouring;
  /** Position of a node whose shards stand out; null: all alike. */
  readonly onlyOwner: number | null;
  readonly chosen: number | null;
  readonly colour: (name: string) => string;
}

/** One hue for each of the first nodes; the text below the map names the owner. */
const HUES = [212, 28, 152, 282, 352, 52, 188, 322, 96, 242];
const ownerColour = (owner: number, isDark: boolean): string =>
  owner === 255 ? 'transparent' : `hsl(${HUES[owner % HUES.length]} ${isDark ? '45% 58%' : '52% 46%'})`;

export function paintShards(canvas: HTMLCanvasElement, paint: Paint): void {
  const { map, grid, width, height, scrollTop, chosen, colour } = paint;
  const ratio = window.devicePixelRatio || 1;
  const [pixelWidth, pixelHeight] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== pixelWidth) canvas.width = pixelWidth;
  if (canvas.height !== pixelHeight) canvas.height = pixelHeight;
  const context = canvas.getContext('2d');
  if (context === null) return;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  const pitch = grid.size + grid.gap;
  const colours = CELL_KINDS.map((kind) => colour(`cell-${kind}`));
  const inks = { sign: colour('cell-sign'), text: colour('muted'), chosen: colour('text') };
  const isDark = colour('scheme') === 'dark';
  const first = Math.max(0, Math.floor(scrollTop / pitch));
  const end = Math.min(grid.rows, Math.ceil((scrollTop + height) / pitch));
  context.font = '10.5px ui-monospace, monospace';
  context.textBaseline = 'middle';
  context.textAlign = 'right';
  for (let row = first; row < end; row += 1) {
    const y = row * pitch - scrollTop;
    context.globalAlpha = 1;
    context.fillStyle = inks.text;
    context.fillText(String(row * grid.columns), grid.left - 8, y + grid.size / 2);
    const from = row * grid.columns;
    const to = Math.min(map.kinds.length, from + grid.columns);
    for (let at = from; at < to; at += 1) {
      const x = grid.left + (at - from) * pitch;
      const kind = map.kinds[at] ?? 0;
      const owner = map.owners[at] ?? 255;
      context.globalAlpha = paint.onlyOwner === null || paint.onlyOwner === owner ? 1 : 0.22;
      context.fillStyle =
        paint.colouring === 'owner' && CELL_KINDS[kind] !== 'away' ? ownerColour(owner, isDark) : (colours[kind] ?? '');
      context.fillRect(x, y, grid.size, grid.size);
      if (kind !== 0) sign(context, CELL_KINDS[kind] ?? 'stable', x, y, grid.size, inks.sign);
    }
  }
  context.globalAlpha = 1;
  if (chosen === null) return;
  context.strokeStyle = inks.chosen;
  context.lineWidth = 2;
  const [x, y] = [grid.left + (chosen % grid.columns) * pitch, Math.floor(chosen / grid.columns) * pitch - scrollTop];
  context.strokeRect(x + 1, y + 1, grid.size - 2, grid.size - 2);
}

/** Each kind has a sign of its own in its cell. */
export function sign(
  context: CanvasRenderingContext2D,
  kind: CellKind,
  x: number,
  y: number,
  size: number,
  ink: string,
): void {
  const [third, half, pad] = [size / 3, size / 2, size / 5];
  context.fillStyle = context.strokeStyle = kind === 'away' ? '#fff' : ink;
  context.lineWidth = Math.max(1.25, size / 10);
  context.beginPath();
  switch (kind) {
    case 'waiting': // a dot
      context.arc(x + half, y + half, size / 8, 0, 2 * Math.PI);
      context.fill();
      return;
    case 'copying': // the left half
      context.fillRect(x + pad, y + pad, half - pad, size - 2 * pad);
      return;
    case 'verifying': // two bars, equal
      context.fillRect(x + pad, y + third, size - 2 * pad, size / 9);
      context.fillRect(x + pad, y + size - third - size / 9, size - 2 * pad, size / 9);
      return;
    case 'switching': // a rhomb
      context.moveTo(x + half, y + pad);
      context.lineTo(x + size - pad, y + half);
      context.lineTo(x + half, y + size - pad);
      context.lineTo(x + pad, y + half);
      context.fill();
      return;
    case 'cleaning': // a frame
      context.strokeRect(x + third, y + third, third, third);
      return;
    case 'away': // a cross
      context.moveTo(x + pad, y + pad);
      context.lineTo(x + size - pad, y + size - pad);
      context.moveTo(x + size - pad, y + pad);
      context.lineTo(x + pad, y + size - pad);
      context.stroke();
      return;
    case 'blocked': // an exclamation mark
      context.fillRect(x + half - size / 12, y + pad, size / 6, size / 3);
      context.fillRect(x + half - size / 12, y + size - pad - size / 6, size / 6, size / 6);
      return;
    case 'frozen': // one bar across
      context.fillRect(x + pad, y + half - size / 12, size - 2 * pad, size / 6);
      return;
    case 'stable': // nothing
  }
}
