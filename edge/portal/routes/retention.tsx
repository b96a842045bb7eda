// Retention: what is kept how long, legal holds, what keeps one session, purges. What is asked of the use cases is only what this
// person may ask: others are told why there is no more, and that is no refused attempt.

import { type Context, Hono } from 'hono';
import type { Me } from '../../../core/api.ts';
import { HoldId, SessionId } from '../../../core/ids.ts';
import { heldNowWords, type PlacedHold, PlacedScope } from '../../../core/retention/hold.ts';
import { type HoldList, RetentionReason } from '../../../core/retention/purge.ts';
import { to } from '../components/parts.tsx';
import type { PortalDeps } from '../deps.ts';
import { show, showAnswer, showFault, signedIn, type Visit } from '../page.tsx';
import { HoldPage } from '../pages/archive/hold.tsx';
import { HOLD_KINDS, type HoldForm, PlaceHoldPage } from '../pages/archive/place-hold.tsx';
import { DryRunPage, PurgesPage } from '../pages/archive/purges.tsx';
import { RetentionForOthersPage, RetentionPage } from '../pages/archive/retention.tsx';
import { KeptSessionPage, SessionRetentionPage } from '../pages/archive/session-retention.tsx';
import { holdAddress } from '../pages/archive/words.tsx';

const SAY_WHY = 'Say why, in one line of at most 500 characters.';
const NO_HOLD = { reason: 'not_found', message: 'There is no such hold.' } as const;
const NO_SESSION = { reason: 'not_found', message: 'There is no such session.' } as const;
/** Of the answers that leave a form as it is. */
const FORM_AGAIN = { bad_request: 400, denied: 403, conflict: 409, unavailable: 503 } as const;

/** As `mayKeep` has it. */
const mayKeep = ({ auditor, administrator }: Me): boolean => auditor || administrator;

