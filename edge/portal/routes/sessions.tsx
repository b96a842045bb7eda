// Sessions: the list, one session, its statements, its replay and its exports.

import { type Context, Hono } from 'hono';
import { EndingReason } from '../../../core/api.ts';
import { type ExportParts, ExportQuery } from '../../../core/replay/exports.ts';
import type { SessionDetail } from '../../../core/catalogue.ts';
import type { SessionId } from '../../../core/ids.ts';
import { PROTOCOLS } from '../../../core/protocols.ts';
import { ReplayQuery } from '../../../core/replay/terminal.ts';
import { err } from '../../../core/result.ts';
import { SearchQuery } from '../../../core/search/page.ts';
import { to } from '../components/parts.tsx';
import { Actions } from '../components/actions.tsx';
import type { SessionToEnd } from '../../gatehouse.ts';
import type { PortalDeps } from '../deps.ts';
import { FAULT_STATUS, forSession, show, showAnswer, showFault, showFragment, signedIn, type Visit } from '../page.tsx';
import { EndSessionPage } from '../pages/end-session.tsx';
import { ExportPartsPage } from '../pages/export-parts.tsx';
import { SessionDetailPage, SessionStatus } from '../pages/session.tsx';
import { SessionsFragment, SessionsPage, SINCE } from '../pages/sessions.tsx';
import { showViewRequest } from './view-requests.tsx';

const NO_STATEMENTS = {
  reason: 'unavailable',
  message: 'The catalogue does not answer with the statements just now. Try again in a moment.',
} as const;
const SESSIONS_A_PAGE = 50;
const STATEMENTS_A_PAGE = 100;

