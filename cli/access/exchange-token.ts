// `gatehouse request RESOURCE --workload ...`: a job's token for a grant. Nobody signs in, nothing is kept.

import type { Command } from 'commander';
import { IssuedGrant, type WorkloadExchange } from '../../core/api.ts';
import type { ResourceName } from '../../core/resource.ts';
import { ApiClient } from '../api-client.ts';
import type { Cli } from '../cli.ts';
import { usage } from '../failure.ts';
import { json } from '../terminal-text.ts';
import { type GlobalOptions, parseOrigin } from '../settings.ts';
import { type AccessOptions, secondsOf } from './ask-access.ts';
import { type TokenOptions, WORKLOADS, workloadToken } from './workload-token.ts';

export interface ExchangeOptions extends TokenOptions {
  readonly workload?: string;
}

export const addExchangeOptions = (command: Command): Command =>
  command
    .option('--workload <KIND>', 'in a job, with its own token: github-actions, gitlab...')
    .option('--token-env <NAME>', 'variable that holds it (else GATEHOUSE_ID_TOKEN)')
    .option('--token-file <FILE>', 'file that holds it; - is standard input');

/** Without --workload its options mean nothing, and would be left out without a word. */
export function refuseExchangeOptions({ tokenEnv, tokenFile }: ExchangeOptions): void {
  if (tokenEnv ?? tokenFile) throw usage('--token-env and --token-file go with --workload');
}

/** Prints the grant as JSON: what a script reads. */
export async function exchangeToken(
  cli: Cli,
  command: Command,
  resource: ResourceName,
  workload: string,
  options: AccessOptions & ExchangeOptions,
): Promise<void> {
  const { as, data } = command.optsWithGlobals<GlobalOptions>();
  if (as !== undefined || data !== undefined)
    throw usage('--workload: a job is no demo person, so without --as and --data');
  for (const [name, value] of [
    ['--wait', options.wait],
    ['--break-glass', options.breakGlass],
    ['--trace', options.trace],
  ] as const)
    if (value !== undefined)
      throw usage(`${name} is for people: a job gets its grant at once or not, and its trace is its run`);
  const kind = WORKLOADS.find((each) => each === workload);
  if (!kind) throw usage(`--workload ${workload}: expected ${WORKLOADS.join(', ')}`);
  const { env } = cli.terminal;
  if (!env.GATEHOUSE_URL)
    throw usage('GATEHOUSE_URL is not set: where Gatehouse is, such as https://gatehouse.example.com');
  const origin = parseOrigin(env.GATEHOUSE_URL);
  const token = await workloadToken(kind, options, cli.terminal, origin);
  const request: WorkloadExchange = {
    subject_token: token.reveal(),
    subject_token_type: 'urn:ietf:params:oauth:token-type:id_token',
    resource,
    reason: options.reason ?? '',
    ...(options.for === undefined ? {} : { seconds: secondsOf(options.for) }),
    ...(options.task === undefined ? {} : { task: options.task }),
  };
  const issued = await new ApiClient({ origin }).post('/grants/exchange', request, IssuedGrant);
  await cli.output(command).write(`${json(issued)}\n`);
}
