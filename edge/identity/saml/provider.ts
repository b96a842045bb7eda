// Sign-in with a SAML 2.0 identity provider: the web browser SSO profile, with us as service provider. Knows nothing of
// cookies or HTTP answers. Loaded when somebody signs in by it: it brings an XML parser.

import 'reflect-metadata';
import { X509Certificate } from '@peculiar/x509';
import type { Identity } from '../../../core/identity.ts';
import { err, ok, type Result } from '../../../core/result.ts';
import { toBase64 } from '../../../core/scram.ts';
import type { Secret } from '../../../core/secret.ts';
import { type ClaimFault, identityOf } from '../claims.ts';
import { type AssertionFacts, readAssertion } from './assertion.ts';
import type { StepUp } from '../step-up.ts';
import type { SamlAttempt } from './attempt.ts';
import type { IdpMetadata, IdpMetadataSource } from './idp-metadata.ts';
import { NAME_ID, type SamlFault } from './names.ts';
import { authnRequestXml, redirectAddress } from './request.ts';
import { decodeMessage, readResponse, type SignedPart } from './response.ts';
import { signRequest } from './signature.ts';
import { spMetadataXml } from './sp-metadata.ts';

export interface SamlSettings {
  readonly idp: IdpMetadataSource;
  readonly entityId: string;
  readonly consumerUrl: string;
  readonly providerName: string;
  /** PKCS #8, DER, and the certificates that belong to them. */
  readonly privateKeys: Secret<readonly Uint8Array<ArrayBuffer>[]> | undefined;
  readonly certificates: readonly Uint8Array<ArrayBuffer>[];
  readonly signed: SignedPart;
  readonly nameIdFormat: 'any' | 'email' | 'persistent' | 'transient';
  readonly subjectAttribute: string | undefined;
  readonly emailAttribute: string;
  readonly nameAttribute: string;
  readonly groupsAttribute: string;
  readonly groupsRequired: boolean;
  readonly emailDomains: readonly string[];
  readonly forceAuthn: boolean;
  readonly contexts: readonly string[];
  readonly idpInitiated: boolean;
}

/** How the browser takes a request there. */
export type SentRequest =
  | { readonly kind: 'redirect'; readonly address: URL }
  | { readonly kind: 'form'; readonly address: string; readonly message: string };

interface SamlArrival {
  readonly identity: Identity;
  /** Take each of these once until `forgetAtMs`. */
  readonly assertionKey: string;
  readonly forgetAtMs: number;
  /** It answers this browser's request. */
  readonly isAnswer: boolean;
}

/** Of Entra ID, when somebody is in more groups than it puts in. */
const GROUPS_ELSEWHERE = 'http://schemas.microsoft.com/claims/groups.link';
const EMAIL_IS_NAME_ID = 'NameID';

export class SamlProvider {
  readonly #settings: SamlSettings;

  constructor(settings: SamlSettings) {
    this.#settings = settings;
  }

  async begin(
    returnTo: string,
    now: number,
    stepUp?: StepUp,
  ): Promise<Result<{ readonly send: SentRequest; readonly attempt: SamlAttempt }, SamlFault>> {
    const { entityId, consumerUrl, contexts, forceAuthn } = this.#settings;
    const idp = await this.#settings.idp.current(now);
    if (!idp.ok) return idp;
    const key = await this.#signingKey();
    if (!key.ok) return key;
    if (idp.value.wantsSignedRequests && !key.value) return err('signing_key_missing');
    // An xs:ID begins with no digit.
    const id = `_${crypto.randomUUID()}`;
    const binding = idp.value.signOn.redirect ? 'redirect' : 'post';
    const address = idp.value.signOn[binding] ?? '';
    const xml = authnRequestXml({
      id,
      at: now,
      destination: address,
      issuer: entityId,
      consumerUrl,
      nameIdFormat: this.#nameIdFormat(),
      contexts: stepUp?.require.acr ?? contexts,
      forceAuthn: forceAuthn || stepUp !== undefined,
    });
    const attempt = { id, at: now, returnTo, ...(stepUp && { stepUp }) };
    if (binding === 'redirect')
      return ok({ send: { kind: 'redirect', address: await redirectAddress(xml, address, key.value) }, attempt });
    const message = key.value ? signRequest(xml, pemOf('PRIVATE KEY', key.value)) : xml;
    return ok({ send: { kind: 'form', address, message: toBase64(new TextEncoder().encode(message)) }, attempt });
  }

