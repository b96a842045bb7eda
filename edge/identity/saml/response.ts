// A response of the identity provider (SAML 2.0 core 3.3.3, web browser SSO profile 4.1.4): from the form field that a
// browser posted to the one assertion in it that the provider signed, or to why it is refused. Before any signature is
// looked at, the document has the one shape that providers send: a response, at most one assertion in it, signatures where
// they belong, each id once. Signature wrapping needs a second of something, and there is no place for one.

import { err, ok, type Result } from '../../../core/result.ts';
import { base64Bytes, decryptAssertion } from './encryption.ts';
import { NS, SUCCESS, type SamlFault } from './names.ts';
import { signaturesIn, signedElement } from './signature.ts';
import { isNamed, MAX_SAML_BYTES, onlyChild, parseXml, type XmlDocument, type XmlElement } from './xml.ts';

/** What has to be signed. What else is signed has to hold as well. */
export type SignedPart = 'assertion' | 'response' | 'both';

interface ResponseTerms {
  /** Of the provider that was asked. */
  readonly issuer: string;
  /** Its keys: PEM, SPKI. During a rollover several. */
  readonly keys: readonly string[];
  readonly signed: SignedPart;
  /** Where the response has to be meant for. */
  readonly consumerUrl: string;
  /** Ours: PKCS #8, DER. */
  readonly decryptionKeys: readonly Uint8Array<ArrayBuffer>[];
  /** The request that this browser was sent with; undefined: none, and the response must not name one. */
  readonly requestId: string | undefined;
}

/** The assertion as it was signed. */
export async function readResponse(
  document: XmlDocument,
  terms: ResponseTerms,
): Promise<Result<XmlElement, SamlFault>> {
  const { root } = document;
  const shaped = checkStructure(document, 'Response');
  if (!shaped.ok) return shaped;

  const isSigned = signaturesIn(root).length > 0;
  const response = isSigned ? signedElement(document, root, terms.keys) : ok(root);
  if (!response.ok) return response;
  const addressed = checkResponse(response.value, terms);
  if (!addressed.ok) return addressed;
  if (!isSigned && terms.signed !== 'assertion') return err('signature_missing');
  return trustedAssertion(document, response.value, isSigned, terms);
}

/** `encoded`: the form field SAMLResponse. */
export function decodeMessage(encoded: string): Result<XmlDocument, SamlFault> {
  if (encoded.length > (MAX_SAML_BYTES * 4) / 3 + 4096) return err('too_large');
  const bytes = base64Bytes(encoded);
  if (!bytes) return err('xml_refused');
  if (bytes.length > MAX_SAML_BYTES) return err('too_large');
  try {
    return parseXml(new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(bytes));
  } catch {
    return err('xml_refused');
  }
}

/** Of a response, or of an assertion that was encrypted. */
function checkStructure({ root, elements }: XmlDocument, name: 'Response' | 'Assertion'): Result<undefined, SamlFault> {
  if (!isNamed(root, name === 'Response' ? NS.protocol : NS.assertion, name)) return err('structure_wrong');
  const allowed = name === 'Response' ? RESPONSE_PARTS : ASSERTION_PARTS;
  if (!allowed.test(partsOf(root))) return err('structure_wrong');
  const assertions = elements.filter((element) => /^(?:Encrypted)?Assertion$/.test(element.name));
  const responses = elements.filter((element) => element.name === 'Response');
  const assertion = name === 'Response' ? root.children.find((child) => assertions.includes(child)) : root;
  const plain = assertion?.name === 'Assertion' ? assertion : undefined;
  if (assertions.length > 1 || assertions[0] !== assertion || responses.length !== (name === 'Response' ? 1 : 0))
    return err('structure_wrong');
  if (plain && !ASSERTION_PARTS.test(partsOf(plain))) return err('structure_wrong');
  // Wherever else a signature stands, something is signed that is not read, or read that is not signed.
  const placed = [root, ...(plain && plain !== root ? [plain] : [])].flatMap((element) => signaturesIn(element));
  const signatures = elements.filter((element) => element.name === 'Signature');
  if (signatures.some((signature) => !placed.includes(signature))) return err('structure_wrong');
  const ids = elements.flatMap(({ attributes }) => ['ID', 'Id', 'id'].flatMap((id) => attributes.get(id) ?? []));
  return new Set(ids).size === ids.length ? ok(undefined) : err('structure_wrong');
}

