// Our metadata, for the identity provider: who we are, where responses go, our certificates.

import { toBase64 } from '../../../core/scram.ts';
import { BINDING, NAME_ID, NS } from './names.ts';
import { escapeXml } from './xml.ts';

interface SpMetadata {
  readonly entityId: string;
  readonly consumerUrl: string;
  /** DER. The first one's key is what others encrypt to. */
  readonly certificates: readonly Uint8Array[];
  readonly nameIdFormat: string | undefined;
}

const CIPHERS = ['http://www.w3.org/2009/xmlenc11#aes256-gcm', 'http://www.w3.org/2009/xmlenc11#aes128-gcm'];
const KEY_TRANSPORT = 'http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p';

export function spMetadataXml({ entityId, consumerUrl, certificates, nameIdFormat }: SpMetadata): string {
  const encryption = certificates.slice(0, 1);
  const methods = [...CIPHERS, KEY_TRANSPORT].map((method) => `<md:EncryptionMethod Algorithm="${method}"/>`).join('');
  return [
    '<?xml version="1.0" encoding="UTF-8"?>\n',
    `<md:EntityDescriptor xmlns:md="${NS.metadata}" xmlns:ds="${NS.signature}" entityID="${escapeXml(entityId)}">`,
    `<md:SPSSODescriptor AuthnRequestsSigned="${certificates.length > 0}" WantAssertionsSigned="true"`,
    ` protocolSupportEnumeration="${NS.protocol}">`,
    ...certificates.map((certificate) => keyDescriptor('signing', certificate, '')),
    ...encryption.map((certificate) => keyDescriptor('encryption', certificate, methods)),
    `<md:NameIDFormat>${escapeXml(nameIdFormat ?? NAME_ID.unspecified)}</md:NameIDFormat>`,
    `<md:AssertionConsumerService Binding="${BINDING.post}" Location="${escapeXml(consumerUrl)}" index="0" isDefault="true"/>`,
    '</md:SPSSODescriptor></md:EntityDescriptor>\n',
  ].join('');
}

const keyDescriptor = (use: string, certificate: Uint8Array, methods: string): string =>
  `<md:KeyDescriptor use="${use}"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>${toBase64(certificate)}` +
  `</ds:X509Certificate></ds:X509Data></ds:KeyInfo>${methods}</md:KeyDescriptor>`;
