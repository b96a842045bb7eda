// A recording as a file, by its format and by how its session's protocol is replayed. NDJSON is of frames, CSV of results and a
// transferred file of itself; the others are made of the replay.

import { z } from 'zod';
import type { ExportFormat, ExportQuery } from '../../core/replay/exports.ts';
import type { ReplayEvent, SessionEntry } from '../../core/catalogue.ts';
import { PROTOCOLS, type ReplayKind } from '../../core/protocols.ts';
import type { TerminalEvent } from '../../core/replay/terminal.ts';
import { err, ok, type Result } from '../../core/result.ts';
import { type Checkpoints, NO_CHECKPOINTS } from '../checkpoints.ts';
import { type OpenRecording, replaySession } from '../replay/registry.ts';
import { replayTerminal } from '../replay/terminal/replay-terminal.ts';
import type { Chunks } from '../stream-text.ts';
import { exportAsciicast } from './asciicast.ts';
import { exportAllCsv, exportStatementCsv } from './csv/export-csv.ts';
import { hasResults } from './csv/results.ts';
import { exportFile } from './files/export-file.ts';
import { exportHtml } from './html.ts';
import { exportStatementsMarkdown, exportTerminalMarkdown } from './markdown/page.ts';
import { exportNdjson } from './ndjson.ts';
import { exportTerminalCast, findCastLane, FoundCastLane } from './terminal-cast.ts';
import { exportTerminalHtml } from './terminal-html.ts';
import { exportStatementsText } from './text/statements.ts';
import { exportTerminalText } from './text/terminal.ts';

interface Exported {
  readonly contentType: string;
  /** Letters, digits, dots, dashes and underscores. */
  readonly fileName: string;
  /** The same bytes each time it is asked for. */
  readonly chunks: Chunks;
}

/** An error is what was wrong with the query, for who asked. */
type Export = (
  session: SessionEntry,
  open: OpenRecording,
  query: ExportQuery,
  at: Checkpoints,
) => Promise<Result<Exported, string>>;

const made = (session: SessionEntry, ending: string, contentType: string, chunks: Chunks): Result<Exported, string> =>
  ok({ contentType, fileName: `${session.id}.${ending}`, chunks });

const html = (session: SessionEntry, page: Chunks) => made(session, 'html', 'text/html; charset=utf-8', page);
const cast = (session: SessionEntry, events: Chunks) => made(session, 'cast', 'application/x-asciicast', events);
const text = (session: SessionEntry, lines: Chunks) => made(session, 'txt', 'text/plain; charset=utf-8', lines);
const markdown = (session: SessionEntry, page: Chunks) => made(session, 'md', 'text/markdown; charset=utf-8', page);

const told = ({ statement, through, all }: ExportQuery) => {
  const last = through ?? statement;
  return { statements: last === undefined ? undefined : ([statement ?? 1, last] as const), all: all === 'true' };
};

type Replayed = Extract<ExportFormat, 'html' | 'asciicast' | 'text' | 'markdown'>;

const OF_REPLAYS: Readonly<Record<ReplayKind, Readonly<Record<Replayed, Export>>>> = {
  statements: {
    html: async (session, open, _query, at) => html(session, exportHtml(replaySession(session, at.read(open), at), at)),
    asciicast: async (session, open, { asciicast, lane }, at) =>
      lane === undefined
        ? cast(session, exportAsciicast(replaySession(session, at.read(open), at), asciicast, at))
        : err('an asciicast of statements has all lanes: ask without lane'),
    text: async (session, open, query, at) =>
      text(session, exportStatementsText(replaySession(session, at.read(open), at), told(query), at)),
    markdown: async (session, open, query, at) => {
      const events = (within: Checkpoints) => replaySession(session, within.read(open), within);
      return markdown(session, exportStatementsMarkdown(session, events, told(query), at));
    },
  },
  terminal: {
    html: async (session, open, _query, at) =>
      html(session, exportTerminalHtml(replayTerminal(session, at.read(open), at), at)),
    async asciicast(session, open, { asciicast = 3, lane: wanted }, at) {
      const lane = await at.once('lane', FoundCastLane, (within) =>
        findCastLane(replayTerminal(session, within.read(open), within), wanted, within),
      );
      if (!lane.ok) return lane;
      const events = replayTerminal(session, at.read(open), at);
      return cast(session, exportTerminalCast(session, events, lane.value, asciicast, at));
    },
    text: async (session, open, query, at) =>
      text(session, exportTerminalText(replayTerminal(session, at.read(open), at), told(query), at)),
    markdown: async (session, open, query, at) => {
      const events = (within: Checkpoints) => replayTerminal(session, within.read(open), within);
      return markdown(session, exportTerminalMarkdown(session, events, told(query), at));
    },
  },
};

