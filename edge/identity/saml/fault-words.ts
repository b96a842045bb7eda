// What a person is told when a sign-in by SAML fails for a reason that somebody can do something about. All others read the
// same, so that whoever tries things out learns nothing from the answers.

import type { SamlFault } from './names.ts';

const TELL = 'Tell whoever runs Gatehouse.';

const WORDS: Partial<Record<SamlFault, string>> = {
  metadata_wrong: `The identity provider's metadata is not what is expected (SAML_IDP_METADATA, SAML_IDP_ENTITY_ID). ${TELL}`,
  certificate_wrong: `SAML_CERTIFICATE is not the certificate of SAML_PRIVATE_KEY. ${TELL}`,
  signing_key_missing: `The identity provider wants signed requests, and SAML_PRIVATE_KEY is not set. ${TELL}`,
  unsolicited: 'This sign-in began at the identity provider. Begin it here: open the portal and sign in.',
  signature_missing: `The identity provider did not sign what it has to (SAML_SIGNED). ${TELL}`,
  subject_transient: `The identity provider gave you a name that is another one at each sign-in. ${TELL} It can send a persistent name (SAML_NAME_ID_FORMAT), or one in an attribute (SAML_SUBJECT_ATTRIBUTE).`,
  context_wrong: 'You signed in with less than is asked for here. Sign in again, with your second factor.',
};

export const samlFaultWords = (fault: string): string | undefined =>
  Object.hasOwn(WORDS, fault) ? WORDS[fault as SamlFault] : undefined;
