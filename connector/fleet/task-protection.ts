// Keeps this ECS task from being stopped by scale-in and deployments while sessions run: Fargate kills a task 120 s after it told it
// to stop, which is less than a session may need. The container asks the agent of its own host, which ECS names in its environment.
//
//   PUT $ECS_AGENT_URI/task-protection/v1/state    {"ProtectionEnabled":true,"ExpiresInMinutes":60}
//   200 {"protection":{"ExpirationDate":...,"ProtectionEnabled":true,"TaskArn":...}}, or {"failure":{"Reason":...}}; errors {"error":{"Code":...}}
//   https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-scale-in-protection-endpoint.html
//
// It does not protect from a Fargate maintenance, from Spot, or from somebody who stops the task.

import { z } from 'zod';
import { err, ok, type Result } from '../../core/result.ts';
import type { Logger } from '../logger.ts';

interface ProtectionTiming {
  readonly lookMs: number;
  /** After the last session, so that a person who connects again meets the same task. */
  readonly keepMs: number;
  /** ECS forgets it then, should this process die. */
  readonly expiresMinutes: number;
  readonly retryMs: number;
  readonly requestMs: number;
}
const TIMING: ProtectionTiming = {
  lookMs: 1_000,
  keepMs: 30_000,
  expiresMinutes: 60,
  retryMs: 30_000,
  requestMs: 10_000,
};

const Answer = z.object({
  protection: z.object({ ProtectionEnabled: z.boolean() }).optional(),
  failure: z.object({ Reason: z.string().max(200).catch('unknown') }).optional(),
  error: z.object({ Code: z.string().max(200).catch('unknown') }).optional(),
});

/** Where the agent answers, from the environment of the task. The fault is for the operator. */
export function protectionEndpoint(environment: Readonly<Record<string, string | undefined>>): Result<string, string> {
  const agent = environment.ECS_AGENT_URI;
  if (agent === undefined || !URL.canParse(agent))
    return err('ecsTaskProtection is set, and ECS_AGENT_URI is not: it is for tasks of an ECS service alone');
  return ok(`${agent.replace(/\/$/, '')}/task-protection/v1/state`);
}

/** Gives how to stop: ECS forgets by itself. `sessions`: how many run. */
export function keepTaskProtected(options: {
  readonly endpoint: string;
  readonly sessions: () => number;
  readonly log: Logger;
  readonly timing?: Partial<ProtectionTiming>;
  readonly now?: () => number;
}): () => void {
  const { endpoint, sessions, log, now = () => performance.now() } = options;
  const timing = { ...TIMING, ...options.timing };
  /** As the agent confirmed it. */
  let isProtected = false;
  let renewAt = 0;
  let lastSessionAt = Number.NEGATIVE_INFINITY;
  let retryAt = 0;
  let asking = false;

  async function look(): Promise<void> {
    if (sessions() > 0) lastSessionAt = now();
    const wanted = now() - lastSessionAt < timing.keepMs;
    if (asking || now() < retryAt || (wanted === isProtected && (!wanted || now() < renewAt))) return;
    asking = true;
    const fault = await ask(wanted);
    asking = false;
    if (fault === undefined) {
      if (wanted !== isProtected) log.info(wanted ? 'task.protected' : 'task.unprotected', {});
      isProtected = wanted;
      renewAt = now() + (timing.expiresMinutes * 60_000) / 2;
      return;
    }
    retryAt = now() + timing.retryMs;
    log.warn('task.not_protected', { message: fault, protect: wanted, retryInMs: timing.retryMs });
  }

  /** Why it was not done. */
  async function ask(wanted: boolean): Promise<string | undefined> {
    const body = wanted
      ? { ProtectionEnabled: true, ExpiresInMinutes: timing.expiresMinutes }
      : { ProtectionEnabled: false };
    try {
      const response = await fetch(endpoint, {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
        redirect: 'error',
        signal: AbortSignal.timeout(timing.requestMs),
      });
      const text = await response.text();
      const { protection, failure, error } = Answer.safeParse(JSON.parse(text)).data ?? {};
      if (protection?.ProtectionEnabled === wanted) return undefined;
      return `the ECS agent answered ${response.status}: ${failure?.Reason ?? error?.Code ?? 'nothing that is known'}`;
    } catch (error) {
      return `the ECS agent does not answer (${error instanceof Error ? error.name : 'unknown error'})`;
    }
  }

  const timer = setInterval(() => void look(), timing.lookMs).unref();
  return () => clearInterval(timer);
}
