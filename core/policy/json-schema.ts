// The policy's schema for editors, made from the one that parses it. What no JSON Schema can say
// (patterns of statements, RE2, two fields that exclude each other) is left to parsePolicy.

import { z } from 'zod';
import { PolicyDocument } from './document.ts';

type Node = Record<string, unknown>;

/** Of a section and its entries. */
const section = (at: string, about: string, patterns: string): Readonly<Record<string, string>> => ({
  [at]: `${about} Each entry has one of allow, block, hold and warn.`,
  [`${at}.allow`]: 'Once an entry allows anything, whatever no allow and no hold names is blocked.',
  [`${at}.block`]: `Refused: [${patterns}].`,
  [`${at}.hold`]: 'Waits until approval.from say yes.',
  [`${at}.warn`]: 'Goes on, and is marked.',
  [`${at}.hint`]: 'Shown to the person, with the way out.',
  [`${at}.approval`]: 'Of hold.',
  [`${at}.approval.from`]: 'As in who of a rule.',
  [`${at}.approval.count`]: 'Distinct people it takes.',
  [`${at}.approval.within`]: 'How long it waits.',
});

/** Shown by editors beside a field. By the path of keys; lists and alternatives do not count. */
const DESCRIPTIONS: Readonly<Record<string, string>> = {
  version: 'Of this format.',
  groups: "Names of your own over the provider's groups.",
  administrators: 'Join tokens, grants of others, the policy itself. Groups, or user:EMAIL.',
  auditors: 'The audit log, and every session.',
  rules: 'Read from the top; the first that matches decides.',
  'rules.name': 'Lower-case letters, digits, dashes; unique. Recordings carry it: keep it when you edit a rule.',
  'rules.resources': 'Label -> value, list of values, or "*". name and protocol stand for the resource\'s own.',
  'rules.who': 'Names under groups, PROVIDER:GROUP, user:EMAIL, everyone, workload:PROVIDER:NAME.',
  'rules.access': '"deny", or the terms of access.',
  'rules.access.ttl': 'Longest grant: 30m, 8h, 90d.',
  'rules.access.reason': 'Whether people must say why.',
  'rules.access.maxSessions': 'Sessions on one grant at one time.',
  'rules.access.networks': 'Where clients may come from, in CIDR: 10.20.0.0/16. Missing: anywhere.',
  'rules.access.during': 'When access may be asked for and sessions may be open. Missing: always.',
  'rules.access.during.days': 'mon, or mon-fri: the day on which the window opens. Missing: every day.',
  'rules.access.during.from': 'Opens at: "08:00".',
  'rules.access.during.to': 'Closes at: "18:00". At or before from: on the next day.',
  'rules.access.during.zone': 'Europe/Berlin, UTC.',
  'rules.access.idle': 'Ends a session over which nothing went for so long.',
  'rules.access.sessionLength': 'Ends a session that long after it was opened.',
  'rules.access.statementsPerMinute': 'Statements in any minute; one beyond is refused.',
  'rules.access.rowsOut': 'Rows sent in one session; it ends with the statement that goes beyond.',
  'rules.access.require': 'How whoever asks has to have signed in. Who has not is sent to sign in again.',
  'rules.access.require.acr': "Any of these: OpenID Connect's acr, SAML's AuthnContextClassRef.",
  'rules.access.require.amr': 'All of these: mfa, hwk, otp (RFC 8176).',
  'rules.access.require.maxAge': 'Since they showed their credentials: 15m.',
  'rules.access.approval': 'Who must agree first.',
  'rules.access.approval.from': 'As in who. Whoever asks is never one of them.',
  'rules.access.approval.count': 'Distinct people it takes.',
  'rules.access.approval.claimWithin': 'Undecided for this long, a request expires.',
  'rules.access.approval.workWindow': 'Longest access, from the approval on.',
  'rules.access.approval.breakGlass': 'Who may go in at once, loudly; somebody of from reviews it afterwards.',
  'rules.access.approval.breakGlass.who': 'As in who of a rule.',
  'rules.access.approval.breakGlass.ttl': 'Longest such access.',
  'rules.task': 'Whether a ticket or job must be named.',
  ...section(
    'rules.statements',
    'What may be done in a database session.',
    'drop, "delete without where", "* on hr.salaries", "set role postgres"',
  ),
  ...section('rules.commands', 'What may be run over SSH and in containers.', '"rm -rf *", "systemctl stop *"'),
  ...section(
    'rules.requests',
    'What may be asked of an HTTP service or a Kubernetes API.',
    '"DELETE /api/**", "delete pods"',
  ),
  ...section(
    'rules.forwards',
    'To which hosts and ports a session may open connections; with `remote`, where its target may listen for the client.',
    '"db.internal:5432", "*:22", "remote localhost:8080"',
  ),
  'rules.unparsable':
    'For statements and commands that cannot be read. Missing: block where an entry blocks, holds or allows.',
  'rules.interactiveShell':
    'For shells that are requested without a command, or that read their commands from the client. Missing: as unparsable. follow: they open, and Enter does not go on with a line that an entry names: an aid, no guard.',
  'rules.mask': 'What is hidden in results and recordings. The first entry that fits decides.',
  'rules.mask.columns': 'table.column or schema.table.column; * for any letters.',
  'rules.mask.fields': 'Paths in JSON documents: $.users[*].email, $..password.',
  'rules.mask.detect': 'What is looked for in any text: a detector, or { name, pattern } of your own.',
  'rules.mask.detect.name': 'Of your own detector.',
  'rules.mask.detect.pattern': 'A regular expression of RE2.',
  'rules.mask.strict': 'Of columns: assume that somebody looks for ways around it.',
  'rules.mask.with': 'placeholder, partial, hash, null, or { fixed: TEXT }.',
  'rules.mask.with.fixed': "Stands for every value, where the column's type can hold it.",
  'rules.record': 'How its sessions are kept, and who may view them.',
  'rules.record.retain': 'How long under lock, in whole days.',
  'rules.record.view': 'Who may view them, beside auditors.',
  'rules.record.viewOwn': 'Whether people may view their own.',
  'rules.record.viewApproval': 'Whom view names ask each time before they watch, and somebody else agrees.',
  'rules.record.viewApproval.from': 'Who may agree; never whoever asks.',
  'rules.record.viewApproval.count': 'Distinct people it takes.',
  'rules.record.viewApproval.within': 'Undecided for this long, a request expires.',
  'rules.record.viewApproval.for': 'How long they may watch, from the approval on.',
  'rules.record.viewApproval.auditors': 'Whether auditors need it too.',
  'rules.record.share':
    'Links that pass a session on: none, people (those who are named) or everyone (who signs in and has it). Missing: people, and none beside viewApproval.',
  'rules.record.shareFor': 'Longest life of such a link.',
  'rules.record.unlock': 'Who agrees before originals are handed out. Missing: two auditors.',
  'rules.record.unlock.from': 'Who may agree; never whoever asks.',
  'rules.record.unlock.count': 'Distinct people it takes: two at least.',
  'rules.record.unlock.within': 'Undecided for this long, a request expires.',
  'rules.record.unlock.for': 'How long the originals may be fetched, from the approval on.',
  'rules.record.exempt':
    'Why what goes over the wire is not recorded. Only for single people and programs; shown in every report.',
  'rules.record.files': 'What of files that go over SFTP and scp is recorded: their content, or their digests alone.',
  'rules.record.originals':
    'Keeps what masks hide, sealed: it is opened with the agreement of two people, by who holds one of the keys.',
  'rules.record.originals.to': 'Public keys of age (age1...), as age-keygen prints them. Never an identity.',
  tests: 'What you expect of this policy: gatehouse policy test.',
  'tests.name': 'For the report.',
  'tests.given': 'Who asks for what, and what they run.',
  'tests.given.person': 'E-mail address.',
  'tests.given.groups': 'As the provider gives them: okta:dba.',
  'tests.given.resource': 'What is asked for.',
  'tests.given.resource.name': 'As its connector announces it.',
  'tests.given.resource.protocol': 'Missing: postgres.',
  'tests.given.resource.labels': 'As its connector announces them.',
  'tests.given.reason': 'What the person says why.',
  'tests.given.task': 'The ticket or job.',
  'tests.given.for': 'How long access is asked for.',
  'tests.given.at': 'When, for time windows: 2026-11-20T09:00:00Z. Missing: they count as open.',
  'tests.given.from': "The client's address. Missing: every network fits.",
  'tests.given.signIn':
    'How they signed in. Missing: as the rule asks; where it is given, what is left out is not known.',
  'tests.given.signIn.acr': "OpenID Connect's acr, SAML's AuthnContextClassRef.",
  'tests.given.signIn.amr': 'By what means: [pwd, mfa].',
  'tests.given.signIn.age': 'How long ago they showed their credentials: 10m.',
  'tests.given.statement': 'SQL that is run in the session.',
  'tests.given.command': 'A command line, or: interactive shell.',
  'tests.given.request': 'DELETE /api/users/7, or delete pods.',
  'tests.given.forward': 'db.internal:5432.',
  'tests.given.searchPath': "The session's schemas. Missing: a name without a schema may be in any.",
  'tests.given.tables': 'Columns of tables. Missing: a name counts as a column where it can be one.',
  'tests.expect': 'What the policy shall say. At least one of them.',
  'tests.expect.access': 'allow, approval (somebody has to agree first) or deny.',
  'tests.expect.rule': 'The rule that decides; none when no rule gives access.',
  'tests.expect.verdict': 'Of what is done in the session.',
  'tests.expect.masks':
    'table.column, or a name in the result -> placeholder, partial, hash, null, clear, withheld, absent.',
  'tests.expect.masks.fixed': 'The text that stands for the value.',
};

