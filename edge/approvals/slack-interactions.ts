// What somebody clicked in Slack becomes the same call that the portal makes, as the person whom the
// identity provider knows by the e-mail that Slack has confirmed.
// https://docs.slack.dev/reference/interaction-payloads
//
// Slack wants an answer within three seconds. For a click it is empty: what happened shows in the
// message itself. What went wrong is said to that person alone.

import { z } from 'zod';
import { MAX_COMMENT_CHARACTERS } from '../../core/approval/approval.ts';
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
  slackMessageOf,
  REASON_ACTION,
  REASON_BLOCK,
} from './slack-messages.ts';
import { answerAlone, replaceMessage, responsePlaceOf } from './slack-response.ts';
import { written } from './words.ts';

export interface InteractionDeps {
  readonly gatehouse: Gatehouse;
  readonly useCases: Pick<UseCaseDeps, 'audit' | 'directory' | 'publicUrl' | 'approvals' | 'clock'>;
  /** undefined: there is an incoming webhook alone. */
  readonly api: SlackApi | undefined;
  /** Who is who where no bot can ask Slack: user id to e-mail, from the settings. */
  readonly members: ReadonlyMap<string, string>;
  /** Where a response_url may lead beside Slack's own origins. */
  readonly origins: readonly string[];
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
    response_url: z.string().max(1000).optional(),
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
  { user, team, trigger_id, channel, response_url, actions }: Extract<Interaction, { type: 'block_actions' }>,
): Promise<undefined | false> {
  const [action] = actions;
  // The link is a button too, and asks for nothing.
  if (action?.action_id !== APPROVE_ACTION && action?.action_id !== DENY_ACTION) return undefined;
  const id = RequestId.safeParse(action.value);
  if (!id.success) return undefined;
  const { api } = deps;
  const place = responsePlaceOf(response_url, deps.useCases.clock.now(), deps.origins);
  const tell = async (text: string) => {
    if (api && channel) await api.postEphemeral({ channel: channel.id, user: user.id, text: escapeMrkdwn(text) });
    else if (place) await answerAlone(place, escapeMrkdwn(text), ANSWERED_WITHIN_MS);
  };
  const isDenial = action.action_id === DENY_ACTION;

  if (isDenial && api) {
    // First of all: the trigger ends within three seconds. Who may deny is judged when it is sent.
    const opened = await api.openView(
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
  // A webhook's message is changed at this address alone, by the notice of the decision: kept before it is made.
  if (place && (await deps.gatehouse.approval(who.value, id.data)).ok) {
    await deps.useCases.approvals(id.data).clickedInSlack(place);
  }
  const decision = isDenial
    ? ({ decision: 'deny', comment: NO_REASON } as const)
    : ({ decision: 'approve', comment: '' } as const);
  const answer = await deps.gatehouse.decideApproval(who.value, id.data, decision, 'slack');
  if (answer.ok) return undefined;
  await tell(answer.error.message);
  // A message that was left behind with its buttons: no notice comes for it any more.
  const approval =
    place && answer.error.reason === 'conflict' ? await deps.useCases.approvals(id.data).read() : undefined;
  if (place && approval) {
    const link = requestLink(deps, id.data);
    await replaceMessage(place, slackMessageOf('asked', approval, { link, buttons: true, form: api !== undefined }));
  }
  return undefined;
}

/** Where no form can ask for one. */
const NO_REASON = 'Denied in Slack, without a reason.';
const ANSWERED_WITHIN_MS = 2_000;

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
  if (!deps.api) return memberOf(deps, slackUser, request);
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

/** Without a bot Slack says no e-mail: whoever deployed said who is who, or nobody is anybody. */
async function memberOf(
  deps: InteractionDeps,
  slackUser: string,
  request: RequestId,
): Promise<Result<Identity, string>> {
  const email = deps.members.get(slackUser);
  const identity = email === undefined ? undefined : await deps.useCases.directory.personByEmail(email);
  if (identity) return ok(identity);
  await note(deps.useCases, {
    kind: 'decision.refused',
    actor: `slack:${slackUser}`,
    object: request,
    details: { reason: email === undefined ? 'not_a_known_member' : 'never_signed_in', via: 'slack' },
  });
  return err(
    email === undefined
      ? `Gatehouse cannot tell from here who you are. Decide it there: ${requestLink(deps, request)}`
      : `Gatehouse does not know ${email} yet. Sign in once at ${deps.useCases.publicUrl}, then try again.`,
  );
}

/** Another organisation decides which e-mail addresses its people show. */
function isOutsider(user: SlackUser, team: string | undefined): boolean {
  if (user.deleted || user.is_bot || user.is_stranger) return true;
  return user.team_id !== undefined && team !== undefined && user.team_id !== team;
}

const requestLink = (deps: InteractionDeps, id: RequestId): string => `${deps.useCases.publicUrl}/requests/${id}`;
