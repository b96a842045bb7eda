// The verdict on what a client sends, by the rules in force and by what the session knows.

import type { Decision } from '../../../../core/policy/sections/entries.ts';
import { createJudge, type Judge, type JudgedText, type Summaries } from '../../../../core/policy/sections/judge.ts';
import { compileStatementRules, judge, type StatementRules } from '../../../../core/policy/sections/statements.ts';
import { changesOf, type SessionChanges } from '../../../../core/sql/mysql/changes.ts';
import { summarizeMysql } from '../../../../core/sql/mysql/mysql.ts';
import type { MysqlTextSettings } from '../../../../core/sql/mysql/settings.ts';
import { everyStatement, relationsTouched, type StatementSummary } from '../../../../core/sql/statement.ts';
import type { SessionGuard } from '../../../action.ts';
import { MAX_WHOLE_BYTES } from '../wire/client-packets.ts';
import { decodeText } from './session-settings.ts';

/** Decisions and summaries of a process, for one way of reading. */
const MAX_JUDGE_BYTES = 16 * 1024 * 1024;
/** Ways of reading that are kept: by version, sql_mode and character set. */
const MAX_JUDGES = 8;
/** SQL names with what they may stand for. */
const MAX_NAMES = 1_000;

/** A process has one. */
export class MysqlJudges {
  readonly #judges = new Map<MysqlTextSettings, Judge<MysqlTextSettings>>();

  under(settings: MysqlTextSettings): Judge<MysqlTextSettings> {
    const known = this.#judges.get(settings);
    if (known) return known;
    const made = createJudge({ summarize: summarizeMysql, usual: settings, maxBytes: MAX_JUDGE_BYTES });
    if (this.#judges.size >= MAX_JUDGES) this.#judges.delete(this.#judges.keys().next().value ?? settings);
    this.#judges.set(settings, made);
    return made;
  }
}

const NO_RULES = compileStatementRules([]);
const NOT_READ: Summaries = {
  ok: false,
  error: { reason: 'too_long', message: 'is not known any more, or is too long' },
};

export class MysqlVerdicts {
  readonly #judges: MysqlJudges;
  readonly #guard: SessionGuard;
  /** What PREPARE ... FROM made in SQL: all that a name may stand for. */
  readonly #names = new Map<string, readonly StatementSummary[]>();
  #namesKnown = true;

  constructor(judges: MysqlJudges, guard: SessionGuard) {
    this.#judges = judges;
    this.#guard = guard;
  }

  /** Undefined settings or text: nobody knows what it says. */
  on(bytes: Buffer | undefined, settings: MysqlTextSettings | undefined): JudgedText {
    if (!bytes || !settings || bytes.length > MAX_WHOLE_BYTES) return this.#unread(NOT_READ);
    const [text, own] = decodeText(bytes, settings);
    return this.#judges
      .under(own)
      .under(this.#rules)
      .decide(text, { ...this.#session, settings: own });
  }

  /** On what was prepared under an id, by the rules in force now. */
  onPrepared(read: Summaries): Decision {
    return judge(this.#rules, read, this.#session);
  }

  /** Something that was read like this goes on to the target: what of the session it may change. */
  sent(read: Summaries): SessionChanges {
    const changes = changesOf(read.ok ? read.value : undefined);
    if (changes.prepared) this.#namesKnown = false;
    if (read.ok)
      for (const top of read.value)
        for (const { prepares, nested } of everyStatement(top))
          if (prepares !== undefined) this.#name(prepares, nested);
    return changes;
  }

  /** The session was reset: what SQL prepared is gone. */
  reset(): void {
    this.#names.clear();
    this.#namesKnown = true;
  }

  /** It may have failed, or be answered later: what the name stood for counts as well. */
  #name(name: string, nested: readonly StatementSummary[]): void {
    if (!this.#names.has(name) && this.#names.size >= MAX_NAMES) this.#namesKnown = false;
    else this.#names.set(name, [...(this.#names.get(name) ?? []), ...nested].slice(-MAX_NAMES));
  }

  get #session() {
    return { prepared: (name: string) => (this.#namesKnown ? this.#names.get(name) : undefined) };
  }

  get #rules(): StatementRules {
    return this.#guard.rules.sections.statements ?? NO_RULES;
  }

  #unread(read: Summaries): JudgedText {
    return { decision: judge(this.#rules, read), read };
  }
}

/** How many statements a text runs; of one that could not be read, at most. */
export function countStatements({ read }: JudgedText, bytes: Buffer): number {
  if (read.ok) return Math.max(1, read.value.length);
  return read.error.reason === 'syntax' ? 1 : bytes.toString('latin1').split(';').length;
}

const MAX_TABLES = 200;
const MAX_TABLE_CHARACTERS = 200;

/** For approvers. */
export const tablesTouched = (read: Summaries): string[] =>
  !read.ok
    ? []
    : relationsTouched(read.value)
        .map(({ schema, name }) => (schema === undefined ? (name ?? '*') : `${schema}.${name ?? '*'}`))
        .slice(0, MAX_TABLES)
        .map((table) => table.slice(0, MAX_TABLE_CHARACTERS));
