// What a browser is sent to the provider with: an AuthnRequest (SAML 2.0 core 3.4.1), in the address (HTTP-Redirect, bindings
// 3.4) or in a form (HTTP-POST, 3.5), signed where we have a key.

import { toBase64 } from '../../../core/scram.ts';
import { BINDING, NS, RSA_SHA256 } from './names.ts';
import { escapeXml } from './xml.ts';

interface AuthnRequest {
  readonly id: string;
  readonly at: number;
  /** Where the provider takes it. */
  readonly destination: string;
  readonly issuer: string;
  readonly consumerUrl: string;
  readonly nameIdFormat: string | undefined;
  readonly contexts: readonly string[];
  readonly forceAuthn: boolean;
}

export function authnRequestXml(request: AuthnRequest): string {
  const format = request.nameIdFormat === undefined ? '' : ` Format="${escapeXml(request.nameIdFormat)}"`;
  const contexts = request.contexts.map(
    (context) => `<saml:AuthnContextClassRef>${escapeXml(context)}</saml:AuthnContextClassRef>`,
  );
  return [
    `<samlp:AuthnRequest xmlns:samlp="${NS.protocol}" xmlns:saml="${NS.assertion}" ID="${request.id}" Version="2.0"`,
    ` IssueInstant="${new Date(request.at).toISOString()}" Destination="${escapeXml(request.destination)}"`,
    ` ProtocolBinding="${BINDING.post}" AssertionConsumerServiceURL="${escapeXml(request.consumerUrl)}"`,
    request.forceAuthn ? ' ForceAuthn="true">' : '>',
    `<saml:Issuer>${escapeXml(request.issuer)}</saml:Issuer>`,
    `<samlp:NameIDPolicy${format} AllowCreate="true"/>`,
    contexts.length === 0
      ? ''
      : `<samlp:RequestedAuthnContext Comparison="exact">${contexts.join('')}</samlp:RequestedAuthnContext>`,
    '</samlp:AuthnRequest>',
  ].join('');
}

/** `key`: PKCS #8, DER; undefined: it goes unsigned. */
export async function redirectAddress(
  xml: string,
  destination: string,
  key: Uint8Array<ArrayBuffer> | undefined,
): Promise<URL> {
  const address = new URL(destination);
  const deflated = new Blob([xml]).stream().pipeThrough(new CompressionStream('deflate-raw'));
  const message = toBase64(new Uint8Array(await new Response(deflated).arrayBuffer()));
  const query = [`SAMLRequest=${encodeURIComponent(message)}`];
  if (key) {
    query.push(`SigAlg=${encodeURIComponent(RSA_SHA256)}`);
    const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
    const signer = await crypto.subtle.importKey('pkcs8', key, algorithm, false, ['sign']);
    const signature = await crypto.subtle.sign(algorithm.name, signer, new TextEncoder().encode(query.join('&')));
    query.push(`Signature=${encodeURIComponent(toBase64(new Uint8Array(signature)))}`);
  }
  // Written by hand: the signature is over these very characters.
  address.search = [...(address.search === '' ? [] : [address.search.slice(1)]), ...query].join('&');
  return address;
}