/** In the order of the schema. Extensions and Advice may hold whole assertions, and nobody needs them. */
const RESPONSE_PARTS = /^(?:Issuer )?(?:Signature )?Status (?:Assertion |EncryptedAssertion )?$/;
const ASSERTION_PARTS = /^Issuer (?:Signature )?Subject Conditions (?:(?:Authn|Attribute)Statement )+$/;

const PART_NAMESPACES: Readonly<Record<string, string>> = { Signature: NS.signature, Status: NS.protocol };
const partsOf = (element: XmlElement): string =>
  element.children.map(({ ns, name }) => (ns === (PART_NAMESPACES[name] ?? NS.assertion) ? `${name} ` : '? ')).join('');

function checkResponse(response: XmlElement, terms: ResponseTerms): Result<undefined, SamlFault> {
  if (response.attributes.get('Version') !== '2.0') return err('structure_wrong');
  const issuer = onlyChild(response, NS.assertion, 'Issuer');
  if (issuer && issuer.text?.trim() !== terms.issuer) return err('issuer_wrong');
  if (response.attributes.get('Destination') !== terms.consumerUrl) return err('destination_wrong');
  const answered = response.attributes.get('InResponseTo');
  if (answered !== terms.requestId) return err(answered === undefined ? 'unsolicited' : 'request_wrong');
  const status = onlyChild(response, NS.protocol, 'Status');
  const code = status && onlyChild(status, NS.protocol, 'StatusCode');
  return code?.attributes.get('Value') === SUCCESS ? ok(undefined) : err('provider_refused');
}

async function trustedAssertion(
  document: XmlDocument,
  response: XmlElement,
  isResponseSigned: boolean,
  terms: ResponseTerms,
): Promise<Result<XmlElement, SamlFault>> {
  const inside = await assertionIn(document, response, terms);
  if (!inside.ok) return inside;
  const { within, assertion, fromResponse } = inside.value;
  if (signaturesIn(assertion).length > 0) return signedElement(within, assertion, terms.keys);
  return isResponseSigned && terms.signed === 'response' ? ok(fromResponse) : err('signature_missing');
}

interface FoundAssertion {
  /** As it came, in the document that its signature is checked in. */
  readonly assertion: XmlElement;
  readonly within: XmlDocument;
  /** As the response's signature covers it. */
  readonly fromResponse: XmlElement;
}

async function assertionIn(
  document: XmlDocument,
  response: XmlElement,
  terms: ResponseTerms,
): Promise<Result<FoundAssertion, SamlFault>> {
  const assertion = onlyChild(document.root, NS.assertion, 'Assertion');
  const covered = onlyChild(response, NS.assertion, 'Assertion');
  if (assertion && covered) return ok({ assertion, within: document, fromResponse: covered });
  const encrypted = onlyChild(response, NS.assertion, 'EncryptedAssertion');
  if (!encrypted) return err('structure_wrong');
  const text = await decryptAssertion(encrypted, terms.decryptionKeys);
  if (!text.ok) return text;
  const opened = parseXml(text.value);
  // One answer for all that can be wrong with a plain text, as long as nobody has vouched for it.
  if (!opened.ok || !checkStructure(opened.value, 'Assertion').ok) return err('decryption_failed');
  const { root } = opened.value;
  return ok({ assertion: root, within: opened.value, fromResponse: root });
}
