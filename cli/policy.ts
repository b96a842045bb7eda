// `gatehouse policy`: read it, try it, have it explained, apply the next one.

import type { Command } from 'commander';
import type { Cli } from './cli.ts';
import { addPolicyApply } from './policy/apply.ts';
import { addPolicyExplain } from './policy/explain.ts';
import { addPolicySchema } from './policy/schema.ts';
import { addPolicyShow } from './policy/show.ts';
import { addPolicyTest } from './policy/try.ts';

export function addPolicy(program: Command, cli: Cli): void {
  const policy = program
    .command('policy')
    .description('the policy: policy show, test, explain, apply and schema')
    .helpCommand(false);
  addPolicyShow(policy, cli);
  addPolicyTest(policy, cli);
  addPolicyExplain(policy, cli);
  addPolicyApply(policy, cli);
  addPolicySchema(policy, cli);
}