export function retentionPages(deps: PortalDeps): Hono {
  const app = new Hono();
  const { gatehouse } = deps;

  app.get(
    '/retention',
    signedIn(deps, async (visit) => {
      const { identity } = visit.me;
      if (!mayKeep(visit.me))
        return showAnswer(visit, await gatehouse.resources(identity), (resources) =>
          show(visit, 'Retention', <RetentionForOthersPage resources={resources} />),
        );
      return showAnswer(visit, await gatehouse.retentionOverview(identity), (overview) =>
        show(visit, 'Retention', <RetentionPage overview={overview} now={deps.now()} />),
      );
    }),
  );

  const showForm = async (visit: Visit, form: HoldForm, problem?: string, status: 200 | 400 | 503 = 200) => {
    const resources = await gatehouse.resources(visit.me.identity);
    return show(
      visit,
      'Place a hold',
      <PlaceHoldPage form={form} resources={resources.ok ? resources.value : []} {...(problem && { problem })} />,
      { status },
    );
  };

  app.get(
    '/retention/holds/new',
    signedIn(deps, async (visit) => {
      if (!mayKeep(visit.me)) return showFault(visit, NOT_YOURS);
      const asked = (name: string) => visit.c.req.query(name);
      return showForm(visit, holdForm(asked, asked('email') ? 'user' : asked('resource') ? 'resource' : 'session'));
    }),
  );

  app.post(
    '/retention/holds/new',
    signedIn(deps, async (visit) => {
      const sent = await sentBy(visit.c);
      const form = holdForm(sent, 'session');
      const reason = RetentionReason.safeParse(form.reason);
      const scope = scopeOf(form);
      if (!scope) return showForm(visit, form, WRONG_SCOPE[form.of], 400);
      if (!reason.success) return showForm(visit, form, SAY_WHY, 400);
      const placed = await gatehouse.placeHold(visit.me.identity, scope, reason.data);
      if (placed.ok) return visit.c.redirect(`${holdAddress(placed.value.id)}?${placedQuery(placed.value)}`, 303);
      const { reason: why, message } = placed.error;
      if (why === 'bad_request' || why === 'not_found') return showForm(visit, form, message, 400);
      return why === 'unavailable' ? showForm(visit, form, message, 503) : showFault(visit, placed.error);
    }),
  );

  const showHold = (visit: Visit, hold: HoldList['holds'][number], more: Retry = {}) =>
    show(
      visit,
      'Legal hold',
      <HoldPage hold={hold} email={visit.me.identity.email} {...placedIn(visit, hold)} {...more} />,
      { status: more.status ?? 200 },
    );

  app.get(
    '/retention/holds/:id',
    forHold(deps, async (visit, hold) => showHold(visit, hold)),
  );

  app.post(
    '/retention/holds/:id/lift',
    forHold(deps, async (visit, hold) => {
      const sent = await sentBy(visit.c);
      const [text, reason] = [sent('reason') ?? '', RetentionReason.safeParse(sent('reason'))];
      if (!reason.success) return showHold(visit, hold, { reason: text, problem: SAY_WHY, status: 400 });
      if (sent('step') !== (hold.lifting ? 'agree' : 'ask') && !hold.lifted)
        return showHold(visit, hold, { reason: text, problem: MEANWHILE, status: 409 });
      const lifted = await gatehouse.liftHold(visit.me.identity, hold.id, reason.data);
      if (lifted.ok) return visit.c.redirect(holdAddress(hold.id), 303);
      const status = formStatus(lifted.error.reason);
      return status
        ? showHold(visit, hold, { reason: text, problem: lifted.error.message, status })
        : showFault(visit, lifted.error);
    }),
  );
  app.get('/retention/holds/:id/lift', (c) => c.redirect(holdAddress(c.req.param('id')), 303));

  const showKept = async (visit: Visit, id: SessionId, more: Retry = {}) => {
    const { identity } = visit.me;
    const done = visit.c.req.query('told');
    return showAnswer(visit, await gatehouse.sessionRetention(identity, id), (kept) =>
      show(
        visit,
        'Retention of a session',
        <SessionRetentionPage
          kept={kept}
          email={identity.email}
          told={done === 'asked' || done === 'ordered' ? done : undefined}
          {...more}
        />,
        { status: more.status ?? 200 },
      ),
    );
  };

  app.get(
    '/sessions/:id/retention',
    forSession(deps, async (visit, id) =>
      mayKeep(visit.me)
        ? showKept(visit, id)
        : showAnswer(visit, await gatehouse.session(visit.me.identity, id), (detail) =>
            show(visit, 'Retention of a session', <KeptSessionPage detail={detail} />),
          ),
    ),
  );

  app.post(
    '/sessions/:id/retention',
    forSession(deps, async (visit, id) => {
      const { identity } = visit.me;
      const sent = await sentBy(visit.c);
      const [text, reason] = [sent('reason') ?? '', RetentionReason.safeParse(sent('reason'))];
      if (!reason.success) return showKept(visit, id, { reason: text, problem: SAY_WHY, status: 400 });
      const kept = await gatehouse.sessionRetention(identity, id);
      if (!kept.ok) return showFault(visit, kept.error);
      if (sent('step') !== (kept.value.asked ? 'agree' : 'ask'))
        return showKept(visit, id, { reason: text, problem: MEANWHILE, status: 409 });
      const purge = await gatehouse.purgeEarly(identity, id, reason.data);
      if (purge.ok) {
        const told = purge.value.state === 'ordered' ? 'ordered' : 'asked';
        return visit.c.redirect(`${to('sessions', id, 'retention')}?told=${told}`, 303);
      }
      const status = formStatus(purge.error.reason);
      return status
        ? showKept(visit, id, { reason: text, problem: purge.error.message, status })
        : showFault(visit, purge.error);
    }),
  );

  app.get(
    '/purges',
    signedIn(deps, async (visit) => {
      const after = SessionId.optional().safeParse(visit.c.req.query('cursor') || undefined);
      const ordered = /^\d{1,6}$/.exec(visit.c.req.query('ordered') ?? '')?.[0];
      if (!after.success) return visit.c.redirect('/purges', 303);
      return showAnswer(visit, await gatehouse.purges(visit.me.identity, after.data), (page) =>
        show(
          visit,
          'Purges',
          <PurgesPage
            page={page}
            after={after.data}
            auditor={visit.me.auditor}
            ordered={ordered === undefined ? undefined : Number(ordered)}
          />,
        ),
      );
    }),
  );

  app.get(
    '/purges/dry-run',
    signedIn(deps, async (visit) =>
      showAnswer(visit, await gatehouse.purgeReport(visit.me.identity, undefined), (report) =>
        show(visit, 'What would go now', <DryRunPage report={report} />),
      ),
    ),
  );

  app.post(
    '/purges/order',
    signedIn(deps, async (visit) =>
      showAnswer(visit, await gatehouse.orderDuePurges(visit.me.identity, undefined), ({ ordered }) =>
        visit.c.redirect(`/purges?ordered=${ordered.length}`, 303),
      ),
    ),
  );
  app.get('/purges/order', (c) => c.redirect('/purges/dry-run', 303));

  return app;
}

