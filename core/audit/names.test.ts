import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { newId } from '../ids.ts';
import type { AuditEvent } from './audit.ts';
import { withNames, pseudonymised, pseudonymsIn } from './names.ts';

function book() {
  const given = new Map<string, string>();
  const owners = new Map<string, string>();
  const pseudonymOf = (name: string, address: string): string => {
    const known = given.get(name) ?? newId('per');
    given.set(name, known);
    owners.set(name, address);
    return known;
  };
  const names = () => Object.fromEntries([...given].map(([name, pseudonym]) => [pseudonym, name]));
  const isKnown = (name: string): boolean => given.has(name);
  return { given, owners, names, pseudonymOf, isKnown };
}
const event = (change: Partial<AuditEvent>): AuditEvent => ({
  kind: 'request.made',
  actor: 'gatehouse',
  object: 'orders',
  details: {},
  ...change,
});

describe('an entry of the audit log', () => {
  it.each([
    ['alice@example.com', 'alice@example.com'],
    ['as the actor writes it, Alice@Example.COM', 'alice@example.com'],
    ['asked by alice@example.com.', 'alice@example.com'],
    ['(alice@example.com, bob@example.com)', 'alice@example.com'],
    ['user:alice@example.com drop table', 'alice@example.com'],
    ['"Alice" <alice@example.com>', 'alice@example.com'],
    ["o'brien@example.com", "o'brien@example.com"],
    ['ops+night@localhost', 'ops+night@localhost'],
    ['álvaro@exämple.com', 'álvaro@exämple.com'],
  ])('has no address of %s, wherever it stands', (text, address) => {
    const { given, names, pseudonymOf, isKnown } = book();
    const without = pseudonymised(event({ actor: text, object: text, details: { reason: text, n: 1 } }), {
      pseudonymOf,
      isKnown,
    });
    expect(JSON.stringify(without).toLowerCase()).not.toContain(address);
    expect(given.has(address)).toBe(true);
    expect(new Set(pseudonymsIn(without))).toEqual(new Set(given.values()));
    expect(withNames(without, names()).object.toLowerCase()).toBe(text.toLowerCase());
  });

  it('has a pseudonym for the subject too, which goes with its address', () => {
    const { owners, pseudonymOf, isKnown } = book();
    const subject = 'https://idp.example#00u1AbC';
    const signedIn = event({ actor: 'alice@example.com', details: { subject, provider: 'okta' } });
    const without = pseudonymised(signedIn, { pseudonymOf, isKnown });
    expect(JSON.stringify(without)).not.toContain('00u1');
    expect(owners.get(subject)).toBe('alice@example.com');
    // What no person did says nothing of one.
    expect(pseudonymised(event({ details: { subject: 'CN=x' } }), { pseudonymOf, isKnown }).details).toEqual({
      subject: 'CN=x',
    });
  });

  it.each(['connector:con_1', 'gatehouse', 'slack:U123', 'postgres', 'sha256:abc', '@', 'a @ b'])(
    'stays as it was where %s is nobody',
    (text) => {
      const { given, pseudonymOf, isKnown } = book();
      const same = event({ actor: text, object: text, details: { text } });
      expect(pseudonymised(same, { pseudonymOf, isKnown })).toEqual(same);
      expect(given.size).toBe(0);
    },
  );

  it('reads with its names as it was written, and without one as the pseudonym', () => {
    const word = fc.constantFrom('alice@example.com', 'bob@example.org', 'drop', 'ses_1', 'user:', '"', ' ', ',', '.');
    const text = fc.array(word, { maxLength: 8 }).map((words) => words.join(' '));
    fc.assert(
      fc.property(text, text, text, (actor, object, reason) => {
        const { given, names, pseudonymOf, isKnown } = book();
        const one = event({ actor, object, details: { reason, count: 3, none: null, yes: true } });
        const without = pseudonymised(one, { pseudonymOf, isKnown });
        expect(withNames(without, names())).toEqual(one);
        expect(withNames(without, {})).toEqual(without);
        for (const name of given.keys()) expect(JSON.stringify(without)).not.toContain(name);
      }),
    );
  });

  it('is done with long texts too: no text makes the search start over and over', () => {
    const { given, pseudonymOf, isKnown } = book();
    const long = 'a'.repeat(200_000);
    // Quadratic, any of them would be minutes.
    for (const text of [long, `${long}@`, '@'.repeat(200_000), `a@${'.'.repeat(200_000)}`])
      pseudonymised(event({ details: { reason: `${text} ` } }), { pseudonymOf, isKnown });
    expect(given.size).toBe(0);
  });
});
