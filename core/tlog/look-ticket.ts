// A ticket for one request to the functions, signed by the edge with the key of its log of sessions: whoever has the
// edge's AWS key, and not the edge's secret, reads nothing.

import { toBase64 } from '../scram.ts';
import { type NoteKey, parseNote, showNote, type SignNote, signNote, whoSigned } from './note.ts';

/** `MILLISECONDS SIGNATURE`: since 1970; the signature as in a signed note (c2sp.org/signed-note), of `ticketText`. */
export const LOOK_TICKET_HEADER = 'x-gatehouse-look';

/** Either way, as two clouds' clocks differ. Within it the same request may come again, as after a lost answer. */
const GOOD_FOR_MS = 60_000;

/** What is looked at. */
interface Look {
  readonly method: string;
  readonly url: URL;
  readonly body: Uint8Array;
}

export async function makeLookTicket(
  look: Look,
  atMs: number,
  { key, sign }: { readonly key: NoteKey; readonly sign: SignNote },
): Promise<string> {
  const text = await ticketText(look, atMs);
  const signature = showNote({ text, signatures: [await signNote(text, key, sign)] }).slice(text.length + 1);
  return `${atMs} ${signature.slice(signature.lastIndexOf(' ') + 1, -1)}`;
}

/** Why it does not allow the request; undefined: it does. */
export async function lookTicketFault(
  ticket: string | undefined,
  look: Look,
  { key, nowMs }: { readonly key: NoteKey; readonly nowMs: number },
): Promise<'missing' | 'expired' | 'not_signed' | undefined> {
  if (ticket === undefined) return 'missing';
  const [, at, signature] = /^(\d{1,15}) ([A-Za-z0-9+/]{1,200}={0,2})$/.exec(ticket) ?? [];
  if (at === undefined) return 'not_signed';
  const text = await ticketText(look, Number(at));
  const note = parseNote(`${text}\n— ${key.name} ${signature}\n`);
  const signed = note.ok && (await whoSigned(note.value, [key]));
  if (!signed || !(signed.ok && signed.value.length > 0)) return 'not_signed';
  return Math.abs(nowMs - Number(at)) > GOOD_FOR_MS ? 'expired' : undefined;
}

/** Path and query are decoded, since what lies between may encode them otherwise; so each is one line of JSON. */
async function ticketText({ method, url, body }: Look, atMs: number): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new Uint8Array(body)));
  const lines = [method, decoded(url.pathname), [...url.searchParams], toBase64(digest), atMs];
  return `gatehouse look v1\n${lines.map((line) => `${JSON.stringify(line)}\n`).join('')}`;
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
