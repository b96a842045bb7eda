// Puts a policy in force: checked here, shown as what it changes, and only then sent.

import type { Command } from 'commander';
import { Me, ResourceList } from '../../core/api.ts';
import {
  type AccessChange,
  accessChanges,
  policyChanges,
  type PolicyChanges,
} from '../../core/policy/changes/changes.ts';
import type { PolicyDocument } from '../../core/policy/document.ts';
import { isAmong } from '../../core/policy/evaluate.ts';
import { policyFindings } from '../../core/policy/mistakes/findings.ts';
import { describeMistake, placeMistakes, readPolicy } from '../../core/policy/parse.ts';
import { unifiedDiff } from '../../core/policy/changes/unified-diff.ts';
import type { ApiClient } from '../api-client.ts';
import type { Cli } from '../cli.ts';
import { confirm } from '../confirm.ts';
import { Failure } from '../failure.ts';
import { time, type Output } from '../output.ts';
import { line } from '../terminal-text.ts';
import { describeEffects, describeRulesGone, effectsOf } from './effects.ts';
import { readPolicyFile } from './file.ts';
import { FetchedPolicy } from './stored.ts';
import { failIfAnyFailed, describeTried, tryPolicy } from './try.ts';

/** Beyond that a person wants the file, not a list. */
const MAX_SHOWN_CHANGES = 20;

interface Options {
  readonly file: string;
  readonly yes?: boolean;
  readonly skipTests?: boolean;
  readonly stepDown?: boolean;
  readonly dryRun?: boolean;
}

export function addPolicyApply(policy: Command, cli: Cli): void {
  policy
    .command('apply')
    .description('check a policy, show what it changes, and put it in force (administrators)')
    .requiredOption('--file <FILE>', 'the policy')
    .option('--yes', 'do not ask')
    .option('--dry-run', 'show what it changes, and apply nothing')
    .option('--skip-tests', 'apply it although its tests do not hold')
    .option('--step-down', 'apply it although you are no administrator under it')
    .action((options: Options, command: Command) => apply(cli, options, command));
}

async function apply(cli: Cli, options: Options, command: Command): Promise<void> {
  const file = await readPolicyFile(options.file);
  const tried = options.skipTests ? undefined : await tryPolicy(file);
  const { client, output } = await cli.open(command);
  if (tried && tried.failed > 0) {
    output.note(describeTried(output, file.path, tried));
    failIfAnyFailed(file.path, tried);
  }
  const [inForce, me, list] = await Promise.all([
    client.get('/policy', FetchedPolicy),
    client.get('/me', Me),
    client.get('/resources', ResourceList),
  ]);
  if (!options.stepDown && !isAmong(file.policy, file.policy.administrators, me.identity)) {
    throw new Failure(
      1,
      'locks_you_out',
      `${file.path}: administrators does not name you (${me.identity.email}): you could not apply another one (--step-down says that you mean it)`,
    );
  }
  const diff = unifiedDiff(inForce.text, file.text, { before: `version ${inForce.version}`, after: file.path });
  if (diff === '') {
    return output.answer({ applied: false, policy: inForce }, () => `Version ${inForce.version} is this very policy.`);
  }
  const before = readPolicy(inForce.text);
  const changes = before.ok ? policyChanges(before.value.document, file.policy) : undefined;
  const access = before.ok ? accessChanges(before.value.document, file.policy, list.resources) : [];
  const effects = await effectsOf(client, file.text);
  const unseen = placeMistakes(file.text, policyFindings(file.policy, { resources: list.resources }));
  const shown = () =>
    [
      diffText(output, diff),
      '',
      ...describeChanges(changes, access),
      ...(effects
        ? [...describeEffects(effects.effects, 'before'), ...describeRulesGone(effects.rulesGone ?? [])]
        : ['What it does to live sessions this Gatehouse cannot tell.']),
      testsLine(file.policy, tried?.passed),
      ...unseen.map((finding) => `warning: ${line(describeMistake(finding))}`),
    ].join('\n');
  if (!output.json) await output.write(`${shown()}\n`);
  if (options.dryRun)
    return output.answer(
      { applied: false, policy: inForce, diff, changes, access, ...effects },
      () => 'Nothing was applied.',
    );
  if (!options.yes)
    await confirm(cli, output, {
      ask: `Apply it as version ${inForce.version + 1}?`,
      otherwise: 'nothing was applied',
    });
  const applied = await put(client, file.text, inForce, options.stepDown === true);
  // Of groups that nobody has only the edge can tell.
  const said = new Set(unseen.map(describeMistake));
  if (!output.json)
    for (const warning of applied.warnings) if (!said.has(warning)) output.note(`warning: ${line(warning)}`);
  await output.answer(
    { applied: true, policy: applied, diff, changes, access, effects: applied.effects ?? effects?.effects },
    () =>
      [
        `Version ${applied.version} is in force since ${time(applied.appliedAt)}. Running sessions follow it from their next action on.`,
        ...(applied.effects ? describeEffects(applied.effects, 'after') : []),
        ...describeRulesGone(applied.rulesGone ?? []),
      ].join('\n'),
  );
}

