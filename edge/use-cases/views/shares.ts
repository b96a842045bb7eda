// Links that pass a session on: made, listed, revoked and opened. What one opens is asked at each look (shared.ts).

import { newId, type SessionId, type ShareId } from '../../../core/ids.ts';
import type { Identity } from '../../../core/identity.ts';
import { personMistake } from '../../../core/policy/mistakes/names.ts';
import { ok } from '../../../core/result.ts';
import { type Secret, secret } from '../../../core/secret.ts';
import {
  type ListedShare,
  type MadeShare,
  type MakeShare,
  type SharePage,
  shareNameOf,
} from '../../../core/sharing/share.ts';
import { span } from '../../../core/text/amounts.ts';
import type { Answer, Gatehouse, OpenedShare } from '../../gatehouse.ts';
import { hashToken, newToken } from '../../keys.ts';
import { SHARED_PATH } from '../../paths.ts';
import type { StoredShare } from '../../ports/directory.ts';
import { fault, note, noteCounted, noteLook, type UseCaseDeps } from '../deps.ts';
import { standingOf } from '../standing.ts';
import { refuseLook, viewRight } from './viewing.ts';
import { whose } from './look.ts';
import { deadByItself, type DeadLink, linkOpens, sharedNow, sharingTerms } from './shared.ts';

export const shareUseCases = (
  deps: UseCaseDeps,
): Pick<Gatehouse, 'makeShare' | 'shares' | 'revokeShare' | 'openShare'> => ({
  makeShare: (who, session, wanted) => makeShare(deps, who, session, wanted),
  shares: (who, filter) => listShares(deps, who, filter),
  revokeShare: (who, id) => revokeShare(deps, who, id),
  openShare: (who, token) => openShare(deps, who, token),
});

/** 260 bits. */
const TOKEN_CHARACTERS = 52;
const TOKEN = new RegExp(`^gsl_[a-z2-7]{${TOKEN_CHARACTERS}}$`);

async function makeShare(deps: UseCaseDeps, who: Identity, id: SessionId, wanted: MakeShare): Answer<MadeShare> {
  if (!(await deps.directory.allow('request', who.email)))
    return fault('rate_limited', 'You have asked too often. Wait a minute.');
  const known = await whose(deps, who, id, 'share.made');
  if (!known.ok) return known;
  const { standing, owner } = known.value;
  const right = viewRight(standing, who, owner);
  if (right.kind === 'none') {
    const shared = await sharedNow(deps, standing, who, id, owner);
    return refuseLook(deps, who, id, 'share.made', shared !== undefined);
  }
  if (right.kind === 'on_approval')
    return fault('denied', 'What you watch by an approval, or would have to ask for, you cannot pass on.');
  const { sharing, forMs } = sharingTerms(standing, owner);
  const rule = owner?.rule ?? 'of this session';
  if (sharing === 'none') return fault('denied', `Rule ${rule} lets nobody pass its sessions on.`);
  const names = wanted.with?.map(shareNameOf);
  if (sharing === 'people' && (names === undefined || names.includes('everyone')))
    return fault('denied', `Under rule ${rule} a link is for people who are named: name them (--with EMAIL).`);
  const around = { providers: deps.providers, emailDomains: deps.emailDomains };
  const mistake = names?.map((name) => personMistake(standing.policy, name, around)).find((text) => text !== undefined);
  if (mistake !== undefined) return fault('bad_request', `${mistake}.`);
  const lastsMs = wanted.seconds === undefined ? forMs : wanted.seconds * 1000;
  if (lastsMs > forMs) return fault('bad_request', `Rule ${rule} gives a link at most ${span(forMs)}. Ask for less.`);
  const untilMs = deps.clock.now() + lastsMs;
  const token = newToken('gsl', deps.clock.random, TOKEN_CHARACTERS);
  const share = newId('shr', deps.clock);
  const details = {
    ...{ session: id, until: new Date(untilMs).toISOString(), with: names?.join(', ') ?? 'whoever signs in' },
    ...(wanted.moment !== undefined && { moment: wanted.moment }),
  };
  await note(deps, { kind: 'share.made', actor: who.email, object: share, details });
  const added = await deps.directory.addShare({
    id: share,
    hash: await hashToken(token),
    session: id,
    by: { email: who.email, subject: who.subject },
    ...(names && { with: names }),
    ...(wanted.moment !== undefined && { moment: wanted.moment }),
    untilMs,
  });
  if (!added) return fault('conflict', 'You have a thousand links that are open. Revoke some first.');
  return ok({ share: shown(added), link: `${deps.publicUrl}${SHARED_PATH}#${token.reveal()}` });
}

