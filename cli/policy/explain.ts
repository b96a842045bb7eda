// Why the policy says what it says: about access, about a statement, about each column of its result.

import { type Command, Option } from 'commander';
import { Me, ResourceList } from '../../core/api.ts';
import { Email, type Identity } from '../../core/identity.ts';
import { type SignInFacts, signInFactsOf } from '../../core/policy/conditions/sign-in.ts';
import { actionsIn, type CaseAction, CaseFacts } from '../../core/policy/cases.ts';
import type { PolicyDocument } from '../../core/policy/document.ts';
import type { AccessFacts } from '../../core/policy/evaluate.ts';
import { explainAccess } from '../../core/policy/explain/explain-access.ts';
import { explainMasks } from '../../core/policy/explain/explain-masks.ts';
import { explainAction } from '../../core/policy/explain/explain-action.ts';
import { readPolicy, placesIn } from '../../core/policy/parse.ts';
import { describeAccess } from '../../core/policy/explain/try-cases.ts';
import { DEFAULT_PROTOCOL, PROTOCOLS, ProtocolName, SectionName } from '../../core/protocols.ts';
import { Labels, ResourceName } from '../../core/resource.ts';
import type { ApiClient } from '../api-client.ts';
import { checked, type Cli } from '../cli.ts';
import { Failure, usage } from '../failure.ts';
import { describeExplanation } from './describe-explanation.ts';
import type { Explanation } from './explanation.ts';
import { readPolicyFile } from './file.ts';
import { readerOf } from '../../core/sql/reader.ts';
import { loadReaders } from './reader.ts';
import { FetchedPolicy, toldOfStored } from './stored.ts';

type ActionKey = CaseAction['key'];

interface Options extends Partial<Record<ActionKey, string>> {
  readonly file?: string;
  readonly person?: string;
  readonly group?: readonly string[];
  readonly resource: string;
  readonly label?: readonly string[];
  readonly reason?: string;
  readonly task?: string;
  readonly at?: string;
  readonly from?: string;
  readonly acr?: string;
  readonly amr?: readonly string[];
  readonly signedIn?: string;
  readonly table?: readonly string[];
}

const each = (value: string, before: readonly string[] = []): string[] => [...before, value];

const ACTION_FLAGS: Readonly<Record<SectionName, readonly [flag: string, help: string]>> = {
  statements: ['--statement <SQL>', 'what is run in the session'],
  commands: ['--command <LINE>', 'a command line, or: interactive shell'],
  requests: ['--request <REQUEST>', 'DELETE /api/users/7, or: delete pods'],
  forwards: ['--forward <HOST:PORT>', 'a connection that the session opens'],
};

export function addPolicyExplain(policy: Command, cli: Cli): void {
  const explaining = policy
    .command('explain')
    .description('which rule decides, on a statement too, and why; without --file: in force')
    .requiredOption('--resource <NAME>', 'what is asked for')
    .option('--file <FILE>', 'a policy, instead of the one in force')
    .option('--person <EMAIL>', 'who asks, instead of you')
    .option('--group <GROUP>', 'a group of that person (again for more)', each)
    .option('--label <NAME=VALUE>', 'a label of the resource (again for more)', each)
    .option('--reason <TEXT>', 'why it is asked for', 'explain')
    .option('--task <ID>', 'the ticket or job')
    .option('--at <TIME>', 'when: 2026-11-20T09:00:00Z (default: now)')
    .option('--from <ADDRESS>', "the client's address (default: any)")
    // How that person signed in: as the rule asks, or as you did. The page has to fit a screen; docs/cli.md has these.
    .addOption(new Option('--acr <VALUE>').hideHelp())
    .addOption(new Option('--amr <METHOD>').argParser(each).hideHelp())
    .addOption(new Option('--signed-in <AGE>').hideHelp());
  // Those that sessions of this release have.
  const sections = new Set(ProtocolName.options.flatMap((protocol) => PROTOCOLS[protocol].sections));
  for (const section of SectionName.options) if (sections.has(section)) explaining.option(...ACTION_FLAGS[section]);
  explaining
    .option('--table <TABLE=COLUMNS>', 'its columns, a comma between, for what * means', each)
    .action(async (options: Options, command: Command) => {
      const output = cli.output(command);
      const explanation = await explain(cli, options, command);
      await output.answer(explanation, () => describeExplanation(output, explanation));
    });
}

