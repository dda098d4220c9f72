/** The phases by the name of their job; a phase without a module does not compile. */
import type { JobPhase } from '../core/move.ts';
import type { Phase } from './context.ts';
import { dualWriteStarted } from './dual-write-started.ts';
import { dualWriteStopped } from './dual-write-stopped.ts';
import { migrationComplete } from './migration-complete.ts';
import { migrationInProgress } from './migration-in-progress.ts';
import { oldReplicaDeleted } from './old-replica-deleted.ts';

export const phases: Readonly<Record<JobPhase, Phase>> = {
  DualWriteStarted: dualWriteStarted,
  MigrationInProgress: migrationInProgress,
  MigrationComplete: migrationComplete,
  DualWriteStopped: dualWriteStopped,
  OldReplicaDeleted: oldReplicaDeleted,
};
