// The protocols Gatehouse carries, and what people do in their sessions. Adding a protocol: a row here, a line in
// connector/registry.ts, its folder, its fixtures.

import { z } from 'zod';

export const ProtocolName = z.enum(['postgres', 'mysql', 'ssh']);
export type ProtocolName = z.infer<typeof ProtocolName>;

/** What a rule says about actions of one kind; its key in a rule. */
export const SectionName = z.enum(['statements', 'commands', 'requests', 'forwards']);
export type SectionName = z.infer<typeof SectionName>;

/** What people call an action: in messages to the person who wants it and to those who approve it. */
export interface Noun {
  readonly one: string;
  readonly many: string;
  /** What is done with one: somebody waits to `run` a statement. */
  readonly verb: string;
}

/** The noun of what each section is about. */
export const SECTIONS: Readonly<Record<SectionName, Noun>> = {
  statements: { one: 'statement', many: 'statements', verb: 'run' },
  commands: { one: 'command', many: 'commands', verb: 'run' },
  requests: { one: 'request', many: 'requests', verb: 'send' },
  forwards: { one: 'forward', many: 'forwards', verb: 'open' },
};

/** A mask entry names columns of tables, or fields of JSON documents. */
type MaskedPart = 'columns' | 'fields';

interface ProtocolRow {
  /** What people call it. */
  readonly title: string;
  /** How a replay of it is shown. */
  readonly replay: 'statements' | 'terminal' | 'exchanges';
  /** The sections of a rule that its sessions ask. Any other says nothing about them. */
  readonly sections: readonly SectionName[];
  /** What masks can name in its answers, beside what detectors find in any text. */
  readonly masks: readonly MaskedPart[];
  /** For its actions as a whole, whatever section they fall under. */
  readonly noun: Noun;
}

const ROWS = {
  postgres: {
    title: 'PostgreSQL',
    replay: 'statements',
    sections: ['statements'],
    masks: ['columns'],
    noun: SECTIONS.statements,
  },
  mysql: {
    title: 'MySQL',
    replay: 'statements',
    sections: ['statements'],
    masks: ['columns'],
    noun: SECTIONS.statements,
  },
  ssh: {
    title: 'SSH',
    replay: 'terminal',
    sections: ['commands', 'forwards'],
    masks: [],
    noun: SECTIONS.commands,
  },
} as const satisfies Readonly<Record<ProtocolName, ProtocolRow>>;

/** Where somebody who tries a policy names none. */
export const DEFAULT_PROTOCOL: ProtocolName = 'postgres';

/** How the protocols that there are replay: whatever shows a replay has one entry for each, or does not compile. */
export type ReplayKind = (typeof ROWS)[ProtocolName]['replay'];

export const PROTOCOLS: Readonly<Record<ProtocolName, ProtocolRow & { readonly replay: ReplayKind }>> = ROWS;

/** Whether its answers are counted in rows and errors: those of statements are. */
export const hasRows = (protocol: ProtocolName): boolean =>
  (PROTOCOLS[protocol].sections as readonly SectionName[]).includes('statements');

/** Whether its sessions run commands, which end with a status or by a signal. */
export const hasCommands = (protocol: ProtocolName): boolean =>
  (PROTOCOLS[protocol].sections as readonly SectionName[]).includes('commands');

/** What the actions of these are called together: by their noun where they share one. */
export function actionsOf(protocols: readonly ProtocolName[]): string {
  const [noun = 'actions', ...others] = new Set(protocols.map((protocol) => PROTOCOLS[protocol].noun.many));
  return others.length === 0 ? noun : 'actions';
}
