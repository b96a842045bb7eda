// A replay as a file for people, by how its session's protocol is replayed. NDJSON is of frames, and one
// for all (ndjson.ts).

import type { ExportQuery } from '../../core/api.ts';
import type { SessionEntry } from '../../core/catalogue.ts';
import { PROTOCOLS, type ReplayKind } from '../../core/protocols.ts';
import { err, ok, type Result } from '../../core/result.ts';
import { type OpenRecording, replaySession } from '../replay/registry.ts';
import { replayTerminal } from '../replay/terminal/replay-terminal.ts';
import { exportAsciicast } from './asciicast.ts';
import { exportHtml } from './html.ts';
import { exportTerminalCast, findCastLane } from './terminal-cast.ts';
import { exportTerminalHtml } from './terminal-html.ts';

/** An error is what was wrong with the query, for who asked. */
type Export = (
  session: SessionEntry,
  open: OpenRecording,
  query: Omit<ExportQuery, 'format'>,
) => Promise<Result<AsyncGenerator<string, void, undefined>, string>>;

const EXPORTS: Readonly<Record<ReplayKind, { readonly html: Export; readonly asciicast: Export }>> = {
  statements: {
    html: async (session, open) => ok(exportHtml(replaySession(session, open()))),
    asciicast: async (session, open, { asciicast, lane }) =>
      lane === undefined
        ? ok(exportAsciicast(replaySession(session, open()), asciicast))
        : err('an asciicast of statements has all lanes: ask without lane'),
  },
  terminal: {
    html: async (session, open) => ok(exportTerminalHtml(replayTerminal(session, open()))),
    async asciicast(session, open, { asciicast = 3, lane: wanted }) {
      const lane = await findCastLane(replayTerminal(session, open()), wanted);
      if (!lane.ok) return lane;
      return ok(exportTerminalCast(session, replayTerminal(session, open()), lane.value, asciicast));
    },
  },
};

export const exportsOf = ({ protocol }: SessionEntry) => EXPORTS[PROTOCOLS[protocol].replay];
