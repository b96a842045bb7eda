// The commands: their names, one line on each, and where each is. A command's file is read only when
// that command is run, so that `gatehouse sessions` does not wait for what `policy explain` needs.

import type { Command } from 'commander';
import type { Cli } from './cli.ts';

interface ListedCommand {
  /** Stands in the list of commands, and in the command's own help unless it says more there. */
  readonly summary: string;
  /** In the list it shares the row of that command, with these words: the list fits a screen. */
  readonly beside?: { readonly command: string; readonly summary: string };
  /** What stands behind its first argument is another program's, options included. */
  readonly passesOptions?: true;
  /** Gives the command its arguments, options and action. */
  load(): Promise<(command: Command, cli: Cli) => void>;
}

/** By name, in the order of the list that `gatehouse --help` prints. */
export const COMMANDS: Readonly<Record<string, ListedCommand>> = {
  login: {
    summary: 'sign in with your browser; stores a short-lived token',
    load: async () => (await import('./commands/login.ts')).addLogin,
  },
  logout: {
    summary: 'forget the stored login, and end its token',
    beside: { command: 'login', summary: 'sign in with your browser, and out again' },
    load: async () => (await import('./commands/logout.ts')).addLogout,
  },
  whoami: {
    summary: 'who Gatehouse takes you for',
    load: async () => (await import('./commands/whoami.ts')).addWhoami,
  },
  resources: {
    summary: 'what can be reached, and whether you may ask for it',
    load: async () => (await import('./commands/resources.ts')).addResources,
  },
  request: {
    summary: 'ask for access; prints the grant and the lines to paste',
    load: async () => (await import('./commands/request.ts')).addRequest,
  },
  ssh: {
    summary: 'ssh to a resource, with a key certified for a live grant',
    load: async () => (await import('./ssh/ssh.ts')).addSsh,
  },
  connect: {
    summary: 'a local port for a resource, through the portal: no route to it is needed',
    load: async () => (await import('./tunnel/connect.ts')).addConnect,
  },
  psql: {
    summary: 'psql to a resource, through the portal',
    passesOptions: true,
    beside: { command: 'connect', summary: 'a local port, or your client, through the portal' },
    load: async () => (await import('./tunnel/postgres.ts')).addPsql,
  },
  mysql: {
    summary: 'mysql to a resource, through the portal',
    passesOptions: true,
    beside: { command: 'connect', summary: 'a local port, or your client, through the portal' },
    load: async () => (await import('./tunnel/mysql.ts')).addMysql,
  },
  'ssh-config': {
    summary: "print a snippet for ssh's own configuration",
    beside: { command: 'ssh', summary: 'ssh to a resource by a certified key; lines for ssh_config' },
    load: async () => (await import('./ssh/ssh-config.ts')).addSshConfig,
  },
  grants: {
    summary: 'grants: yours, or all for administrators and auditors',
    load: async () => (await import('./commands/grants.ts')).addGrants,
  },
  keys: {
    summary: 'public keys that sign you in over SSH while you hold a grant',
    beside: { command: 'grants', summary: 'your grants; public keys that sign you in over SSH meanwhile' },
    load: async () => (await import('./ssh/keys.ts')).addKeys,
  },
  revoke: {
    summary: 'end a grant, and its live sessions, now',
    load: async () => (await import('./commands/revoke.ts')).addRevoke,
  },
  end: {
    summary: 'end one live session now, its grant stays; --user: all that a person has open',
    beside: { command: 'revoke', summary: 'end a grant, one live session, or all of a person, now' },
    load: async () => (await import('./commands/end.ts')).addEnd,
  },
  approvals: {
    summary: 'what waits for your decision, and your own requests',
    load: async () => (await import('./commands/approvals.ts')).addApprovals,
  },
  approve: {
    summary: 'approve a request of somebody else',
    load: async () => (await import('./commands/decide.ts')).addApprove,
  },
  deny: {
    summary: 'deny a request of somebody else',
    beside: { command: 'approve', summary: 'approve or deny a request of somebody else' },
    load: async () => (await import('./commands/decide.ts')).addDeny,
  },
  withdraw: {
    summary: 'take back a request of your own',
    beside: { command: 'approve', summary: "decide on others' requests, take back your own" },
    load: async () => (await import('./commands/decide.ts')).addWithdraw,
  },
  sessions: {
    summary: 'recorded sessions that you may view, newest first',
    load: async () => (await import('./commands/sessions.ts')).addSessions,
  },
  search: {
    summary: 'what was done in sessions that you may view, by its words',
    beside: { command: 'sessions', summary: 'recorded sessions, newest first; what was done in them' },
    load: async () => (await import('./archive/search.ts')).addSearch,
  },
  session: {
    summary: 'one session: who, what, how much, and how far it is recorded',
    load: async () => (await import('./commands/session.ts')).addSession,
  },
  replay: {
    summary: 'play a session in the terminal, with its timing',
    load: async () => (await import('./commands/replay.ts')).addReplay,
  },
  'request-view': {
    summary: 'ask to watch a session whose rule wants an approval',
    beside: { command: 'replay', summary: 'play a session with its timing; ask to watch one' },
    load: async () => (await import('./views/request-recording.ts')).addRequestView,
  },
  unlock: {
    summary: 'ask for what masks hid in a session: two people agree',
    beside: { command: 'export', summary: 'download a session; ask for what masks hid in it (unlock)' },
    load: async () => (await import('./views/request-recording.ts')).addUnlock,
  },
  export: {
    summary: 'download a session as a page, text, CSV, asciicast or NDJSON, or a file out of it',
    load: async () => (await import('./export/export.ts')).addExport,
  },
  original: {
    summary: 'put back what masks hid, after two people agreed',
    beside: { command: 'export', summary: 'a session as NDJSON, HTML or asciicast; what masks hid' },
    load: async () => (await import('./originals/original.ts')).addOriginal,
  },
  share: {
    summary: 'a link that passes a session on, and ends by itself',
    load: async () => (await import('./views/share.ts')).addShare,
  },
  shares: {
    summary: 'links that you made; all for auditors',
    beside: { command: 'share', summary: 'a link that passes a session on; list, revoke' },
    load: async () => (await import('./views/share.ts')).addShares,
  },
  unshare: {
    summary: 'revoke a link to a session',
    beside: { command: 'share', summary: 'a link that passes a session on; list, revoke' },
    load: async () => (await import('./views/share.ts')).addUnshare,
  },
  verify: {
    summary: 'prove that recordings are whole and unaltered',
    load: async () => (await import('./commands/verify.ts')).addVerify,
  },
  checkpoint: {
    summary: "the log of sessions' newest checkpoint, to keep elsewhere",
    beside: { command: 'verify', summary: 'prove recordings; checkpoint: what to keep elsewhere for it' },
    load: async () => (await import('./verification/checkpoint.ts')).addCheckpoint,
  },
  hold: {
    summary: 'legal holds: hold place, lift and list (auditors)',
    load: async () => (await import('./retention/hold.ts')).addHold,
  },
  purge: {
    summary: 'what is due: purge --dry-run, --now, and --early by two people (auditors)',
    beside: { command: 'hold', summary: 'legal holds; purges of what is due (auditors)' },
    load: async () => (await import('./retention/purge.ts')).addPurge,
  },
  retention: {
    summary: 'what keeps a session: retention show SESSION (auditors)',
    beside: { command: 'hold', summary: 'legal holds, purges, what keeps a session (auditors)' },
    load: async () => (await import('./retention/retention.ts')).addRetention,
  },
  'erase-person': {
    summary: 'have the audit log forget whose a pseudonym is, by two people (auditors)',
    beside: { command: 'hold', summary: 'legal holds, purges, erasures (auditors)' },
    load: async () => (await import('./retention/erase-person.ts')).addErasePerson,
  },
  audit: {
    summary: 'the audit log, newest first (auditors); audit verify proves it',
    load: async () => (await import('./commands/audit.ts')).addAudit,
  },
  reindex: {
    summary: 'make catalogue and search index again from the object store (administrators)',
    beside: { command: 'audit', summary: 'the audit log (auditors); make the catalogue again' },
    load: async () => (await import('./archive/reindex.ts')).addReindex,
  },
  policy: {
    summary: 'the policy: policy show, test, explain, apply and schema',
    load: async () => (await import('./policy/policy.ts')).addPolicy,
  },
  connectors: {
    summary: 'connectors, their keys and whether they are online; connectors revoke, rotate-key, site',
    load: async () => (await import('./commands/connectors.ts')).addConnectors,
  },
  'join-token': {
    summary: 'invite a connector: a token that works once (administrators)',
    beside: { command: 'connectors', summary: 'connectors: keys, state; invite, revoke' },
    load: async () => (await import('./commands/join-token.ts')).addJoinToken,
  },
  scim: {
    summary: 'the directory that keeps people here: scim show, token, revoke (administrators)',
    beside: { command: 'policy', summary: 'the policy; scim: the directory that keeps people here' },
    load: async () => (await import('./people/scim.ts')).addScim,
  },
  ca: {
    summary: "Gatehouse's certificate authority, for sslmode=verify-full",
    load: async () => (await import('./commands/ca.ts')).addCa,
  },
};
