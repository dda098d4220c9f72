/**
 * Enters with: source and target were found equal, but for documents whose ids are in the journal.
 * Leaves with: clients write and read the shard on its new owners; the journal is empty.
 * Safe to repeat because: each step (held, settling, settled) is one compare on the route, and the route says where to
 * go on; a hold that did not lead to the switch goes back to tracking; a journal entry is cleared only after its document
 * was carried over.
 * Meanwhile: old owners are written until the switch, new ones after it, where a document whose id is in the journal
 * waits until it is carried over; old owners are read until `settled`.
 */
import { InvariantError } from '../errors.ts';
import type { Phase } from './context.ts';
import { Gate } from './gate.ts';
import { endHold, holdAndSwitch } from './hold.ts';
import { type Settling, settle } from './settle.ts';
import { ensureSource } from './source.ts';

export const dualWriteStopped: Phase = {
  name: 'DualWriteStopped',
  async run(context) {
    const { move, records } = context;
    let read = await records.route(move.index, move.shard);
    if (read.route.moveId !== move.id) throw new InvariantError(`shard ${move.shard} is not in move ${move.id}`);
    // Whoever held the shard is gone, or was refused at the switch: what its gate found is not what holds now.
    if (read.route.state === 'held') read = await endHold(context, read);
    let passed: Settling['passed'] = null;
    if (read.route.state === 'tracking') {
      await ensureSource(context);
      const gate = new Gate(context);
      try {
        const floors = await gate.pass(read);
        const switched = await holdAndSwitch(context, read, floors);
        read = switched.read;
        passed = { floors, routers: switched.routers };
      } finally {
        await gate.open();
      }
    }
    if (read.route.state !== 'settling') throw new InvariantError(`shard ${move.shard} is ${read.route.state}`);
    await settle(context, context.node(move.target), { read, passed });
  },
};