async function listShares(
  deps: UseCaseDeps,
  who: Identity,
  { session, cursor }: { readonly session?: SessionId | undefined; readonly cursor?: ShareId | undefined },
): Answer<SharePage> {
  const standing = await standingOf(deps, who);
  if (!standing.ok) return standing;
  const email = standing.value.auditor ? undefined : who.email;
  const details = { ...(session && { session }) };
  await noteLook(deps, { kind: 'shares.listed', actor: who.email, object: 'shares', details }, session ?? '');
  const page = await deps.directory.shares({ email, session, before: cursor });
  const last = page.at(-1);
  const next =
    last && (await deps.directory.shares({ email, session, before: last.id })).length > 0 ? last.id : undefined;
  return ok({ shares: page.map(shown), ...(next && { cursor: next }) });
}

async function revokeShare(deps: UseCaseDeps, who: Identity, id: ShareId): Answer<ListedShare> {
  const standing = await standingOf(deps, who);
  if (!standing.ok) return standing;
  const share = await deps.directory.share(id);
  const may = standing.value.auditor || standing.value.administrator || share?.subject === who.subject;
  // Others' links are not told apart from none.
  if (!share || !may) {
    const details = { reason: share ? 'not_the_sharer' : 'unknown_share', wanted: 'share.revoked' };
    await noteCounted(deps, { kind: 'attempt.refused', actor: who.email, object: id, details });
    return fault('not_found', 'There is no such link among yours.');
  }
  if (share.state === 'revoked') return ok(shown(share));
  const details = { session: share.session, by: share.by };
  await note(deps, { kind: 'share.revoked', actor: who.email, object: id, details });
  const revoked = await deps.directory.revokeShare(id, who.email);
  return revoked ? ok(shown(revoked)) : fault('not_found', 'There is no such link among yours.');
}

async function openShare(deps: UseCaseDeps, who: Identity, token: Secret<string>): Answer<OpenedShare> {
  if (!(await deps.directory.allow('share', who.email)))
    return fault('rate_limited', 'You have opened too many links. Wait a minute.');
  const refuse = async (reason: string, object: string, message: string) => {
    const details = { reason, wanted: 'share.opened' };
    await noteCounted(deps, { kind: 'attempt.refused', actor: who.email, object, details });
    return fault(reason === 'unknown_link' || reason === 'purged' ? 'not_found' : 'forbidden', message);
  };
  const text = token.reveal().trim();
  const share = TOKEN.test(text) ? await deps.directory.shareByHash(await hashToken(secret(text))) : undefined;
  if (!share) return refuse('unknown_link', 'share', 'This link opens nothing. Check that all of it is there.');
  const { id, session, moment } = share;
  const [standing, witnessed] = await Promise.all([standingOf(deps, who), deps.witness.witnessed(session)]);
  if (!standing.ok) return standing;
  if (witnessed?.purged) {
    // What the link itself says comes first. Whose the session was is forgotten, and with it what its rule says of links.
    const dead = deadByItself(deps, standing.value, who, share);
    if (dead) return refuse(dead, id, SAYS[dead](share));
    return refuse(
      'purged',
      id,
      `The session was purged at ${witnessed.purged.at}, so there is nothing to show any more.`,
    );
  }
  const known = await whose(deps, who, session, 'share.opened');
  if (!known.ok) return known;
  const opens = await linkOpens(deps, known.value.standing, who, share, known.value.owner);
  if (typeof opens === 'string') return refuse(opens, id, SAYS[opens](share));
  await note(deps, { kind: 'share.opened', actor: who.email, object: id, details: { session, by: share.by } });
  await deps.directory.shareOpened(id, who.subject);
  return ok({ session, ...(moment !== undefined && { moment }) });
}

const SAYS: Readonly<Record<DeadLink, (share: StoredShare) => string>> = {
  over: ({ by }) => `This link is over. Ask ${by} for another.`,
  revoked: ({ by }) => `This link was revoked. Ask ${by}.`,
  not_for_you: ({ by }) => `This link is for others. Ask ${by} to name you.`,
  sharer_lost_it: ({ by }) => `${by}, who made this link, may not view the session any more, so it opens nothing.`,
  rule_forbids: () => 'The policy does not let this session be passed on any more.',
};

/** Without the sharer's subject. */
const shown = ({ subject: _subject, ...listed }: StoredShare): ListedShare => listed;