  /** `encoded`: the form field SAMLResponse. `attempt`: what this browser was sent with; undefined: nothing, or too long ago. */
  async finish(
    encoded: string,
    attempt: SamlAttempt | undefined,
    now: number,
  ): Promise<Result<SamlArrival, SamlFault | ClaimFault>> {
    const document = decodeMessage(encoded);
    if (!document.ok) return document;
    const requestId = document.value.root.attributes.get('InResponseTo');
    if (requestId === undefined && !this.#settings.idpInitiated) return err('unsolicited');
    if (requestId !== undefined && !attempt) return err('attempt_unknown');
    if (requestId !== undefined && requestId !== attempt?.id) return err('request_wrong');

    const idp = await this.#settings.idp.current(now);
    if (!idp.ok) return idp;
    const { consumerUrl, entityId, signed, contexts, forceAuthn } = this.#settings;
    const about = { issuer: idp.value.entityId, consumerUrl, requestId };
    const decryptionKeys = this.#settings.privateKeys?.reveal() ?? [];
    const assertion = await readResponse(document.value, { ...about, keys: idp.value.keys, signed, decryptionKeys });
    if (!assertion.ok) return assertion;
    const facts = readAssertion(assertion.value, {
      ...about,
      audience: entityId,
      authenticatedSinceMs: forceAuthn || attempt?.stepUp ? attempt?.at : undefined,
      contexts: attempt?.stepUp?.require.acr ?? contexts,
      nameIdFormat: this.#nameIdFormat(),
      now,
    });
    if (!facts.ok) return facts;
    const identity = this.#identity(facts.value, idp.value);
    if (!identity.ok) return identity;
    const { id, forgetAtMs } = facts.value;
    const assertionKey = `saml ${idp.value.entityId} ${id}`;
    return ok({ identity: identity.value, assertionKey, forgetAtMs, isAnswer: requestId !== undefined });
  }

  async metadata(): Promise<Result<string, SamlFault>> {
    const key = await this.#signingKey();
    if (!key.ok) return key;
    const { entityId, consumerUrl, certificates } = this.#settings;
    return ok(spMetadataXml({ entityId, consumerUrl, certificates, nameIdFormat: this.#nameIdFormat() }));
  }

  #identity(facts: AssertionFacts, idp: IdpMetadata): Result<Identity, SamlFault | ClaimFault> {
    const { emailAttribute, nameAttribute, groupsAttribute, subjectAttribute } = this.#settings;
    const { attributes, nameId } = facts;
    const single = [emailAttribute, nameAttribute, ...(subjectAttribute === undefined ? [] : [subjectAttribute])];
    // Which of two values counts would be chance, or an attacker's choice.
    if (single.some((name) => facts.repeated.has(name) || (attributes.get(name)?.length ?? 0) > 1))
      return err('attribute_twice');
    if (attributes.has(GROUPS_ELSEWHERE)) return err('groups_left_out');
    const isTransient = subjectAttribute === undefined && nameId.format === NAME_ID.transient;
    if (isTransient) return err('subject_transient');
    const sub = subjectAttribute === undefined ? nameId.value : attributes.get(subjectAttribute)?.[0];
    if (!sub) return err('subject_wrong');
    const isEmail = nameId.format === NAME_ID.email;
    const email =
      emailAttribute === EMAIL_IS_NAME_ID ? (isEmail ? nameId.value : undefined) : attributes.get(emailAttribute)?.[0];
    const identity = identityOf(
      {
        // Never the subject of an OpenID provider, whose issuer is an address.
        iss: `saml:${idp.entityId}`,
        sub,
        iat: facts.authenticatedAtMs / 1000,
        auth_time: facts.authenticatedAtMs / 1000,
        email,
        name: attributes.get(nameAttribute)?.[0],
        groups: attributes.get(groupsAttribute),
        acr: facts.context,
      },
      { ...this.#settings, groupsClaim: 'groups' },
      false,
    );
    if (!identity.ok || facts.sessionUntilMs === undefined) return identity;
    return ok({ ...identity.value, signedInUntil: new Date(facts.sessionUntilMs).toISOString() });
  }

  #nameIdFormat(): string | undefined {
    const { nameIdFormat } = this.#settings;
    return nameIdFormat === 'any' ? undefined : NAME_ID[nameIdFormat];
  }

  /** undefined: we have none. A certificate of another key would have every request refused at the provider. */
  async #signingKey(): Promise<Result<Uint8Array<ArrayBuffer> | undefined, SamlFault>> {
    const key = this.#settings.privateKeys?.reveal()[0];
    const certificate = this.#settings.certificates[0];
    if (!key || !certificate) return key || certificate ? err('certificate_wrong') : ok(undefined);
    try {
      const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
      const { n } = await jwkOf(await crypto.subtle.importKey('pkcs8', key, algorithm, true, ['sign']));
      const { n: published } = await jwkOf(
        await new X509Certificate(certificate).publicKey.export(algorithm, ['verify']),
      );
      return n === published ? ok(key) : err('certificate_wrong');
    } catch {
      return err('certificate_wrong');
    }
  }
}

const jwkOf = async (key: CryptoKey): Promise<JsonWebKey> => (await crypto.subtle.exportKey('jwk', key)) as JsonWebKey;

const pemOf = (label: string, der: Uint8Array): string =>
  `-----BEGIN ${label}-----\n${toBase64(der).replace(/.{64}/g, '$&\n')}\n-----END ${label}-----\n`;