export function sessionPages(deps: PortalDeps): Hono {
  const app = new Hono();
  const { gatehouse } = deps;

  app.get(
    '/sessions',
    signedIn(deps, async (visit) => {
      const { c } = visit;
      const filters = {
        email: query(c, 'email').toLowerCase(),
        resource: query(c, 'resource'),
        since: query(c, 'since'),
        task: query(c, 'task'),
        trace: query(c, 'trace'),
      };
      const cursor = cursorOf(c);
      const since = sinceOf(filters.since, deps.now());
      const answer = await gatehouse.sessions(visit.me.identity, {
        ...(filters.email === '' ? {} : { email: filters.email }),
        ...(filters.resource === '' ? {} : { resource: filters.resource }),
        ...(filters.task === '' ? {} : { task: filters.task }),
        ...(filters.trace === '' ? {} : { trace: filters.trace }),
        ...(since === undefined ? {} : { since }),
        ...(cursor === undefined ? {} : { cursor }),
        limit: SESSIONS_A_PAGE,
      });
      return showAnswer(visit, answer, (page) => {
        const props = { page, filters, cursor, now: deps.now() };
        return isFragment(c)
          ? showFragment(visit, <SessionsFragment {...props} />)
          : show(visit, 'Sessions', <SessionsPage {...props} />);
      });
    }),
  );

  app.get(
    '/sessions/:id',
    forSession(deps, async (visit, id) => {
      const { c } = visit;
      const { identity } = visit.me;
      if (c.req.query('fragment') === 'status') {
        return showAnswer(visit, await gatehouse.viewSession(identity, id, { witnessed: true }), (view) => {
          const { detail, witnessed } = view;
          const props = { detail, witnessed, lent: view.lent, mayEnd: mayEnd(visit, detail), now: deps.now() };
          return showFragment(visit, <SessionStatus {...props} />);
        });
      }
      const cursor = cursorOf(c);
      const parts = { statements: { cursor, limit: STATEMENTS_A_PAGE }, witnessed: true };
      const answer = await gatehouse.viewSession(identity, id, parts);
      if (!answer.ok && answer.error.reason === 'approval_needed') return showViewRequest(visit, id, 'view');
      return showAnswer(visit, answer, (view) => {
        const { session } = view.detail;
        return show(
          visit,
          `${session.email} on ${session.resource}`,
          <SessionDetailPage
            detail={view.detail}
            actions={view.statements}
            witnessed={view.witnessed}
            lent={view.lent}
            cursor={cursor}
            at={momentOf(c)}
            mayEnd={mayEnd(visit, view.detail)}
            ended={c.req.query('ended') !== undefined}
            now={deps.now()}
          />,
          { player: PROTOCOLS[session.protocol].replay },
        );
      });
    }),
  );

  app.get(
    '/sessions/:id/statements',
    forSession(deps, async (visit, id) => {
      const { c } = visit;
      if (!isFragment(c)) return c.redirect(to('sessions', id), 303);
      const cursor = cursorOf(c);
      const parts = { statements: { cursor, limit: STATEMENTS_A_PAGE } };
      return showAnswer(visit, await gatehouse.viewSession(visit.me.identity, id, parts), ({ detail, statements }) =>
        statements
          ? showFragment(
              visit,
              <Actions
                page={statements}
                path={to('sessions', id)}
                cursor={cursor}
                live={detail.session.state === 'live'}
              />,
            )
          : showFault(visit, NO_STATEMENTS),
      );
    }),
  );

  app.get(
    '/sessions/:id/end',
    forSession(deps, async (visit, id) =>
      showAnswer(visit, await gatehouse.sessionToEnd(visit.me.identity, id), (session) =>
        show(
          visit,
          'End a session',
          <EndSessionPage {...endProps(visit, session)} told={visit.c.req.query('ended') !== undefined} />,
        ),
      ),
    ),
  );

  app.post(
    '/sessions/:id/end',
    forSession(deps, async (visit, id) => {
      const { identity, auditor } = visit.me;
      const body = await visit.c.req.parseBody();
      const text = typeof body.reason === 'string' ? body.reason : '';
      const session = await gatehouse.sessionToEnd(identity, id);
      if (!session.ok) return showFault(visit, session.error);
      const formAgain = (problem: string, status: 400 | 409 | 503) =>
        show(
          visit,
          'End a session',
          <EndSessionPage {...endProps(visit, session.value)} reason={text} problem={problem} />,
          {
            status,
          },
        );
      const reason = EndingReason.safeParse(text);
      if (!reason.success) return formAgain('Say why in one line of at most 500 characters.', 400);
      const answer = await gatehouse.endSession(identity, id, reason.data);
      if (!answer.ok) {
        const { reason: why, message } = answer.error;
        return why === 'conflict' || why === 'unavailable'
          ? formAgain(message, why === 'conflict' ? 409 : 503)
          : showFault(visit, answer.error);
      }
      // Administrators may end sessions that they may not view.
      const seesIt = auditor || session.value.email === identity.email;
      const shown = seesIt ? to('sessions', id) : to('sessions', id, 'end');
      return visit.c.redirect(answer.value.state === 'ending' ? `${shown}?ended` : shown, 303);
    }),
  );

  app.get(
    '/sessions/:id/replay',
    forSession(deps, async (visit, id) => {
      const query = ReplayQuery.safeParse(visit.c.req.query());
      if (!query.success)
        return showFault(visit, { reason: 'bad_request', message: 'A replay is not asked for like that.' });
      const answer = await gatehouse.replay(visit.me.identity, id, query.data);
      return showAnswer(visit, answer, (body) =>
        visit.c.body(body, 200, { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' }),
      );
    }),
  );

  // JSON: the player's own box asks.
  app.get(
    '/sessions/:id/search',
    forSession(deps, async (visit, id) => {
      const { c } = visit;
      const wanted = SearchQuery.safeParse(c.req.query());
      const answer = wanted.success
        ? await gatehouse.searchSession(visit.me.identity, id, wanted.data)
        : err({ reason: 'bad_request', message: 'A query is at most 1,000 characters.' } as const);
      if (answer.ok) return c.json(answer.value, 200, { 'cache-control': 'no-store' });
      return c.json({ error: answer.error }, FAULT_STATUS[answer.error.reason], { 'cache-control': 'no-store' });
    }),
  );

  app.get(
    '/sessions/:id/export',
    forSession(deps, async (visit, id) => {
      const wanted = ExportQuery.safeParse(visit.c.req.query());
      if (!wanted.success) {
        return showFault(visit, { reason: 'bad_request', message: 'There is no download like that.' });
      }
      return showAnswer(visit, await gatehouse.export(visit.me.identity, id, wanted.data), (file) => {
        if (file.kind === 'parts') return showParts(visit, id, wanted.data, file.parts);
        return visit.c.body(file.body, 200, {
          'content-type': file.contentType,
          // Always a download: an HTML export must not become a page of this origin.
          'content-disposition': `attachment; filename="${file.fileName.replace(/[^A-Za-z0-9._-]/g, '_')}"`,
          'x-content-type-options': 'nosniff',
          'cache-control': 'no-store',
        });
      });
    }),
  );

  return app;
}

/** While it is being written, the page asks again by itself. */
function showParts(visit: Visit, id: SessionId, query: ExportQuery, parts: ExportParts) {
  const from = (part: number) => `/sessions/${id}/export?${exportQuery({ ...query, part })}`;
  if (parts.state === 'rendering') visit.c.header('refresh', `3; url=${from(0)}`);
  const args = exportArgs(id, query, parts.fileName);
  return show(visit, 'Export', <ExportPartsPage session={id} parts={parts} from={from} args={args} />);
}

const exportQuery = (query: ExportQuery): string =>
  new URLSearchParams(
    Object.entries(query).flatMap(([name, value]) => (value === undefined ? [] : [[name, `${value}`]])),
  ).toString();

/** A path may be no word of a shell: the number of its action always is. */
const exportArgs = (id: SessionId, { format, asciicast, lane, statement, exact, file }: ExportQuery, name: string) =>
  [
    `export ${id}`,
    format === 'file' ? `--file ${/^\d+$/.test(file ?? '') ? file : 'N'}` : `--format ${format}`,
    asciicast === undefined ? '' : `--asciicast ${asciicast}`,
    lane === undefined ? '' : `--lane ${lane}`,
    statement === undefined ? '' : `--statement ${statement}`,
    exact === undefined ? '' : '--exact',
    `--out ${name}`,
  ]
    .filter((part) => part !== '')
    .join(' ');

/** As `endSession` has it: one's own, or anybody's for administrators and auditors. */
const mayEnd = ({ me }: Visit, { session }: SessionDetail): boolean =>
  me.administrator || me.auditor || session.subject === me.identity.subject;

/** As `revokeGrant` has it. */
const mayRevoke = ({ me }: Visit, { email }: SessionToEnd): boolean => me.administrator || email === me.identity.email;

const endProps = (visit: Visit, session: SessionToEnd) => ({
  session,
  email: visit.me.identity.email,
  mayRevoke: mayRevoke(visit, session),
});

const query = (c: Context, name: string): string => (c.req.query(name) ?? '').trim().slice(0, 300);

/** Seconds, as links of search hits have them; the player reads the same. */
function momentOf(c: Context): number | undefined {
  const at = c.req.query('at') ?? '';
  return /^\d{1,9}(\.\d{1,6})?$/.test(at) ? Number(at) : undefined;
}

const isFragment = (c: Context): boolean => c.req.query('fragment') === '1';

function cursorOf(c: Context): string | undefined {
  const cursor = c.req.query('cursor');
  return cursor === undefined || cursor === '' || cursor.length > 2000 ? undefined : cursor;
}

/** One of SINCE's values, or a moment; undefined for anything else. */
export function sinceOf(value: string, now: number): string | undefined {
  const known = SINCE.find((choice) => choice.value === value);
  if (known) return new Date(now - known.ms).toISOString();
  const moment = Date.parse(value);
  return value === '' || Number.isNaN(moment) ? undefined : new Date(moment).toISOString();
}
