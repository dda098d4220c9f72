/** What the control API's verbs work with. */
import type { DoctorParts } from '../control/doctor/parts.ts';
import type { GroupParts } from '../control/groups.ts';
import type { StatusParts } from '../control/status.ts';

export type ApiParts = DoctorParts & StatusParts & GroupParts;
