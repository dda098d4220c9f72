/** States as short texts, by which they are told apart. */
import type { State, Task } from './state.ts';
import { at } from './world.ts';

const buffer = Buffer.alloc(512);

/** Two states with the same key have the same future. */
export function keyOf(s: State): string {
  let n = 0;
  const put = (value: number): void => {
    if (value > 255) throw new RangeError('a number does not fit its byte');
    buffer[n++] = value;
  };
  const putList = (list: readonly number[]): void => {
    put(list.length);
    for (const value of list) put(value);
  };
  const putTask = (task: Task): void => {
    if (task.by === 'client') put(1 + task.operation);
    else if (task.by === 'cleanUp') put(32);
    else {
      put(64 | (task.mover << 4) | task.ids);
      for (let id = 0; id < task.contents.length; id += 1) put(at(task.contents, id));
    }
  };
  put(s.epoch);
  put(s.route | (s.phase << 3) | (s.stray ? 32 : 0) | (s.reported ? 64 : 0) | (s.fault === '' ? 0 : 128));
  put(s.settledEpoch);
  put(s.holds | (s.lapses << 2) | (s.giveUps << 4) | (s.takeovers << 6));
  put(s.moverFailures | (s.clientFailures << 2) | (s.slowReads << 4));
  put(s.attempts);
  putList(s.journal);
  putList(s.counts);
  putList(s.turns);
  put(s.listed);
  for (const r of s.routers) {
    put(r.epoch);
    put(r.route | (r.serving ? 8 : 0) | (r.live ? 16 : 0) | (r.reading << 5));
    put(r.registration);
    put(r.acknowledged);
    if (r.reading !== 0) putList([r.readEpoch, r.readRegistration, r.readMust]);
  }
  for (const w of s.writes) {
    put(w.step | (w.route << 3));
    put((w.touched ? 1 : 0) | (w.failed ? 2 : 0) | (w.succeeded ? 4 : 0) | (w.turnLost ? 8 : 0));
    put(w.epoch);
    put(w.registration);
    put(w.attempt);
    put(w.pending | (w.sent << 2) | (w.applied << 4));
  }
  putList(s.earlier);
  for (const queue of s.queues) {
    put(queue.length);
    for (const task of queue) putTask(task);
  }
  for (const contents of s.contents) putList(contents);
  for (const m of s.movers) {
    put(m.pc);
    put(m.watermark | (m.watched << 4) | (m.task << 5));
    put(m.mark);
    put(m.taken);
    putList(m.attempts);
    putList(m.counts);
    put(m.holdEpoch);
    if (m.wire === null) put(0);
    else putTask(m.wire);
  }
  if (n > buffer.length) throw new RangeError('a state does not fit its key');
  return buffer.toString('latin1', 0, n);
}
