// `gatehouse policy`: read it, try it, have it explained, apply the next one.

import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { addPolicyApply } from './apply.ts';
import { addPolicyExplain } from './explain.ts';
import { addPolicySchema } from './schema.ts';
import { addPolicyShow } from './show.ts';
import { addPolicyTest } from './try.ts';

export function addPolicy(command: Command, cli: Cli): void {
  const policy = command.helpCommand(false);
  addPolicyShow(policy, cli);
  addPolicyTest(policy, cli);
  addPolicyExplain(policy, cli);
  addPolicyApply(policy, cli);
  addPolicySchema(policy, cli);
}
