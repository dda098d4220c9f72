/** What a configuration key is made of. */
import { z } from 'zod';
import { intervalSecsOf } from './schedule.ts';

export interface Key<T> {
  readonly schema: z.ZodType<T>;
  readonly default: T;
  readonly unit: string;
  readonly reason: string;
}

export const key = <T>(schema: z.ZodType<T>, fallback: T, unit: string, reason: string): Key<T> => ({
  schema,
  default: fallback,
  unit,
  reason,
});

export const whole = (min: number, max: number): z.ZodType<number> => z.coerce.number().int().min(min).max(max);
export const flag = z.union([
  z.boolean(),
  z.enum(['1', 'true', 'yes', '0', 'false', 'no']).transform((text) => ['1', 'true', 'yes'].includes(text)),
]) as unknown as z.ZodType<boolean>;
export const list = z.union([
  z.array(z.string()),
  z.string().transform((text) =>
    text
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== ''),
  ),
]) as unknown as z.ZodType<readonly string[]>;
export const port = whole(0, 65_535);
export const schedule = z
  .string()
  .refine((text) => intervalSecsOf(text) !== null, 'write `every` and a number with its unit, such as `every 30m`');
