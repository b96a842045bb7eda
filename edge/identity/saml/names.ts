// Identifiers of the SAML 2.0, XML Signature and XML Encryption specifications that are spoken here, and why a
// sign-in by SAML was refused.

export const NS = {
  protocol: 'urn:oasis:names:tc:SAML:2.0:protocol',
  assertion: 'urn:oasis:names:tc:SAML:2.0:assertion',
  metadata: 'urn:oasis:names:tc:SAML:2.0:metadata',
  signature: 'http://www.w3.org/2000/09/xmldsig#',
  encryption: 'http://www.w3.org/2001/04/xmlenc#',
} as const;

export const BINDING = {
  redirect: 'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect',
  post: 'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST',
} as const;
export type RequestBinding = keyof typeof BINDING;

export const NAME_ID = {
  unspecified: 'urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified',
  email: 'urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress',
  persistent: 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent',
  transient: 'urn:oasis:names:tc:SAML:2.0:nameid-format:transient',
  entity: 'urn:oasis:names:tc:SAML:2.0:nameid-format:entity',
} as const;

export const BEARER = 'urn:oasis:names:tc:SAML:2.0:cm:bearer';
export const SUCCESS = 'urn:oasis:names:tc:SAML:2.0:status:Success';

export const EXCLUSIVE_C14N = 'http://www.w3.org/2001/10/xml-exc-c14n#';
export const ENVELOPED_SIGNATURE = 'http://www.w3.org/2000/09/xmldsig#enveloped-signature';
export const RSA_SHA256 = 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256';
export const SHA256 = 'http://www.w3.org/2001/04/xmlenc#sha256';

/** Clocks of the two sides may differ by this much. */
export const CLOCK_SKEW_MS = 60_000;
/** An assertion is refused when it was made longer ago, so its id need not be remembered for longer. */
export const MAX_ASSERTION_AGE_MS = 10 * 60_000;

export type SamlFault =
  | 'metadata_unreachable'
  | 'metadata_wrong'
  | 'certificate_wrong'
  | 'signing_key_missing'
  | 'too_large'
  | 'xml_refused'
  | 'structure_wrong'
  | 'algorithm_refused'
  | 'signature_missing'
  | 'signature_wrong'
  | 'decryption_failed'
  | 'provider_refused'
  | 'issuer_wrong'
  | 'destination_wrong'
  | 'recipient_wrong'
  | 'audience_wrong'
  | 'confirmation_missing'
  | 'condition_unknown'
  | 'assertion_expired'
  | 'assertion_early'
  | 'assertion_replayed'
  | 'attempt_unknown'
  | 'attempt_replayed'
  | 'request_wrong'
  | 'unsolicited'
  | 'subject_wrong'
  | 'subject_transient'
  | 'attribute_twice'
  | 'authentication_wrong'
  | 'context_wrong'
  | 'groups_left_out';
