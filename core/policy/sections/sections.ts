// The sections of a rule: each by its schema, as an author writes it and as it goes to a connector, and compiled.
//
// In a message they stand beside each other as they do in a policy, not below one key: a connector that knew another
// key only would take a rule without statements for one that allows them all.

import { z } from 'zod';
import { PROTOCOLS, type ProtocolName, SectionName } from '../../protocols.ts';
import { CommandEntry, type CommandRules, compileCommandRules, ShellVerdict } from './commands.ts';
import { type SectionEntry, UnparsableVerdict } from './entries.ts';
import { compileForwardRules, ForwardEntry, type ForwardRules } from './forwards.ts';
import { compileRequestRules, RequestEntry, type RequestRules } from './requests.ts';
import { compileStatementRules, StatementEntry, type StatementRules } from './statements.ts';

const entries = <T extends z.ZodType>(entry: T) => z.array(entry).min(1).max(100).optional();

/** Of a rule. Absent: everything may be done, and nothing forwarded. */
export const Sections = z.object({
  /** SQL. */
  statements: entries(StatementEntry),
  /** Over SSH, and in containers. */
  commands: entries(CommandEntry),
  /** HTTP and Kubernetes. */
  requests: entries(RequestEntry),
  /** Ports that a session opens. */
  forwards: entries(ForwardEntry),
  /** For statements and commands that cannot be read. Absent: block where an entry blocks, holds or allows anything. */
  unparsable: UnparsableVerdict.optional(),
  /** For shells that are asked for without a command, or whose commands come from the client's input. Absent: as `unparsable`. `follow`: lines typed at a terminal are compared with `commands`, an aid. */
  interactiveShell: ShellVerdict.optional(),
});
export type Sections = z.infer<typeof Sections>;

/** Those whose actions have to be read first, which is what `unparsable` is about. */
export const READ_SECTIONS: readonly SectionName[] = ['statements', 'commands'];

/** Undefined: every action is allowed and none need be read; no forward is. */
export interface SectionRules {
  readonly statements: StatementRules | undefined;
  readonly commands: CommandRules | undefined;
  readonly requests: RequestRules | undefined;
  readonly forwards: ForwardRules | undefined;
}

/** Throws for a pattern that no policy can hold (law 4). */
export const compileSections = (rule: Sections): SectionRules => ({
  statements: rule.statements && compileStatementRules(rule.statements, rule.unparsable),
  commands: rule.commands && compileCommandRules(rule.commands, rule.unparsable, rule.interactiveShell),
  requests: rule.requests && compileRequestRules(rule.requests),
  forwards: rule.forwards && compileForwardRules(rule.forwards),
});

export const SECTION_NAMES: readonly SectionName[] = SectionName.options;

/** Every entry that a rule has in its sections, with its place. */
export const entriesOf = (
  rule: Pick<Sections, SectionName>,
): { readonly section: SectionName; readonly index: number; readonly entry: SectionEntry }[] =>
  SECTION_NAMES.flatMap((section) => (rule[section] ?? []).map((entry, index) => ({ section, index, entry })));

/** Those that say something about sessions of a protocol. */
export const entriesFor = (rule: Pick<Sections, SectionName>, protocol: ProtocolName) =>
  entriesOf(rule).filter(({ section }) => PROTOCOLS[protocol].sections.includes(section));
