// Signatures of responses and assertions. xml-crypto does the canonicalization and the arithmetic; which signatures it
// is given at all is decided here, in the one form that providers use: an enveloped RSA signature over the very element it
// stands in. What it answers is the signed bytes, and from then on these are read and nothing else.

import { SignedXml } from 'xml-crypto';
import { err, ok, type Result } from '../../../core/result.ts';
import { ENVELOPED_SIGNATURE, EXCLUSIVE_C14N, NS, RSA_SHA256, type SamlFault, SHA256 } from './names.ts';
import { childrenNamed, isNamed, onlyChild, parseXml, type XmlDocument, type XmlElement } from './xml.ts';

/** No SHA-1, no HMAC (a public key would be its secret), no MD5. */
const SIGNATURE_ALGORITHMS = [
  RSA_SHA256,
  'http://www.w3.org/2001/04/xmldsig-more#rsa-sha512',
  'http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1',
];
const DIGESTS = [SHA256, 'http://www.w3.org/2001/04/xmlenc#sha512'];
const TRANSFORMS = [ENVELOPED_SIGNATURE, EXCLUSIVE_C14N];

export const signaturesIn = (element: XmlElement): readonly XmlElement[] =>
  childrenNamed(element, NS.signature, 'Signature');

/**
 * The element as it was signed by one of the keys (PEM, SPKI). `document` is the whole that `element` stands in. Call only after
 * `checkStructure` took the document: then there is one signature in `element` at most.
 */
export function signedElement(
  document: XmlDocument,
  element: XmlElement,
  keys: readonly string[],
): Result<XmlElement, SamlFault> {
  const [signature] = signaturesIn(element);
  if (signature === undefined) return err('signature_missing');
  const form = checkForm(signature, element);
  if (!form.ok) return form;
  for (const key of keys) {
    const signed = verifiedXml(document.xml, signature, key);
    if (signed === undefined) continue;
    const read = parseXml(signed);
    if (!read.ok) return read;
    const { root } = read.value;
    const same = isNamed(root, element.ns, element.name) && root.attributes.get('ID') === element.attributes.get('ID');
    return same ? ok(root) : err('structure_wrong');
  }
  return err('signature_wrong');
}

function verifiedXml(xml: string, signature: XmlElement, key: string): string | undefined {
  const verifier = new SignedXml({ publicCert: key, getCertFromKeyInfo: () => null });
  verifier.SignatureAlgorithms = only(verifier.SignatureAlgorithms, SIGNATURE_ALGORITHMS);
  verifier.HashAlgorithms = only(verifier.HashAlgorithms, DIGESTS);
  verifier.CanonicalizationAlgorithms = only(verifier.CanonicalizationAlgorithms, TRANSFORMS);
  try {
    verifier.loadSignature(signature.node);
    if (!verifier.checkSignature(xml)) return undefined;
    const signed = verifier.getSignedReferences();
    return signed.length === 1 ? signed[0] : undefined;
  } catch {
    return undefined;
  }
}

const only = (table: Record<string, unknown>, names: readonly string[]) =>
  Object.fromEntries(names.map((name) => [name, table[name]]));

/** SAML core, 5.4: one reference, to the element that the signature stands in, with these two transforms. */
function checkForm(signature: XmlElement, element: XmlElement): Result<undefined, SamlFault> {
  const parts = signature.children.map(({ ns, name }) => (ns === NS.signature ? name : '?')).join(' ');
  if (!/^SignedInfo SignatureValue( KeyInfo)?$/.test(parts)) return err('structure_wrong');
  const info = onlyChild(signature, NS.signature, 'SignedInfo');
  const inside = info?.children.map(({ ns, name }) => (ns === NS.signature ? name : '?')).join(' ');
  if (!info || inside !== 'CanonicalizationMethod SignatureMethod Reference') return err('structure_wrong');
  const [canonicalization, method, reference] = info.children;
  const id = element.attributes.get('ID');
  if (!reference || !id || reference.attributes.get('URI') !== `#${id}`) return err('structure_wrong');
  if (reference.children.map(({ name }) => name).join(' ') !== 'Transforms DigestMethod DigestValue')
    return err('structure_wrong');
  const [transforms, digest] = reference.children;
  const named = (transforms?.children ?? []).map((transform) => transform.attributes.get('Algorithm') ?? '');
  const right =
    named.join(' ') === TRANSFORMS.join(' ') &&
    canonicalization?.attributes.get('Algorithm') === EXCLUSIVE_C14N &&
    SIGNATURE_ALGORITHMS.includes(method?.attributes.get('Algorithm') ?? '') &&
    DIGESTS.includes(digest?.attributes.get('Algorithm') ?? '');
  return right ? ok(undefined) : err('algorithm_refused');
}

/** Signs a request by its ID, behind its Issuer, as `schema` wants it. `key`: PKCS #8 in PEM. */
export function signRequest(xml: string, key: string): string {
  const signer = new SignedXml({
    privateKey: key,
    signatureAlgorithm: RSA_SHA256,
    canonicalizationAlgorithm: EXCLUSIVE_C14N,
    getKeyInfoContent: () => null,
  });
  signer.addReference({ xpath: '/*', transforms: TRANSFORMS, digestAlgorithm: SHA256 });
  signer.computeSignature(xml, {
    location: { reference: "/*/*[local-name(.)='Issuer']", action: 'after' },
    prefix: 'ds',
  });
  return signer.getSignedXml();
}
