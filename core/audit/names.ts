// People in the audit log (docs/adr/0055). No entry has a person's name: a pseudonym stands in its place, and whose it is stands beside
// the log, where it can be erased. Knows nothing of where that is.

import { isAddress, lower, replaceAddresses } from './addresses.ts';
import type { AuditEntry, AuditEvent } from './audit.ts';

const PSEUDONYM = /per_[0-9a-hjkmnp-tv-z]{26}/g;

/** Of a detail with this name the value is a name of the one who acted: the subject by which the provider knows them. */
const SUBJECT = 'subject';

/** Of names as `lower` has them. */
interface NameBook {
  /** `address`: of whose the name is: itself, or of a subject the actor's. */
  pseudonymOf(name: string, address: string): string;
  isKnown(address: string): boolean;
}

/**
 * The event with a pseudonym for each address in it: for who acted and what it was about as a whole where that is an address, else for
 * the addresses within (addresses.ts).
 */
export function pseudonymised(event: AuditEvent, book: NameBook): AuditEvent {
  const one = (address: string): string => book.pseudonymOf(address, address);
  const within = (text: string): string => replaceAddresses(text, one, (address) => book.isKnown(address));
  const whole = (text: string): string => (isAddress(text) ? one(lower(text)) : within(text));
  // In this order: an unusual address of theirs is known by the time that the details are read.
  const [actor, object] = [whole(event.actor), whole(event.object)];
  const details = Object.entries(event.details).map(([key, value]) => {
    if (typeof value !== 'string') return [key, value];
    const isSubject = key === SUBJECT && isAddress(event.actor);
    return [key, isSubject ? book.pseudonymOf(value, lower(event.actor)) : within(value)];
  });
  return { kind: event.kind, actor, object, details: Object.fromEntries(details) };
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
