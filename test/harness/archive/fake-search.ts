// Searching the fake Gatehouse's sessions: as core reads and judges queries, without an index.

import { actionDocument } from '../../../core/search/action-document.ts';
import { momentOf, type SearchDocument } from '../../../core/search/document.ts';
import { fitsDocument, wordsOfDocument } from '../../../core/search/match.ts';
import type { SearchHit, SearchPage, SearchQuery } from '../../../core/search/page.ts';
import { parseQuery } from '../../../core/search/parse.ts';
import { snippetOf } from '../../../core/search/snippet.ts';
import type { FakeSession } from '../fake-gatehouse.ts';

/** `upTo`: hits that one page has at most, as if no more could be looked through. Cursors are offsets. */
export function fakeSearch(
  sessions: readonly FakeSession[],
  query: SearchQuery,
  now: number,
  upTo: number,
): SearchPage {
  const asked = parseQuery(query.q, now);
  if (!asked.ok) throw new Error('the portal asks what cannot be read');
  const found = sessions
    .flatMap(documentsOf)
    .filter((document) => fitsDocument(asked.value, wordsOfDocument(document)))
    .sort((a, b) => momentOf(b) - momentOf(a));
  const from = Number(query.cursor ?? 0);
  const to = from + Math.min(query.limit, upTo);
  const hits = found.slice(from, to).map((document): SearchHit => {
    const { session, body } = document;
    const { kind, action, lane, outcome, verdict, rows, durationUs, cutBytes, timeUs } = body;
    const { text: snippet, marks } = snippetOf(document, asked.value);
    return {
      ...{ session: session.session, moment: Math.floor(timeUs / 1000) / 1000, snippet, kind, action, lane },
      ...{ at: new Date(momentOf(document)).toISOString(), marks: marks.map(([a, b]) => [a, b]) },
      ...{ outcome, verdict, rows, durationUs, cutBytes },
      ...{ email: session.email, resource: session.resource, protocol: session.protocol },
    };
  });
  return { hits, ...(to < found.length && { cursor: String(to) }) };
}

const documentsOf = ({ entry, actions }: FakeSession): SearchDocument[] => {
  const { id: session, startedAt, subject, email, resource, protocol, task, trace } = entry;
  const startedMs = Date.parse(startedAt);
  return actions.map((action) => ({
    session: {
      ...{ session, startedMs, subject, email, resource, protocol },
      ...(task !== undefined && { task }),
      ...(trace !== undefined && { trace }),
    },
    body: actionDocument(action),
  }));
};