const NOT_YOURS = { reason: 'forbidden', message: 'Holds and purges are for auditors and administrators.' } as const;
const MEANWHILE =
  'Somebody else was here meanwhile. Look at how it stands now, and send it again if you still mean it.';

/** A form as it was sent and not taken. */
interface Retry {
  readonly reason?: string;
  readonly problem?: string;
  readonly status?: 400 | 403 | 409 | 503;
}

const formStatus = (reason: string): Retry['status'] => FORM_AGAIN[reason as keyof typeof FORM_AGAIN];

/** `holds` says who may. */
const forHold = (
  deps: PortalDeps,
  handler: (visit: Visit, hold: HoldList['holds'][number]) => Promise<Response>,
): ((c: Context) => Promise<Response>) =>
  signedIn(deps, async (visit) => {
    const id = HoldId.safeParse(visit.c.req.param('id'));
    if (!id.success) return showFault(visit, NO_HOLD);
    const list = await deps.gatehouse.holds(visit.me.identity);
    if (!list.ok) return showFault(visit, list.error);
    const hold = list.value.holds.find((each) => each.id === id.data);
    return hold ? handler(visit, hold) : showFault(visit, NO_HOLD);
  });

const forSession = (
  deps: PortalDeps,
  handler: (visit: Visit, id: SessionId) => Promise<Response>,
): ((c: Context) => Promise<Response>) =>
  signedIn(deps, async (visit) => {
    const id = SessionId.safeParse(visit.c.req.param('id'));
    return id.success ? handler(visit, id.data) : showFault(visit, NO_SESSION);
  });

type Read = (name: string) => string | undefined;

async function sentBy(c: Context): Promise<Read> {
  const body = await c.req.parseBody();
  return (name) => {
    const value = body[name];
    return typeof value === 'string' ? value : undefined;
  };
}

function holdForm(read: Read, otherwise: HoldForm['of']): HoldForm {
  const text = (name: string) => (read(name) ?? '').trim();
  return {
    of: HOLD_KINDS.find((kind) => kind === read('of')) ?? otherwise,
    ...{ session: text('session'), email: text('email').toLowerCase(), resource: text('resource') },
    ...{ since: text('since'), until: text('until'), reason: text('reason') },
  };
}

/** undefined: it names nothing that a hold can be on. */
/** For the page behind it: numbers, and no names in an address. */
const placedQuery = ({ now }: PlacedHold): string =>
  now ? `placed=${now.sessions}${now.more ? '-more' : ''}${now.known ? '' : '&unknown'}` : 'placed';

function placedIn(visit: Visit, hold: HoldList['holds'][number]) {
  const placed = visit.c.req.query('placed');
  const [count, more] = /^(\d{1,3})(-more)?$/.exec(placed ?? '')?.slice(1) ?? [];
  const known = visit.c.req.query('unknown') === undefined;
  const now = count === undefined ? undefined : { sessions: Number(count), more: more !== undefined, known };
  return { placed: placed !== undefined, now: heldNowWords({ ...hold, now }) };
}

function scopeOf(form: HoldForm): PlacedScope | undefined {
  return PlacedScope.safeParse(scopeSent(form)).data;
}

function scopeSent({ of, session, email, resource, since, until }: HoldForm): object | undefined {
  switch (of) {
    case 'session': {
      const sessions = [...new Set(session.split(/[\s,]+/).filter((id) => id !== ''))];
      return sessions.length > 1 ? { of: 'sessions', sessions } : { of, session: sessions[0] };
    }
    case 'user':
      return { of, email };
    case 'resource':
      return { of, resource };
    case 'time': {
      const [from, to] = [utc(since), utc(until)];
      return from !== undefined && to !== undefined && from < to ? { of, since: from, until: to } : undefined;
    }
  }
}

/** As a field of date and time has it, `2026-11-30T08:00`. */
function utc(text: string): string | undefined {
  const ms = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?$/.test(text)
    ? Date.parse(`${text.replace(' ', 'T')}Z`)
    : Number.NaN;
  return Number.isNaN(ms) ? undefined : new Date(ms).toISOString();
}

const WRONG_SCOPE: Readonly<Record<HoldForm['of'], string>> = {
  session: 'Name one session or up to a thousand, each by its id: ses_ and 26 letters and digits.',
  user: 'Whose sessions? Give the address they sign in with.',
  resource: 'On which resource? Give its name.',
  time: 'Give both times, in UTC, the earlier one first.',
};
