// What an assertion says, once its signature held: about whom, for whom, from when until when, and how the person showed who
// they are (SAML 2.0 core 2, web browser SSO profile 4.1.4.2 and 4.1.4.3).

import { err, ok, type Result } from '../../../core/result.ts';
import { BEARER, CLOCK_SKEW_MS, MAX_ASSERTION_AGE_MS, NAME_ID, NS, type SamlFault } from './names.ts';
import { childrenNamed, isNamed, onlyChild, timeOf, type XmlElement } from './xml.ts';

interface AssertionTerms {
  readonly issuer: string;
  /** Our entity id. */
  readonly audience: string;
  readonly consumerUrl: string;
  /** undefined: it was not asked for. */
  readonly requestId: string | undefined;
  /** When the person had to sign in again: not before. */
  readonly authenticatedSinceMs: number | undefined;
  /** One of these, if there are any. */
  readonly contexts: readonly string[];
  /** undefined: any. */
  readonly nameIdFormat: string | undefined;
  readonly now: number;
}

export interface AssertionFacts {
  readonly id: string;
  /** After that it is refused for its age. */
  readonly forgetAtMs: number;
  readonly nameId: { readonly value: string; readonly format: string };
  readonly attributes: ReadonlyMap<string, readonly string[]>;
  /** That came more than once: fine for lists alone. */
  readonly repeated: ReadonlySet<string>;
  readonly authenticatedAtMs: number;
  /** AuthnContextClassRef */
  readonly context: string | undefined;
  /** SessionNotOnOrAfter */
  readonly sessionUntilMs: number | undefined;
}

/** `assertion`: as it was signed. */
export function readAssertion(assertion: XmlElement, terms: AssertionTerms): Result<AssertionFacts, SamlFault> {
  const id = assertion.attributes.get('ID');
  const issued = timeOf(assertion, 'IssueInstant');
  if (assertion.attributes.get('Version') !== '2.0' || !id || issued === undefined) return err('structure_wrong');
  const issuer = onlyChild(assertion, NS.assertion, 'Issuer');
  const isEntity = [undefined, NAME_ID.entity].includes(issuer?.attributes.get('Format') as undefined);
  if (issuer?.text?.trim() !== terms.issuer || !isEntity) return err('issuer_wrong');
  if (issued > terms.now + CLOCK_SKEW_MS) return err('assertion_early');
  const forgetAtMs = issued + MAX_ASSERTION_AGE_MS + CLOCK_SKEW_MS;
  if (forgetAtMs <= terms.now) return err('assertion_expired');

  const subject = onlyChild(assertion, NS.assertion, 'Subject');
  const nameId = subject && readNameId(subject, terms);
  if (!subject || !nameId) return err('subject_wrong');
  const confirmed = checkConfirmations(subject, terms);
  if (!confirmed.ok) return confirmed;
  const conditions = onlyChild(assertion, NS.assertion, 'Conditions');
  const met = conditions ? checkConditions(conditions, terms) : err<SamlFault>('audience_wrong');
  if (!met.ok) return met;
  const authentication = readAuthentication(assertion, terms);
  if (!authentication.ok) return authentication;
  const attributes = readAttributes(assertion);
  if (!attributes.ok) return attributes;
  return ok({ id, forgetAtMs, nameId, ...authentication.value, ...attributes.value });
}

function readNameId(subject: XmlElement, terms: AssertionTerms): AssertionFacts['nameId'] | undefined {
  const kinds = subject.children.filter(({ name }) => name !== 'SubjectConfirmation');
  const nameId = onlyChild(subject, NS.assertion, 'NameID');
  if (kinds.length !== 1 || !nameId) return undefined;
  const value = nameId.text?.trim() ?? '';
  const format = nameId.attributes.get('Format') ?? NAME_ID.unspecified;
  if (value === '' || value.length > 256 || /\p{Cc}/u.test(value)) return undefined;
  if (terms.nameIdFormat !== undefined && format !== terms.nameIdFormat) return undefined;
  // A name that was made for somebody else's service may be another person's here (core 8.3.7).
  const ours = nameId.attributes.get('SPNameQualifier') ?? terms.audience;
  const theirs = nameId.attributes.get('NameQualifier') ?? terms.issuer;
  return ours === terms.audience && (theirs === terms.issuer || theirs === '') ? { value, format } : undefined;
}

