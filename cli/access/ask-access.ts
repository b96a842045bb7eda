// Asking for access, and waiting for who decides: for every command that needs a grant.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import type { z } from 'zod';
import {
  AccessAnswer,
  type AccessRequest,
  IssuedGrant,
  ListedApproval,
  type LiveGrant,
  PendingRequest,
} from '../../core/api.ts';
import { parseDuration } from '../../core/policy/document.ts';
import type { ResourceName } from '../../core/resource.ts';
import type { ApiClient } from '../api-client.ts';
import { wholeNumber } from '../cli.ts';
import { Failure, usage } from '../failure.ts';
import { line } from '../terminal-text.ts';

const POLL_INTERVAL_MS = 2_000;

export interface AccessOptions {
  readonly reason?: string;
  readonly for?: string;
  readonly task?: string;
  readonly trace?: string;
  readonly wait?: string;
  readonly breakGlass?: boolean;
}

const Standing = PendingRequest.extend({ approval: ListedApproval.optional() });

export const addAccessOptions = (command: Command): Command =>
  command
    .option('--reason <TEXT>', 'why; most rules ask for it')
    .option('--for <DURATION>', 'how long: 30m, 8h, 2d (default: all the rule gives)')
    .option('--task <ID>', 'label the sessions with a ticket or job')
    .option('--wait <SECONDS>', 'wait this long for an approval, then fetch the grant')
    .option('--break-glass', 'go in at once, where the rule lets you; all hear of it');

/** Answers with the grant, the live one that there is, or the request where it still waits. Whatever else it became is a failure. */
export async function askAccess(
  client: ApiClient,
  resource: ResourceName,
  options: AccessOptions,
): Promise<z.infer<typeof AccessAnswer>> {
  const request: AccessRequest = {
    resource,
    reason: options.reason ?? '',
    ...(options.for === undefined ? {} : { seconds: secondsOf(options.for) }),
    ...(options.task === undefined ? {} : { task: options.task }),
    ...(options.trace === undefined ? {} : { trace: options.trace }),
    ...(options.breakGlass ? { breakGlass: true } : {}),
  };
  const waitMs = options.wait === undefined ? 0 : wholeNumber(options.wait, '--wait', 0, 86_400) * 1_000;
  const until = performance.now() + waitMs;
  let answer = await client.post('/requests', request, AccessAnswer);
  let ended: string | undefined;
  while ('request' in answer && answer.request.state === 'pending' && performance.now() < until) {
    await sleep(Math.min(POLL_INTERVAL_MS, Math.max(1, until - performance.now())));
    const standing: z.infer<typeof Standing> = await client.get(`/requests/${answer.request.id}`, Standing);
    answer = { request: standing.request };
    ended = standing.approval?.ended?.reason;
  }
  // Approved while we waited, or after an earlier run of this command that did not.
  if ('request' in answer && answer.request.state === 'approved')
    answer = await client.post(`/requests/${answer.request.id}/claim`, {}, IssuedGrant);
  if ('request' in answer && answer.request.state !== 'pending') {
    const { id, state, link } = answer.request;
    const why = ended ? ` (${line(ended)})` : '';
    throw new Failure(1, state, `the request ${id} was ${WAS[state]}${why}: see ${line(link)}`);
  }
  return answer;
}

/** For whoever wants to go in now: a request that still waits is a failure. */
export async function askForGrant(
  client: ApiClient,
  resource: ResourceName,
  options: AccessOptions,
): Promise<IssuedGrant | LiveGrant> {
  const answer = await askAccess(client, resource, options).catch((error: unknown) => {
    if (!(error instanceof Failure) || error.reason !== 'denied' || options.reason !== undefined) throw error;
    const { message, details } = error;
    throw new Failure(1, 'denied', `${message} (--reason TEXT says why)`, details);
  });
  if (!('request' in answer)) return answer;
  const { id, link } = answer.request;
  throw new Failure(
    1,
    'pending',
    `the request ${id} waits for approval: ${line(link)} (--wait SECONDS waits for it, and so does the same command later)`,
  );
}

const WAS = {
  approved: 'approved',
  claimed: 'approved and its grant was fetched',
  denied: 'denied',
  withdrawn: 'withdrawn',
  expired: 'not decided or used in time',
} as const;

export function secondsOf(text: string): number {
  if (!/^[1-9]\d{0,5}(s|m|h|d)$/.test(text)) throw usage(`--for ${text}: expected a duration such as 30m, 8h or 2d`);
  const seconds = parseDuration(text) / 1_000;
  if (seconds < 60 || seconds > 31_536_000) throw usage(`--for ${text}: expected 60s to 365d`);
  return seconds;
}
