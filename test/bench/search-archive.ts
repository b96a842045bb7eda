// Made-up archives of any size for the search benchmark: statements and commands of some hundred people under five rules, as the
// indexer lists them, from a seed. Words are as unevenly frequent as in real ones.

import { actionDocument } from '../../core/search/action-document.ts';
import type { SearchDocument, SearchedSession } from '../../core/search/document.ts';
import { type IdSource, newId } from '../../core/ids.ts';
import { ResourceName } from '../../core/resource.ts';
import type { SearchScope } from '../../functions/search/scope.ts';

export const RULES: readonly SearchScope[] = ['orders-prod', 'orders-dev', 'payroll', 'hosts', 'analytics'].map(
  (rule) => ({
    rule,
    retainDays: 90,
  }),
);
const PEOPLE = 300;
const ACTIONS_A_SESSION = 50;
export const END = Date.UTC(2026, 10, 30);
const DAY = 86_400_000;

/** xorshift32: the same archive each time. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

const TABLES = [
  'orders',
  'order_items',
  'customers',
  'invoices',
  'payments',
  'shipments',
  'audit_log',
  'userSessions',
  'stock',
  'returns',
];
const COLUMNS = [
  'id',
  'created_at',
  'customer_id',
  'email',
  'total',
  'status',
  'sku',
  'quantity',
  'updated_by',
  'note',
];
const HOSTS = [
  'ls -la /var/log',
  'systemctl restart nginx',
  'tail -n 100 /var/log/app/service.log',
  'df -h',
  'docker ps',
  'git pull',
  'cat /etc/hosts',
];

/** Sessions of one rule after the other's, spread over 90 days; documents of each in order. */
export function* archiveOf(
  actions: number,
): Generator<{ readonly scope: SearchScope; readonly documents: SearchDocument[] }> {
  const random = randomFrom(7);
  /** Small numbers often, large ones seldom. */
  const uneven = (below: number) => Math.floor(below * random() ** 3);
  const pick = <T>(of: readonly T[]): T => of[uneven(of.length)] as T;
  const sessions = Math.max(1, Math.floor(actions / ACTIONS_A_SESSION));
  for (let i = 0; i < sessions; i++) {
    const startedMs = END - 90 * DAY + Math.floor((i / sessions) * 90 * DAY);
    const ids: IdSource = {
      now: () => startedMs,
      random: (count) => Uint8Array.from({ length: count }, () => random() * 256),
    };
    const scope = RULES[i % RULES.length] as SearchScope;
    const person = uneven(PEOPLE);
    const session: SearchedSession = {
      session: newId('ses', ids),
      startedMs,
      subject: `https://idp.example#person${person}`,
      email: `person${person}@example.com`,
      resource: ResourceName.parse(`${scope.rule}-${uneven(20)}`),
      protocol: scope.rule === 'hosts' ? 'ssh' : 'postgres',
      ...(i % 10 === 0 && { task: `OPS-${i % 5000}` }),
    };
    const documents = Array.from({ length: ACTIONS_A_SESSION }, (_, n): SearchDocument => {
      const at = {
        action: n + 1,
        lane: 0,
        timeUs: n * 2_000_000,
        durationUs: Math.floor(1000 * (1 + random() ** 8 * 50_000)),
      };
      if (session.protocol === 'ssh') {
        const command =
          random() < 0.5 ? pick(HOSTS) : `grep -r ${pick(COLUMNS)}${uneven(100_000)} /srv/${pick(TABLES)}`;
        const exit = random() < 0.05 ? 1 : 0;
        return {
          session,
          body: actionDocument({
            ...at,
            kind: 'command',
            title: command,
            outcome: `exit ${exit}`,
            detail: { form: 'exec', command, exit },
          }),
        };
      }
      const table = pick(TABLES);
      const text =
        random() < 0.8
          ? `SELECT ${pick(COLUMNS)}, ${pick(COLUMNS)} FROM public.${table} t WHERE t.${pick(COLUMNS)} = 'key${uneven(1_000_000)}' ORDER BY created_at DESC LIMIT ${uneven(500)}`
          : random() < 0.9
            ? `UPDATE ${table} SET ${pick(COLUMNS)} = $1 WHERE id = ${uneven(1_000_000)}`
            : `DROP TABLE IF EXISTS tmp_${table}_${uneven(1000)}`;
      const failed = random() < 0.02;
      const detail = {
        text,
        rows: failed ? 0 : uneven(200_000),
        ...(failed && { error: { code: '42P01', severity: 'ERROR', message: `relation "${table}" does not exist` } }),
      };
      return { session, body: actionDocument({ ...at, kind: 'statement', title: text, outcome: 'x', detail }) };
    });
    yield { scope, documents };
  }
}
