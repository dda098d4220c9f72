/**
 * How many bytes of bodies the gateway holds at once. A body whose length is announced gets its room before its first
 * byte is read, or waits in line with its socket paused; so whoever has begun can end. Other bodies get it as they grow.
 */
import { overloaded } from './answers.ts';

/** The room that one request has taken. */
export interface Share {
  /** Takes room for this many bytes in all; throws 503 when there is none. */
  grow(bytes: number): void;
  release(): void;
}

interface Waiting {
  readonly bytes: number;
  readonly admit: () => void;
}

export class Room {
  readonly #maxBytes: number;
  readonly #line: Waiting[] = [];
  #heldBytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Throws 503 after `waitMs`, and the signal's reason when it fires. */
  async enter(bytes: number, waitMs: number, signal: AbortSignal): Promise<Share> {
    if (this.#line.length > 0 || !this.#fits(bytes)) await this.#wait(bytes, waitMs, signal);
    else this.#heldBytes += bytes;
    return this.#shareOf(bytes);
  }

  #fits(bytes: number): boolean {
    return this.#heldBytes + bytes <= this.#maxBytes;
  }

  #shareOf(bytes: number): Share {
    let takenBytes = bytes;
    return {
      grow: (wanted) => {
        const moreBytes = wanted - takenBytes;
        if (moreBytes <= 0) return;
        if (!this.#fits(moreBytes)) overloaded('too many bytes of bodies are waiting in this gateway');
        this.#heldBytes += moreBytes;
        takenBytes = wanted;
      },
      release: () => {
        this.#heldBytes -= takenBytes;
        takenBytes = 0;
        this.#admitNext();
      },
    };
  }

  /** First come, first served: a large body would never get room if small ones passed it. */
  #admitNext(): void {
    for (let next = this.#line[0]; next !== undefined && this.#fits(next.bytes); next = this.#line[0]) {
      this.#line.shift();
      this.#heldBytes += next.bytes;
      next.admit();
    }
  }

  async #wait(bytes: number, waitMs: number, signal: AbortSignal): Promise<void> {
    const isAdmitted = await new Promise<boolean>((resolve) => {
      const leave = (): void => {
        const at = this.#line.indexOf(entry);
        if (at >= 0) this.#line.splice(at, 1);
        end(false);
        this.#admitNext();
      };
      const timer = setTimeout(leave, waitMs);
      signal.addEventListener('abort', leave, { once: true });
      const end = (admitted: boolean): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', leave);
        resolve(admitted);
      };
      const entry: Waiting = { bytes, admit: () => end(true) };
      this.#line.push(entry);
      if (signal.aborted) leave();
    });
    if (isAdmitted) return;
    signal.throwIfAborted();
    overloaded('too many bytes of bodies are waiting in this gateway');
  }
}

/** Searches and single documents. */
const SMALL_BYTES = 65_536;
const SMALL_SHARE = 1 / 8;

/** Small bodies have room of their own, beside the others': two large ones that come slowly would keep all of them out. */
export class Rooms {
  readonly #large: Room;
  readonly #small: Room;

  constructor(maxBytes: number) {
    this.#large = new Room(maxBytes);
    this.#small = new Room(Math.max(SMALL_BYTES, Math.floor(maxBytes * SMALL_SHARE)));
  }

  get heldBytes(): number {
    return this.#large.heldBytes + this.#small.heldBytes;
  }

  /** `bytes` null: how many will come is not known. Throws as a room does. */
  enter(bytes: number | null, waitMs: number, signal: AbortSignal): Promise<Share> {
    const room = bytes !== null && bytes <= SMALL_BYTES ? this.#small : this.#large;
    return room.enter(bytes ?? 0, waitMs, signal);
  }
}
