// The protocols Gatehouse carries. Adding one: a row here, a line in connector/registry.ts, its
// folder, its fixtures.

import { z } from 'zod';

export const ProtocolName = z.enum(['postgres']);
export type ProtocolName = z.infer<typeof ProtocolName>;

export interface ProtocolRow {
  /** What people call it. */
  readonly title: string;
  /** How a replay of it is shown. */
  readonly replay: 'statements' | 'terminal' | 'exchanges';
}

export const PROTOCOLS: Readonly<Record<ProtocolName, ProtocolRow>> = {
  postgres: { title: 'PostgreSQL', replay: 'statements' },
};