async function explain(cli: Cli, options: Options, command: Command): Promise<Explanation> {
  const { group = [], label = [], table = [] } = options;
  const name = checked(ResourceName, options.resource, '--resource');
  const labels = pairs(label, '--label');
  const tables = Object.fromEntries(
    Object.entries(pairs(table, '--table')).map(([of, columns]) => [of, columns.split(',')]),
  );
  const [action, another] = actionsIn({
    statement: options.statement,
    command: options.command,
    request: checked(CaseFacts.shape.request, options.request, '--request'),
    forward: checked(CaseFacts.shape.forward, options.forward, '--forward'),
  });
  if (another) throw usage(`--${another.key} and --${action?.key}: one action at a time`);
  if (group.length > 0 && options.person === undefined) throw usage('--group goes with --person');
  const offline = options.file !== undefined && options.person !== undefined;
  const file = options.file === undefined ? undefined : await readPolicyFile(options.file);
  const client = offline ? undefined : (await cli.open(command)).client;
  const stored = file || !client ? undefined : await client.get('/policy', FetchedPolicy);
  if (stored && !cli.output(command).json) for (const told of toldOfStored(stored)) cli.output(command).note(told);
  const text = file?.text ?? stored?.text ?? '';
  const policy = file?.policy ?? readable(text);
  const identity =
    options.person === undefined && client
      ? (await client.get('/me', Me)).identity
      : { email: checked(Email, options.person, '--person'), groups: [...group] };
  const known = label.length === 0 && client ? await announced(client, name) : undefined;
  const resource = known ?? { name, protocol: DEFAULT_PROTOCOL, labels: checked(Labels, labels, '--label') };
  const { title, sections } = PROTOCOLS[resource.protocol];
  if (action && !sections.includes(action.section))
    throw usage(`--${action.key}: sessions of ${title} have no ${action.section}`);
  const access = explainAccess(policy, {
    identity,
    resource,
    reason: options.reason ?? '',
    task: options.task,
    nowMs: options.at === undefined ? Date.now() : Date.parse(checked(CaseFacts.shape.at, options.at, '--at') ?? ''),
    from: checked(CaseFacts.shape.from, options.from, '--from'),
    signIn: signInOf(options, identity),
  });
  const placeOf = placesIn(text);
  const { rule } = access;
  const index = policy.rules.findIndex((one) => one.name === rule?.name);
  const base: Explanation = {
    policy: options.file === undefined ? { version: stored?.version ?? 0 } : { file: options.file },
    person: identity.email,
    groups: identity.groups,
    resource: { name: resource.name, protocol: resource.protocol, labels: resource.labels },
    access: {
      decision: access.access,
      message: describeAccess(access),
      ...(rule && { rule: rule.name, line: placeOf(['rules', index]).line }),
      ...(access.signIn !== undefined && { signIn: access.signIn }),
      ...(access.refusal && { reason: access.refusal.reason }),
      ...(access.ttlMs !== undefined && access.access !== 'deny' && { seconds: access.ttlMs / 1_000 }),
      ...(rule?.record.originals && access.access !== 'deny' && { originalsTo: rule.record.originals.to }),
      rules: access.rules,
      notReached: access.notReached,
    },
  };
  if (!action || !rule || access.access === 'deny') return base;
  const reader = readerOf(await loadReaders(), resource.protocol);
  const judged = explainAction(rule, action, reader);
  const at = judged.entry === undefined ? undefined : placeOf(['rules', index, action.section, judged.entry]);
  const explained = { ...base, [action.key]: { ...judged, ...(at && { line: at.line }) } };
  if (action.section !== 'statements') return explained;
  const { shown: _, ...masks } = explainMasks(rule, reader, action.text, tables);
  return { ...explained, masks };
}

/** undefined: any way counts as right. */
function signInOf({ person, acr, amr, signedIn }: Options, identity: Identity | object): SignInFacts | undefined {
  if (acr !== undefined || amr !== undefined || signedIn !== undefined) {
    const given = checked(CaseFacts.shape.signIn, { acr, amr, age: signedIn }, '--signed-in');
    return { acr: given?.acr, amr: given?.amr, ageMs: given?.age };
  }
  return person === undefined && 'authenticatedAt' in identity ? signInFactsOf(identity, Date.now()) : undefined;
}

function readable(text: string): PolicyDocument {
  const read = readPolicy(text);
  if (read.ok) return read.value.document;
  throw new Failure(3, 'unexpected_answer', 'the policy in force is not one that this release of gatehouse can read');
}

async function announced(client: ApiClient, name: string): Promise<AccessFacts['resource']> {
  const { resources } = await client.get('/resources', ResourceList);
  const found = resources.find((resource) => resource.name === name);
  if (found) return found;
  throw new Failure(1, 'not_found', `no connector announces ${name}: --label says what it would be labelled with`);
}

function pairs(given: readonly string[], flag: string): Record<string, string> {
  return Object.fromEntries(
    given.map((text) => {
      const at = text.indexOf('=');
      if (at < 1) throw usage(`${flag} ${text}: expected NAME=VALUE`);
      return [text.slice(0, at), text.slice(at + 1)];
    }),
  );
}