/** Draft 7: what the YAML language server reads best. */
export function policyJsonSchema(): Node {
  const { $schema, ...schema } = z.toJSONSchema(PolicyDocument, { io: 'input', target: 'draft-7' }) as Node;
  describe(schema, '');
  return { $schema, title: 'Gatehouse policy', description: 'docs/policy.md', ...schema };
}

/** Paths of fields without a description, for the test that there are none. */
export function undescribed(schema: Node): string[] {
  const found: string[] = [];
  walk(schema, '', (path, node) => {
    if (node.description === undefined) found.push(path);
  });
  return found;
}

function describe(schema: Node, at: string): void {
  walk(schema, at, (path, node) => {
    const text = DESCRIPTIONS[path];
    if (text !== undefined) node.description = text;
  });
}

function walk(node: Node, at: string, visit: (path: string, node: Node) => void): void {
  for (const [key, value] of Object.entries(node)) {
    if (typeof value !== 'object' || value === null) continue;
    if (key === 'properties') {
      for (const [name, field] of Object.entries(value as Record<string, Node>)) {
        const path = at === '' ? name : `${at}.${name}`;
        visit(path, field);
        walk(field, path, visit);
      }
    } else if (Array.isArray(value)) {
      for (const item of value) if (typeof item === 'object' && item !== null) walk(item as Node, at, visit);
    } else if (key === 'items' || key === 'additionalProperties') walk(value as Node, at, visit);
  }
}