async function put(client: ApiClient, text: string, seen: FetchedPolicy, stepDown: boolean): Promise<FetchedPolicy> {
  const conflict = (now: string) =>
    new Failure(
      1,
      'conflict',
      `somebody else applied a policy meanwhile${now}: gatehouse policy show prints it; bring your changes into it and apply again`,
    );
  const { version, appliedBy } = await client.get('/policy', FetchedPolicy);
  if (version !== seen.version) throw conflict(` (version ${version}, ${appliedBy})`);
  try {
    return await client.put('/policy', { text, after: seen.version, ...(stepDown && { stepDown }) }, FetchedPolicy);
  } catch (error) {
    throw error instanceof Failure && error.reason === 'conflict' ? conflict('') : error;
  }
}

const diffText = (output: Output, diff: string): string =>
  diff
    .split('\n')
    .map((each) => {
      const text = each.replaceAll('\t', '  ');
      const safe = line(text);
      if (/^(---|\+\+\+) /.test(text)) return output.style('bold', safe);
      if (text.startsWith('@@')) return output.style('cyan', safe);
      return text.startsWith('-')
        ? output.style('red', safe)
        : text.startsWith('+')
          ? output.style('green', safe)
          : safe;
    })
    .join('\n');

function describeChanges(changes: PolicyChanges | undefined, access: readonly AccessChange[]): string[] {
  if (!changes) return ['What is in force cannot be read by this release: only the text was compared.'];
  const { rules, administrators, auditors, groups } = changes;
  const list = (names: readonly string[], say: string): string[] =>
    names.length > 0 ? [`${say}: ${line(names.join(', '))}`] : [];
  return [
    ...list(rules.added, 'Rules added'),
    ...list(rules.removed, 'Rules removed'),
    ...rules.changed.map(({ rule, fields }) => `Rule changed: ${line(rule)} (${fields.join(', ')})`),
    ...(rules.reordered ? ['Rules stand in another order; the first that matches decides.'] : []),
    ...list(groups.added, 'Groups added'),
    ...list(groups.removed, 'Groups removed'),
    ...list(groups.changed, 'Groups changed'),
    ...list(administrators.added, 'Administrators added'),
    ...list(administrators.removed, 'Administrators removed'),
    ...list(auditors.added, 'Auditors added'),
    ...list(auditors.removed, 'Auditors removed'),
    ...access.slice(0, MAX_SHOWN_CHANGES).map(describeAccessChange),
    ...(access.length > MAX_SHOWN_CHANGES ? [`and ${access.length - MAX_SHOWN_CHANGES} more changes of access`] : []),
  ];
}

function describeAccessChange({ who, resource, before, after, effect }: AccessChange): string {
  const by = ({ rule, standing }: AccessChange['before']) =>
    rule === undefined
      ? 'no rule'
      : `${rule}${standing === 'approval' ? ' with an approval' : standing === 'deny' ? ' denies' : ''}`;
  if (effect === 'gains') return line(`${who} gains ${resource} (${by(after)})`);
  if (effect === 'loses') return line(`${who} loses ${resource} (${by(before)}; now ${by(after)})`);
  return line(`${who} reaches ${resource} by ${by(after)}, before by ${by(before)}`);
}

function testsLine({ tests = [] }: PolicyDocument, passed: number | undefined): string {
  if (tests.length === 0) return 'It has no tests.';
  return passed === undefined ? 'Its tests were not tried.' : `Its ${passed} tests hold.`;
}
