import { z } from 'zod';

/** `30m`, `1h`, `90d` <-> milliseconds. */
export const Duration = z.codec(
  z.string().regex(/^[1-9]\d{0,5}(s|m|h|d)$/, 'expected a duration in s, m, h or d, such as 30m, 8h or 90d'),
  z.number().int().min(1),
  { decode: parseDuration, encode: writeDuration },
);

export const UNIT_MS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

export function parseDuration(text: string): number {
  const unit = text.at(-1) as keyof typeof UNIT_MS;
  return Number(text.slice(0, -1)) * UNIT_MS[unit];
}

/** In the largest unit that gives it whole. */
export function writeDuration(ms: number): string {
  const unit = (['d', 'h', 'm', 's'] as const).find((each) => ms % UNIT_MS[each] === 0) ?? 's';
  return `${Math.ceil(ms / UNIT_MS[unit])}${unit}`;
}
