// People in the audit log (docs/adr/0055). No entry has a person's name: a pseudonym stands in its place, and whose it is stands beside
// the log, where it can be erased. Knows nothing of where that is.

import type { AuditEntry, AuditEvent } from './audit.ts';

/** As core/identity.ts has addresses, where one is all of a text. */
const ADDRESS = /^[^\s@"<>]+@[^\s@"<>]+$/;
/** Within other words: ends with a letter or a digit, so that a full stop stays out. Its length is bounded, so the search is linear. */
const ADDRESS_WITHIN = /[^\s@"'<>()[\],;:=]{1,254}@[^\s@"'<>()[\],;:=]{0,253}[\p{L}\p{N}]/gu;
const PSEUDONYM = /per_[0-9a-hjkmnp-tv-z]{26}/g;

/** Of a detail with this name the value is a name of the one who acted: the subject by which the provider knows them. */
const SUBJECT = 'subject';

/**
 * The event with a pseudonym for each address in it, as its whole or within a text. `pseudonymOf` gets a name in lower case and the
 * address of whose it is: itself, or of a subject the actor's.
 */
export function pseudonymised(event: AuditEvent, pseudonymOf: (name: string, address: string) => string): AuditEvent {
  const one = (address: string): string => pseudonymOf(address.toLowerCase(), address.toLowerCase());
  const within = (text: string): string => (ADDRESS.test(text) ? one(text) : text.replace(ADDRESS_WITHIN, one));
  const actor = event.actor.toLowerCase();
  const details = Object.entries(event.details).map(([key, value]) => {
    if (typeof value !== 'string') return [key, value];
    return [key, key === SUBJECT && ADDRESS.test(actor) ? pseudonymOf(value, actor) : within(value)];
  });
  return {
    kind: event.kind,
    actor: within(event.actor),
    object: within(event.object),
    details: Object.fromEntries(details),
  };
}

type Worded = Pick<AuditEntry, 'actor' | 'object' | 'details'>;

/** Every pseudonym in it. */
export function pseudonymsIn({ actor, object, details }: Worded): string[] {
  const texts = [actor, object, ...Object.values(details).filter((value) => typeof value === 'string')];
  return texts.flatMap((text) => text.match(PSEUDONYM) ?? []);
}

/** For reading, with names where they are known. Its digest is that of the entry without. */
export function withNames<T extends Worded>(entry: T, names: Readonly<Record<string, string>>): T {
  const read = (text: string): string =>
    text.replace(PSEUDONYM, (pseudonym) =>
      Object.hasOwn(names, pseudonym) ? (names[pseudonym] ?? pseudonym) : pseudonym,
    );
  const details = Object.entries(entry.details).map(([key, value]) => [
    key,
    typeof value === 'string' ? read(value) : value,
  ]);
  return { ...entry, actor: read(entry.actor), object: read(entry.object), details: Object.fromEntries(details) };
}
