// Metadata of the identity provider (SAML 2.0 metadata): from the settings, or fetched from its address as an OpenID
// provider's discovery document is, trusted by TLS alone and kept for a while.

import 'reflect-metadata';
import { X509Certificate } from '@peculiar/x509';
import { err, ok, type Result } from '../../../core/result.ts';
import { isLoopbackHost } from '../../settings.ts';
import { base64Bytes } from './encryption.ts';
import { BINDING, NS, type RequestBinding, type SamlFault } from './names.ts';
import { childrenNamed, isNamed, onlyChild, parseXml, timeOf, type XmlElement } from './xml.ts';

export interface IdpMetadata {
  readonly entityId: string;
  /** Where requests go, by binding. */
  readonly signOn: Readonly<Partial<Record<RequestBinding, string>>>;
  /** PEM, SPKI: those that may sign. */
  readonly keys: readonly string[];
  readonly wantsSignedRequests: boolean;
}

/** Those of federations hold thousands of entities; one provider's has up to 100 KB (Entra ID). */
const MAX_METADATA_BYTES = 1024 * 1024;
const MAX_KEYS = 10;
const MIN_MODULUS_BITS = 2048;
const KEPT_MS = 10 * 60_000;
/** As long as its address does not answer; after that nobody signs in. */
const KEPT_STALE_MS = 24 * 3_600_000;
const DEADLINE_MS = 10_000;

function parseIdpMetadata(text: string, now: number): Result<IdpMetadata, SamlFault> {
  const document = text.length > MAX_METADATA_BYTES ? err('xml_refused') : parseXml(text, { comments: 'dropped' });
  if (!document.ok) return err('metadata_wrong');
  const { root } = document.value;
  const entityId = root.attributes.get('entityID') ?? '';
  const roles = childrenNamed(root, NS.metadata, 'IDPSSODescriptor').filter(({ attributes }) =>
    (attributes.get('protocolSupportEnumeration') ?? '').split(/\s+/).includes(NS.protocol),
  );
  const [role] = roles;
  if (!isNamed(root, NS.metadata, 'EntityDescriptor') || entityId === '' || !role || roles.length > 1)
    return err('metadata_wrong');
  for (const element of [root, role])
    if (element.attributes.has('validUntil') && !((timeOf(element, 'validUntil') ?? 0) > now))
      return err('metadata_wrong');
  const keys = signingKeys(role);
  const signOn = services(role);
  if (keys.length === 0 || (!signOn.redirect && !signOn.post)) return err('metadata_wrong');
  const wantsSignedRequests = ['true', '1'].includes(role.attributes.get('WantAuthnRequestsSigned') ?? '');
  return ok({ entityId, signOn, keys, wantsSignedRequests });
}

function services(role: XmlElement): IdpMetadata['signOn'] {
  const found: Partial<Record<RequestBinding, string>> = {};
  for (const { attributes } of childrenNamed(role, NS.metadata, 'SingleSignOnService')) {
    const location = attributes.get('Location') ?? '';
    if (!URL.canParse(location)) continue;
    const { protocol, hostname } = new URL(location);
    if (protocol !== 'https:' && !(protocol === 'http:' && isLoopbackHost(hostname))) continue;
    for (const binding of ['redirect', 'post'] as const)
      if (attributes.get('Binding') === BINDING[binding]) found[binding] ??= location;
  }
  return found;
}

/** RSA of 2048 bits or more. The certificate around a key is a container: its names and dates say nothing (metadata IOP, 2.5). */
function signingKeys(role: XmlElement): readonly string[] {
  const keys = new Set<string>();
  for (const descriptor of childrenNamed(role, NS.metadata, 'KeyDescriptor')) {
    if (descriptor.attributes.get('use') === 'encryption') continue;
    const info = onlyChild(descriptor, NS.signature, 'KeyInfo');
    for (const data of info ? childrenNamed(info, NS.signature, 'X509Data') : [])
      for (const certificate of childrenNamed(data, NS.signature, 'X509Certificate')) {
        const pem = keyOf(certificate.text ?? '');
        if (pem !== undefined && keys.size < MAX_KEYS) keys.add(pem);
      }
  }
  return [...keys];
}

function keyOf(certificate: string): string | undefined {
  const der = base64Bytes(certificate);
  if (!der) return undefined;
  try {
    const { publicKey } = new X509Certificate(der);
    const { name, modulusLength } = publicKey.algorithm as { name: string; modulusLength?: number };
    const fits = name === 'RSASSA-PKCS1-v1_5' && (modulusLength ?? 0) >= MIN_MODULUS_BITS;
    return fits ? publicKey.toString('pem') : undefined;
  } catch {
    return undefined;
  }
}

export interface IdpMetadataSource {
  current(now: number): Promise<Result<IdpMetadata, SamlFault>>;
}

/** Parsed at each sign-in, as it may have run out (`validUntil`). `entityId`: it has to be this provider's; undefined: any. */
export const fixedMetadata = (text: string, entityId: string | undefined): IdpMetadataSource => ({
  current: async (now) => ofProvider(parseIdpMetadata(text, now), entityId),
});

/** `entityId`: whoever answers at the address speaks for this provider and for no other. */
export function fetchedMetadata(url: string, entityId: string): IdpMetadataSource {
  let kept: { readonly text: string; readonly at: number } | undefined;
  let triedAt = 0;
  return {
    async current(now) {
      if (!kept || (kept.at + KEPT_MS <= now && triedAt + 60_000 <= now)) {
        triedAt = now;
        const text = await fetchText(url);
        if (text !== undefined) kept = { text, at: now };
      }
      if (!kept || kept.at + KEPT_STALE_MS <= now) return err('metadata_unreachable');
      const parsed = ofProvider(parseIdpMetadata(kept.text, now), entityId);
      if (!parsed.ok) kept = undefined;
      return parsed;
    },
  };
}

const ofProvider = (parsed: Result<IdpMetadata, SamlFault>, entityId: string | undefined) =>
  parsed.ok && entityId !== undefined && parsed.value.entityId !== entityId ? err('metadata_wrong' as const) : parsed;

async function fetchText(url: string): Promise<string | undefined> {
  try {
    const response = await fetch(url, {
      headers: { accept: 'application/samlmetadata+xml, application/xml;q=0.9, text/xml;q=0.8' },
      redirect: 'manual',
      signal: AbortSignal.timeout(DEADLINE_MS),
    });
    if (!response.ok || !response.body) return undefined;
    let text = '';
    for await (const part of response.body.pipeThrough(new TextDecoderStream())) {
      text += part;
      if (text.length > MAX_METADATA_BYTES) return undefined;
    }
    return text;
  } catch {
    return undefined;
  }
}
