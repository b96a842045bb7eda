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

export const PROTOCOLS = {
  postgres: { title: 'PostgreSQL', replay: 'statements' },
} as const satisfies Readonly<Record<ProtocolName, ProtocolRow>>;

/** How the protocols that there are replay: whatever shows a replay has one entry for each, or does not compile. */
export type ReplayKind = (typeof PROTOCOLS)[ProtocolName]['replay'];
