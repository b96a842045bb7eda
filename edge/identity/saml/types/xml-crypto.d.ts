// What is used of xml-crypto, for the same reason as xmldom.d.ts.

/** An algorithm's class, by its identifier. */
type Table = Record<string, unknown>;

interface Reference {
  readonly xpath: string;
  readonly transforms: readonly string[];
  readonly digestAlgorithm: string;
}

declare class SignedXml {
  constructor(options: {
    readonly publicCert?: string;
    readonly privateKey?: string;
    readonly signatureAlgorithm?: string;
    readonly canonicalizationAlgorithm?: string;
    readonly getCertFromKeyInfo?: () => null;
    readonly getKeyInfoContent?: () => string | null;
  });
  SignatureAlgorithms: Table;
  HashAlgorithms: Table;
  CanonicalizationAlgorithms: Table;
  loadSignature(node: unknown): void;
  /** Throws or answers false where the signature does not hold. */
  checkSignature(xml: string): boolean;
  /** The canonical XML of what was signed. */
  getSignedReferences(): string[];
  addReference(reference: Reference): void;
  computeSignature(
    xml: string,
    options?: { readonly location?: { readonly reference: string; readonly action: string }; readonly prefix?: string },
  ): void;
  getSignedXml(): string;
  getSignatureXml(): string;
  /** HMAC instead of all others, with `privateKey` as its secret. */
  enableHMAC(): void;
}

export { SignedXml };
