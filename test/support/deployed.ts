// What docs/deploy holds for a fleet's surroundings, as data.
import { parse } from 'yaml';
import { z } from 'zod';
import { DASHBOARD_FILE } from '../docs/dashboard.ts';
import { textOf } from '../docs/tables.ts';

export const RULES_FILE = 'docs/deploy/prometheus/alerts.yml';

const texts = z.record(z.string(), z.string());
const rulesSchema = z.strictObject({
  groups: z.array(
    z.strictObject({
      name: z.string(),
      rules: z.array(
        z.strictObject({
          alert: z.string().regex(/^Miroir[A-Z]\w+$/),
          expr: z.string(),
          for: z.string().optional(),
          labels: texts,
          annotations: texts,
        }),
      ),
    }),
  ),
});

export interface Alert {
  readonly name: string;
  readonly expr: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** In the order of the file. */
export const ALERTS: readonly Alert[] = rulesSchema
  .parse(parse(textOf(RULES_FILE)))
  .groups.flatMap(({ rules }) => rules.map(({ alert, ...rule }) => ({ name: alert, ...rule })));

const dashboardSchema = z.object({
  panels: z.array(
    z.object({
      id: z.number(),
      title: z.string(),
      gridPos: z.strictObject({ x: z.number(), y: z.number(), w: z.number(), h: z.number() }),
      targets: z.array(z.object({ expr: z.string() })).default([]),
    }),
  ),
});

export const PANELS = dashboardSchema.parse(JSON.parse(textOf(DASHBOARD_FILE))).panels;
