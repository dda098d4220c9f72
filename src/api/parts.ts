/** What the control API's verbs work with. */
import type { FastifyRequest } from 'fastify';
import type { ExplainParts } from '../control/explain.ts';
import type { GroupParts } from '../control/groups.ts';
import type { DeletionParts } from '../control/index-delete.ts';
import type { ChangeParts } from '../control/parts.ts';
import type { ProposalParts } from '../control/proposal/figures.ts';
import type { ThrottleParts } from '../control/throttle.ts';
import type { AuditTrail } from '../ports.ts';

export type ApiParts = ExplainParts &
  ProposalParts &
  GroupParts &
  ThrottleParts &
  DeletionParts &
  ChangeParts & { readonly audit: AuditTrail };

/** The parts with whoever sent the request as the one who asks. */
export const askedBy = (parts: ApiParts, { principal }: FastifyRequest): ApiParts =>
  principal === null ? parts : { ...parts, actor: principal.actor };
