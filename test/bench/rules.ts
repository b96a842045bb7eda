// Policies for benchmarks: none, many rules of which none fits what is run, and masks that do fit.

import { SessionRules } from '../../core/policy/session-rules.ts';

export type BenchRules = 'none' | 'statements' | 'unmatched' | 'masked' | 'hashed';

const NAMES = Array.from({ length: 50 }, (_, index) => `ledger_${index + 1}`);
const BLOCKED = ['drop', 'truncate', 'delete without where', 'update without where', 'copy program'];

/** 50 entries: kinds and tables that the benchmarks never touch. */
const STATEMENTS = [
  ...BLOCKED.map((pattern) => ({ block: [pattern] })),
  ...NAMES.slice(0, 35).map((name) => ({ block: [`write on ${name}`, `select on archive.${name}`] })),
  ...NAMES.slice(35, 45).map((name) => ({ hold: [`alter on ${name}`], approval: { from: ['dba'], within: '5m' } })),
];

/** 15 rules over columns and 5 detectors, a table of which none is read. */
const MASKS = [
  ...NAMES.slice(0, 15).map((name) => ({ columns: [`${name}.email`, `hr.${name}.*`], with: 'partial' })),
  ...['credit-card', 'us-ssn', 'iban', 'jwt', 'private-key'].map((name) => ({ detect: [name], with: 'placeholder' })),
];

/** Two columns of `people`, and three detectors on all text. */
const peopleMasks = (way: string) => [
  { columns: ['people.email', 'people.phone'], with: way },
  { detect: ['credit-card', 'iban', 'jwt'], with: 'placeholder' },
];

export function benchRules(name: string): SessionRules {
  const rule = { policyVersion: 1, rule: 'bench' };
  switch (name) {
    case 'none':
      return SessionRules.parse(rule);
    case 'statements':
      return SessionRules.parse({ ...rule, statements: STATEMENTS });
    case 'unmatched':
      return SessionRules.parse({ ...rule, statements: STATEMENTS, mask: MASKS });
    case 'masked':
      return SessionRules.parse({ ...rule, mask: peopleMasks('partial') });
    case 'hashed':
      return SessionRules.parse({ ...rule, mask: peopleMasks('hash') });
    default:
      throw new Error(`no such rules: ${name}`);
  }
}
