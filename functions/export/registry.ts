// A replay as a file for people, by how its session's protocol is replayed. NDJSON is of frames, and one
// for all (ndjson.ts).

import type { ReplayEvent, SessionEntry } from '../../core/catalogue.ts';
import { PROTOCOLS, type ReplayKind } from '../../core/protocols.ts';
import { exportAsciicast } from './asciicast.ts';
import { exportHtml } from './html.ts';

type Export = (events: AsyncIterable<ReplayEvent>) => AsyncGenerator<string, void, undefined>;

const EXPORTS: Readonly<Record<ReplayKind, { readonly html: Export; readonly asciicast: Export }>> = {
  statements: { html: exportHtml, asciicast: exportAsciicast },
};

export const exportsOf = ({ protocol }: SessionEntry) => EXPORTS[PROTOCOLS[protocol].replay];