/** At least one bearer confirmation holds; when none does, why the last one does not. */
function checkConfirmations(subject: XmlElement, terms: AssertionTerms): Result<undefined, SamlFault> {
  let last: Result<undefined, SamlFault> = err('confirmation_missing');
  for (const confirmation of childrenNamed(subject, NS.assertion, 'SubjectConfirmation')) {
    if (confirmation.attributes.get('Method') !== BEARER) continue;
    const data = onlyChild(confirmation, NS.assertion, 'SubjectConfirmationData');
    last = data ? checkConfirmation(data, terms) : err('confirmation_missing');
    if (last.ok) return last;
  }
  return last;
}

function checkConfirmation(data: XmlElement, terms: AssertionTerms): Result<undefined, SamlFault> {
  const { attributes } = data;
  if (attributes.get('Recipient') !== terms.consumerUrl) return err('recipient_wrong');
  const until = timeOf(data, 'NotOnOrAfter');
  if (until === undefined || attributes.has('NotBefore')) return err('confirmation_missing');
  if (until + CLOCK_SKEW_MS <= terms.now) return err('assertion_expired');
  const answered = attributes.get('InResponseTo');
  if (answered !== terms.requestId) return err(answered === undefined ? 'unsolicited' : 'request_wrong');
  return ok(undefined);
}

function checkConditions(conditions: XmlElement, terms: AssertionTerms): Result<undefined, SamlFault> {
  for (const [name, holds, fault] of [
    ['NotBefore', (at: number) => at - CLOCK_SKEW_MS <= terms.now, 'assertion_early'],
    ['NotOnOrAfter', (at: number) => at + CLOCK_SKEW_MS > terms.now, 'assertion_expired'],
  ] as const) {
    const at = timeOf(conditions, name);
    if (at === undefined ? conditions.attributes.has(name) : !holds(at)) return err(fault);
  }
  let audiences = 0;
  for (const condition of conditions.children) {
    // Each assertion is taken once in any case, and none is passed on.
    if (isNamed(condition, NS.assertion, 'OneTimeUse') || isNamed(condition, NS.assertion, 'ProxyRestriction'))
      continue;
    if (!isNamed(condition, NS.assertion, 'AudienceRestriction')) return err('condition_unknown');
    audiences += 1;
    const named = childrenNamed(condition, NS.assertion, 'Audience').map(({ text }) => text?.trim());
    if (!named.includes(terms.audience)) return err('audience_wrong');
  }
  return audiences > 0 ? ok(undefined) : err('audience_wrong');
}

type Authentication = Pick<AssertionFacts, 'authenticatedAtMs' | 'context' | 'sessionUntilMs'>;

function readAuthentication(assertion: XmlElement, terms: AssertionTerms): Result<Authentication, SamlFault> {
  const statement = onlyChild(assertion, NS.assertion, 'AuthnStatement');
  const authenticatedAtMs = statement && timeOf(statement, 'AuthnInstant');
  if (!statement || authenticatedAtMs === undefined || authenticatedAtMs > terms.now + CLOCK_SKEW_MS)
    return err('authentication_wrong');
  const sessionUntilMs = timeOf(statement, 'SessionNotOnOrAfter');
  if (sessionUntilMs === undefined && statement.attributes.has('SessionNotOnOrAfter'))
    return err('authentication_wrong');
  if (sessionUntilMs !== undefined && sessionUntilMs <= terms.now) return err('assertion_expired');
  if (terms.authenticatedSinceMs !== undefined && authenticatedAtMs + CLOCK_SKEW_MS < terms.authenticatedSinceMs)
    return err('authentication_wrong');
  const contexts = onlyChild(statement, NS.assertion, 'AuthnContext');
  const context = (contexts && onlyChild(contexts, NS.assertion, 'AuthnContextClassRef'))?.text?.trim() || undefined;
  if (terms.contexts.length > 0 && (context === undefined || !terms.contexts.includes(context)))
    return err('context_wrong');
  return ok({ authenticatedAtMs, context, sessionUntilMs });
}

function readAttributes(assertion: XmlElement): Result<Pick<AssertionFacts, 'attributes' | 'repeated'>, SamlFault> {
  const attributes = new Map<string, string[]>();
  const repeated = new Set<string>();
  for (const statement of childrenNamed(assertion, NS.assertion, 'AttributeStatement')) {
    for (const attribute of statement.children) {
      const name = attribute.attributes.get('Name');
      if (attribute.ns !== NS.assertion || attribute.name !== 'Attribute' || !name) return err('structure_wrong');
      if (attributes.has(name)) repeated.add(name);
      const values = attributes.get(name) ?? [];
      // One with elements in it is nothing that is read here; as a group it would be nobody's.
      for (const value of childrenNamed(attribute, NS.assertion, 'AttributeValue'))
        if (value.text !== undefined) values.push(value.text.trim());
      attributes.set(name, values);
    }
  }
  return ok({ attributes, repeated });
}
