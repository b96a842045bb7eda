// The demo's people. There is no password: whoever can reach this machine's loopback may be any of them.

export interface DemoPerson {
  readonly key: string;
  readonly email: string;
  readonly name: string;
  readonly groups: readonly string[];
  /** For whoever chooses among them. */
  readonly role: string;
}

export const DEMO_PEOPLE: readonly DemoPerson[] = [
  { key: 'alice', email: 'alice@example.com', name: 'Alice Archer', groups: ['developers'], role: 'developer' },
  {
    key: 'bob',
    email: 'bob@example.com',
    name: 'Bob Baxter',
    groups: ['dba', 'administrators'],
    role: 'DBA, approver and administrator',
  },
  { key: 'carol', email: 'carol@example.com', name: 'Carol Chen', groups: ['auditors'], role: 'auditor' },
];

/** Stands before the groups' names in policies: `demo:dba`. */
export const PROVIDER_NAME = 'demo';

export const DEMO_POLICY = `# The policy of npm start. See docs/policy.md.
version: 1
groups:
  developers: [demo:developers]
  dba: [demo:dba]
  auditors: [demo:auditors]
administrators: [demo:administrators]
auditors: [demo:auditors]
rules:
  - name: demo
    resources: { env: demo }
    who: [developers, dba]
    access: { ttl: 8h, reason: required, maxSessions: 20 }
    record: { retain: 30d, view: [auditors, dba], viewOwn: true }
  # Whatever \`npm start -- --connector FILE\` announces, on this machine alone.
  - name: own-targets
    resources: { name: "*" }
    who: [developers, dba]
    access: { ttl: 8h, reason: required }
    record: { retain: 30d, view: [auditors, dba], viewOwn: true }
`;
