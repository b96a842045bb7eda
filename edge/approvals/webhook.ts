// A webhook of the customer's own: every change as JSON, signed as https://www.standardwebhooks.com
// says, so that there are libraries to check it with.
//
//   webhook-id         of the notice: the same on every try, for whoever receives it twice
//   webhook-timestamp  seconds, of this try
//   webhook-signature  `v1,` and base64 of HMAC-SHA-256(secret, "id.timestamp.body")

import { type Approval, type HeldSubject, isHeld, isOfRecording } from '../../core/approval/approval.ts';
import { statementOf } from '../../core/approval/held-action.ts';
import { fromBase64, toBase64 } from '../../core/scram.ts';
import type { Secret } from '../../core/secret.ts';
import type { NoticeDelivery, Notice, NoticeContext, Notifier } from './notifier.ts';
import { post } from './post.ts';
import { MAX_PARAMETER_CHARACTERS, MAX_ACTION_CHARACTERS, written } from './words.ts';

const encoder = new TextEncoder();

interface WebhookSettings {
  readonly url: Secret<string>;
  readonly secret: Secret<string>;
  /** Milliseconds since the Unix epoch. */
  now(): number;
}

export function webhookNotifier({ url, secret, now }: WebhookSettings): Notifier {
  return {
    name: 'webhook',
    async deliver(notice: Notice, { link }: NoticeContext): Promise<NoticeDelivery> {
      const body = JSON.stringify({
        type: `request.${notice.kind}`,
        timestamp: notice.at,
        data: { ...shown(notice.approval), link },
      });
      const timestamp = String(Math.floor(now() / 1000));
      const posted = await post(url, body, {
        'content-type': 'application/json',
        'webhook-id': notice.id,
        'webhook-timestamp': timestamp,
        'webhook-signature': await sign(secret, `${notice.id}.${timestamp}.${body}`),
      });
      return posted.ok ? { kind: 'delivered' } : { kind: 'failed', ...posted };
    },
  };
}

/** Nobody's groups and subjects: who they are is their e-mail. */
function shown({ id, subject, requester, rule, state, askedAt, decideBy, needed, ...rest }: Approval) {
  return {
    request: id,
    kind: subject.kind,
    state,
    resource: subject.resource,
    reason: subject.reason,
    labels: subject.labels,
    requester: { email: requester.email, name: requester.name },
    rule,
    askedAt,
    decideBy,
    workSeconds: Math.round(rest.workMs / 1000),
    needed,
    votes: rest.votes.map(({ by, at, comment, via }) => ({ email: by.email, at, comment, via })),
    ...(rest.ended && { ended: rest.ended }),
    ...(rest.claim && { claim: rest.claim }),
    ...(rest.breakGlass && { breakGlass: true }),
    ...(isHeld(subject) && heldShown(subject)),
    ...(isOfRecording(subject) && { recording: { session: subject.session, owner: subject.owner } }),
  };
}

/** `statement`: the same, as the first release says it of statements. */
function heldShown({ resource: _resource, reason: _reason, labels: _labels, session, ...action }: HeldSubject) {
  const held = {
    ...action,
    text: written(action.text, MAX_ACTION_CHARACTERS),
    parameters: action.parameters.map((value) => value && written(value, MAX_PARAMETER_CHARACTERS)),
  };
  const statement = statementOf(held);
  return { held: { session, ...held }, ...(statement && { statement: { session, ...statement } }) };
}

async function sign(secret: Secret<string>, content: string): Promise<string> {
  const text = secret.reveal();
  const raw = text.startsWith('whsec_') ? fromBase64(text.slice('whsec_'.length)) : encoder.encode(text);
  const key = await crypto.subtle.importKey('raw', raw, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
  return `v1,${toBase64(new Uint8Array(await crypto.subtle.sign('HMAC', key, encoder.encode(content))))}`;
}