const REPLAYED = {
  statements: replaySession,
  terminal: replayTerminal,
} satisfies Record<ReplayKind, (...of: Parameters<typeof replaySession>) => unknown>;

/** What to say where none of those is there; null: one is. Reads no further than to the first that is. */
async function missing(
  events: AsyncIterable<ReplayEvent | TerminalEvent>,
  [first, through]: readonly [number, number],
  at: Checkpoints,
): Promise<string | null> {
  let last = at.saved('last', z.number()) ?? 0;
  at.keep('last', z.number(), () => last);
  for await (const event of events) {
    // What is whole is exported, and the damage told there.
    if (event.kind === 'damaged') return null;
    const number = 'statement' in event ? event.statement : 'action' in event ? event.action : undefined;
    if (number === undefined) continue;
    if (number >= first && number <= through) return null;
    last = Math.max(last, number);
  }
  const asked = first === through ? `#${first} is not there` : `nothing of #${first} to #${through} is there`;
  return last === 0 ? `${asked}: the session ran nothing` : `${asked}: the last is #${last}`;
}

const exportCsv: Export = async (session, open, { statement, exact = false }, at) => {
  if (!hasResults(session)) return err('only sessions of databases have results: ask for text or NDJSON');
  if (statement === undefined)
    return made(session, 'csv.zip', 'application/zip', exportAllCsv(session, open, !!exact, at));
  const rows = await exportStatementCsv(session, open, statement, !!exact, at);
  return rows
    ? made(session, `${statement}.csv`, 'text/csv; charset=utf-8', rows)
    : err(`statement ${statement} has no results here: text and statements.csv list what there is, and what failed`);
};

const exportTransferred: Export = async (session, open, { file }, at) => {
  if (file === undefined) return err('name the file: its path, or the number of its action');
  if (PROTOCOLS[session.protocol].replay !== 'terminal')
    return err('only files of SFTP and scp are handed out: what a database took or gave is in NDJSON');
  const exported = await exportFile(session, open, file, at);
  return exported.ok ? ok({ ...exported.value, contentType: 'application/octet-stream' }) : exported;
};

/** `at`: where it was left, and can be left; by default it is made in one go. */
export async function exportSession(
  session: SessionEntry,
  open: OpenRecording,
  query: ExportQuery,
  at: Checkpoints = NO_CHECKPOINTS,
): Promise<Result<Exported, string>> {
  const { format } = query;
  switch (format) {
    case 'ndjson':
      return made(session, 'ndjson', 'application/x-ndjson', exportNdjson(session.startedAt, at.read(open), at));
    case 'csv':
      return exportCsv(session, open, query, at);
    case 'file':
      return exportTransferred(session, open, query, at);
    default: {
      const { replay } = PROTOCOLS[session.protocol];
      const statements = format === 'text' || format === 'markdown' ? told(query).statements : undefined;
      const none =
        statements &&
        (await at.once('missing', z.string().nullable(), (within) =>
          missing(REPLAYED[replay](session, within.read(open), within), statements, within),
        ));
      return typeof none === 'string' ? err(none) : OF_REPLAYS[replay][format](session, open, query, at);
    }
  }
}
