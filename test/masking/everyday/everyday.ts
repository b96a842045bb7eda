// The everyday set, and one run of it: each case directly and through the gateway, at the same state of
// two databases that are the same.

import { findPsql } from '../../harness/guarded.ts';
import { run } from '../../harness/run.ts';
import { type Answer, ask, printed } from './answers.ts';
import type { Case } from './case.ts';
import { compare, type Found } from './compare.ts';
import { type Pair, startPair, type Way } from './pair.ts';
import { SHOP, SHOP_RULES } from './schema.ts';
import { CHANGES } from './statements/changes.ts';
import { COPYING } from './statements/copying.ts';
import { DEFINITIONS } from './statements/definitions.ts';
import { PSQL } from './statements/psql-commands.ts';
import { REPORTING } from './statements/reporting.ts';
import { SESSIONS } from './statements/sessions.ts';
import { LOOKS } from './statements/tools-looks.ts';
import { TRANSACTIONS } from './statements/transactions.ts';

export interface Group {
  readonly name: string;
  readonly version: 15 | 18;
  readonly cases: readonly Case[];
}

export const GROUPS: readonly Group[] = [
  { name: 'reporting', version: 18, cases: REPORTING },
  // Before any session left a schema for temporary tables behind.
  { name: "graphical tools' own queries", version: 18, cases: LOOKS },
  { name: 'changes and their mistakes', version: 18, cases: CHANGES },
  { name: 'transactions', version: 18, cases: TRANSACTIONS },
  { name: 'definitions and maintenance', version: 18, cases: DEFINITIONS },
  { name: 'settings, prepared statements, cursors, plans', version: 18, cases: SESSIONS },
  { name: 'COPY', version: 18, cases: COPYING },
  // Debian's psql is of this version.
  { name: "psql's commands", version: 15, cases: PSQL },
];

export async function startShop(version: 15 | 18): Promise<Pair> {
  const pair = await startPair(version, SHOP_RULES);
  await pair.both('create database shop');
  await pair.both(SHOP, 'shop');
  // The file's order is that of insertion; statistics are then the same as well.
  await pair.both('analyze', 'shop');
  return pair;
}

export async function tryCase(pair: Pair, { version }: Group, of: Case): Promise<Found[]> {
  const answers = (way: Way) => (version === 15 ? throughPsql(pair, way, of) : inSession(pair, way, of));
  const [direct, through] = await Promise.all([answers('direct'), answers('through')]);
  return compare(of, direct, through);
}

async function inSession(pair: Pair, way: Way, of: Case): Promise<Answer[]> {
  const peer = await pair.session(way, 'shop');
  return ask(peer, of).finally(() => peer.socket.destroy());
}

async function throughPsql(pair: Pair, way: Way, { steps }: Case): Promise<Answer[]> {
  const env = { ...pair.env(way, 'shop'), PSQL_EDITOR: 'cat', PSQLRC: '/dev/null' };
  return printed(
    await run(findPsql(), ['-XAt', '-P', 'pager=off', '-v', 'VERBOSITY=verbose'], {
      env,
      input: `${steps.join('\n')}\n`,
    }),
  );
}

/** In any of these ways something is wrong; masked as a rule says is not one. */
export const faultsIn = (found: readonly Found[]): Found[] => found.filter(({ kind }) => kind !== 'masked');
