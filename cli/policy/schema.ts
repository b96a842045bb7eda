import type { Command } from 'commander';
import { policyJsonSchema } from '../../core/policy/json-schema.ts';
import type { Cli } from '../cli.ts';
import { json } from '../terminal-text.ts';

export function addPolicySchema(policy: Command, cli: Cli): void {
  policy
    .command('schema')
    .description('the JSON Schema of a policy, for editors')
    .action(async (_options: object, command: Command) => {
      const schema = policyJsonSchema();
      await cli.output(command).answer(schema, () => json(schema));
    });
}
