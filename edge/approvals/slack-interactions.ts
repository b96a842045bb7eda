// What somebody clicked in Slack becomes the same call that the portal makes, as the person whom the
// identity provider knows by the e-mail that Slack has confirmed.
// https://docs.slack.dev/reference/interaction-payloads
//
// Slack wants an answer within three seconds. For a click it is empty: what happened shows in the
// message itself. What went wrong is said to that person alone.

import { z } from 'zod';
import { MAX_COMMENT_CHARACTERS } from '../../core/approval.ts';
import { RequestId } from '../../core/ids.ts';
import { Email, type Identity } from '../../core/identity.ts';
import { err, ok, type Result } from '../../core/result.ts';
import type { Gatehouse } from '../gatehouse.ts';
import type { UseCaseDeps } from '../use-cases/deps.ts';
import { note } from '../use-cases/deps.ts';
import type { SlackApi, SlackUser } from './slack-api.ts';
import {
  APPROVE_ACTION,
  DENY_ACTION,
  DENY_VIEW,
  denyView,
  escapeMrkdwn,
  REASON_ACTION,
  REASON_BLOCK,
} from './slack-messages.ts';
import { written } from './words.ts';

export interface InteractionDeps {
  readonly gatehouse: Gatehouse;
  readonly useCases: Pick<UseCaseDeps, 'audit' | 'directory' | 'publicUrl'>;
  readonly api: SlackApi;
}

const User = z.object({ id: z.string().regex(/^[A-Z0-9]{1,50}$/), team_id: z.string().max(50).optional() });
const Team = z.object({ id: z.string().max(50) }).nullish();

export const Interaction = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('block_actions'),
    user: User,
    team: Team,
    trigger_id: z.string().max(300),
    channel: z.object({ id: z.string().max(50) }).optional(),
    actions: z.array(z.object({ action_id: z.string().max(255), value: z.string().max(2000).optional() })).max(25),
  }),
  z.object({
    type: z.literal('view_submission'),
    user: User,
    team: Team,
    view: z.object({
      callback_id: z.string().max(255),
      private_metadata: z.string().max(3000),
      state: z.object({
        values: z.record(z.string(), z.record(z.string(), z.object({ value: z.string().max(3000).nullish() }))),
      }),
    }),
  }),
]);
export type Interaction = z.infer<typeof Interaction>;

/** The body of the answer; undefined: empty. `false`: could not be done now, and Slack should show so. */
export async function interact(deps: InteractionDeps, interaction: Interaction): Promise<object | undefined | false> {
  return interaction.type === 'block_actions' ? click(deps, interaction) : submitDenial(deps, interaction);
}

async function click(
  deps: InteractionDeps,
  { user, team, trigger_id, channel, actions }: Extract<Interaction, { type: 'block_actions' }>,
): Promise<undefined | false> {
  const [action] = actions;
  // The link is a button too, and asks for nothing.
  if (action?.action_id !== APPROVE_ACTION && action?.action_id !== DENY_ACTION) return undefined;
  const id = RequestId.safeParse(action.value);
  if (!id.success) return undefined;
  const tell = async (text: string) => {
    if (channel) await deps.api.postEphemeral({ channel: channel.id, user: user.id, text: escapeMrkdwn(text) });
  };

  if (action.action_id === DENY_ACTION) {
    // First of all: the trigger ends within three seconds. Who may deny is judged when it is sent.
    const opened = await deps.api.openView(
      trigger_id,
      denyView({ id: id.data }, 'Nobody can approve the request after this.'),
    );
    if (opened.ok) return undefined;
    console.error(`slack: the form for a denial did not open: ${opened.error.reason}`);
    const late = /^(expired|exchanged|invalid)_trigger_id$/.test(opened.error.reason);
    await tell(
      late
        ? 'That took too long. Click Deny again, or open the request in Gatehouse.'
        : `Slack did not open the form. Deny it in Gatehouse: ${requestLink(deps, id.data)}`,
    );
    return undefined;
  }

  const who = await personOf(deps, user.id, team?.id, id.data);
  if (!who.ok) {
    if (who.error === SLACK_AWAY) return false;
    await tell(who.error);
    return undefined;
  }
  const answer = await deps.gatehouse.decideApproval(who.value, id.data, { decision: 'approve', comment: '' }, 'slack');
  if (!answer.ok) await tell(answer.error.message);
  return undefined;
}

async function submitDenial(
  deps: InteractionDeps,
  { user, team, view }: Extract<Interaction, { type: 'view_submission' }>,
): Promise<object | undefined | false> {
  if (view.callback_id !== DENY_VIEW) return undefined;
  const id = RequestId.safeParse(view.private_metadata);
  if (!id.success) return undefined;
  const reason = (view.state.values[REASON_BLOCK]?.[REASON_ACTION]?.value ?? '').slice(0, MAX_COMMENT_CHARACTERS);
  // Shown below the field, and the form stays open.
  const problem = (message: string) => ({
    response_action: 'errors',
    errors: { [REASON_BLOCK]: written(message, 150) },
  });
  const who = await personOf(deps, user.id, team?.id, id.data);
  if (!who.ok) return who.error === SLACK_AWAY ? false : problem(who.error);
  const answer = await deps.gatehouse.decideApproval(
    who.value,
    id.data,
    { decision: 'deny', comment: reason },
    'slack',
  );
  return answer.ok ? undefined : problem(answer.error.message);
}

const SLACK_AWAY = 'Slack does not say who you are right now. Try again.';
const NO_EMAIL = 'Slack shows no confirmed e-mail address of yours, so this cannot be done from here. Use the portal.';
const OUTSIDER = 'Only members of this workspace can decide from Slack. Use the portal.';

/** Everybody else is turned away, and that is written down. */
async function personOf(
  deps: InteractionDeps,
  slackUser: string,
  team: string | undefined,
  request: RequestId,
): Promise<Result<Identity, string>> {
  const found = await deps.api.user(slackUser);
  if (!found.ok) {
    console.error(`slack: who ${slackUser} is cannot be asked: ${found.error.reason}`);
    return err(SLACK_AWAY);
  }
  const refuse = async (reason: string, message: string) => {
    await note(deps.useCases, {
      kind: 'decision.refused',
      actor: `slack:${slackUser}`,
      object: request,
      details: { reason, via: 'slack' },
    });
    return err(message);
  };
  const { value: user } = found;
  if (isOutsider(user, team)) return refuse('not_of_this_workspace', OUTSIDER);
  const email = Email.safeParse(user.profile.email);
  if (!email.success || user.is_email_confirmed === false) return refuse('no_confirmed_email', NO_EMAIL);
  const identity = await deps.useCases.directory.personByEmail(email.data);
  if (!identity) {
    const { publicUrl } = deps.useCases;
    return refuse(
      'never_signed_in',
      `Gatehouse does not know ${email.data} yet. Sign in once at ${publicUrl}, then try again.`,
    );
  }
  return ok(identity);
}

/** Another organisation decides which e-mail addresses its people show. */
function isOutsider(user: SlackUser, team: string | undefined): boolean {
  if (user.deleted || user.is_bot || user.is_stranger) return true;
  return user.team_id !== undefined && team !== undefined && user.team_id !== team;
}

const requestLink = (deps: InteractionDeps, id: RequestId): string => `${deps.useCases.publicUrl}/requests/${id}`;
